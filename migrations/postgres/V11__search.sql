-- One row: which rules the words of the full-text index follow, and the last interaction that was indexed anew by newer ones.
CREATE TABLE word_index (
    id SMALLINT PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL,
    done BIGINT NOT NULL
);
INSERT INTO word_index (id, version, done) VALUES (1, 1, 0);

-- A list has a row for each of its different elements, so rows have a place. All keys are filled anew.
DROP TABLE user_data_index;
CREATE TABLE user_data_index (
    interaction_id TEXT COLLATE "C" NOT NULL,
    tenant_id BIGINT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    place INTEGER NOT NULL,
    text_value TEXT COLLATE "C",
    number_value DOUBLE PRECISION,
    start_date TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (interaction_id, tenant_id, key, place)
);
CREATE INDEX user_data_index_text ON user_data_index (tenant_id, key, text_value, start_date, interaction_id);
CREATE INDEX user_data_index_number ON user_data_index (tenant_id, key, number_value, start_date, interaction_id)
    WHERE number_value IS NOT NULL;
UPDATE indexed_key SET ready = 0;
