-- The core of the house. The columns are the same on both databases; where a type differs, the reason is in src/store/dialect.rs.

-- One row: the last cursor given out, and a counter that moves whenever the set of indexed keys does.
CREATE TABLE journal_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    last_cursor BIGINT NOT NULL,
    key_version BIGINT NOT NULL
);
INSERT INTO journal_head (id, last_cursor, key_version) VALUES (1, 0, 0);

CREATE TABLE interaction (
    seq BIGINT PRIMARY KEY, -- the cursor of the entry that recorded it
    id TEXT COLLATE "C" NOT NULL,
    tenant_id BIGINT NOT NULL,
    media_type TEXT COLLATE "C" NOT NULL,
    entity_type SMALLINT NOT NULL CHECK (entity_type IN (0, 1, 2, 3, 5, 6, 7)),
    kind TEXT COLLATE "C",
    subtype TEXT COLLATE "C",
    status SMALLINT NOT NULL CHECK (status BETWEEN 0 AND 3),
    contact_id TEXT COLLATE "C",
    owner_id TEXT COLLATE "C",
    parent_id TEXT COLLATE "C",
    thread_id TEXT COLLATE "C" NOT NULL,
    can_be_parent SMALLINT NOT NULL CHECK (can_be_parent IN (0, 1)),
    start_date TIMESTAMPTZ NOT NULL,
    end_date TIMESTAMPTZ,
    created_date TIMESTAMPTZ NOT NULL,
    modified_date TIMESTAMPTZ NOT NULL,
    revision BIGINT NOT NULL CHECK (revision > 0),
    subject TEXT COLLATE "C",
    queue TEXT COLLATE "C",
    category_id TEXT COLLATE "C",
    external_id TEXT COLLATE "C",
    stopped_reason TEXT COLLATE "C",
    language TEXT COLLATE "C",
    fingerprint BYTEA NOT NULL,
    CHECK (end_date IS NULL OR (status = 3 AND end_date >= start_date)),
    CHECK (modified_date >= created_date),
    CHECK (parent_id <> id)
);
CREATE UNIQUE INDEX interaction_id ON interaction (id, tenant_id);
CREATE UNIQUE INDEX interaction_start ON interaction (tenant_id, start_date, id);
CREATE UNIQUE INDEX interaction_media ON interaction (tenant_id, media_type, start_date, id);
CREATE INDEX interaction_status ON interaction (tenant_id, status, start_date, id);
CREATE INDEX interaction_contact ON interaction (tenant_id, contact_id, start_date, id) WHERE contact_id IS NOT NULL;
CREATE INDEX interaction_owner ON interaction (tenant_id, owner_id, start_date, id) WHERE owner_id IS NOT NULL;
CREATE INDEX interaction_thread ON interaction (tenant_id, thread_id, start_date, id);
CREATE INDEX interaction_parent ON interaction (tenant_id, parent_id, start_date, id) WHERE parent_id IS NOT NULL;
CREATE INDEX interaction_external ON interaction (tenant_id, external_id, start_date, id) WHERE external_id IS NOT NULL;

-- What goes out of an interaction, as the JSON text that goes out: its core attributes and its UserData. A list that an index answers reads nothing else.
CREATE TABLE interaction_json (
    seq BIGINT NOT NULL,
    interaction_id TEXT COLLATE "C" NOT NULL,
    tenant_id BIGINT NOT NULL,
    core TEXT COLLATE "C" NOT NULL,
    user_data TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (interaction_id, tenant_id)
);

CREATE TABLE interaction_text (
    seq BIGINT NOT NULL,
    interaction_id TEXT COLLATE "C" NOT NULL,
    tenant_id BIGINT NOT NULL,
    text TEXT COLLATE "C",
    structured_text TEXT COLLATE "C",
    comment TEXT COLLATE "C",
    participants TEXT COLLATE "C",
    PRIMARY KEY (interaction_id, tenant_id)
);

-- Words only, cut and folded by the server: the text itself stands in interaction and interaction_text.
CREATE TABLE interaction_words (
    interaction_id TEXT COLLATE "C" NOT NULL,
    tenant_id BIGINT NOT NULL,
    words TSVECTOR NOT NULL,
    PRIMARY KEY (interaction_id, tenant_id)
);
CREATE INDEX interaction_words_words ON interaction_words USING GIN (words);

CREATE TABLE indexed_key (
    key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    ready SMALLINT NOT NULL CHECK (ready IN (0, 1))
);

-- Rows only for declared keys. A value stands cut to its first 200 characters, or as a number: the document has the last word.
CREATE TABLE user_data_index (
    interaction_id TEXT COLLATE "C" NOT NULL,
    tenant_id BIGINT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    text_value TEXT COLLATE "C",
    number_value DOUBLE PRECISION,
    start_date TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (interaction_id, tenant_id, key)
);
CREATE INDEX user_data_index_text ON user_data_index (tenant_id, key, text_value, start_date, interaction_id);
CREATE INDEX user_data_index_number ON user_data_index (tenant_id, key, number_value, start_date, interaction_id)
    WHERE number_value IS NOT NULL;

CREATE TABLE link (
    child_id TEXT COLLATE "C" NOT NULL,
    tenant_id BIGINT NOT NULL,
    parent_id TEXT COLLATE "C" NOT NULL,
    copy_user_data TEXT COLLATE "C",
    copied_keys TEXT COLLATE "C" NOT NULL,
    created_date TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (child_id, tenant_id)
);

CREATE TABLE contact (
    id TEXT COLLATE "C" NOT NULL,
    tenant_id BIGINT NOT NULL,
    merged_into TEXT COLLATE "C" CHECK (merged_into <> id),
    created_date TIMESTAMPTZ NOT NULL,
    modified_date TIMESTAMPTZ NOT NULL,
    revision BIGINT NOT NULL CHECK (revision > 0),
    fingerprint BYTEA NOT NULL,
    PRIMARY KEY (id, tenant_id)
);
CREATE INDEX contact_merged ON contact (tenant_id, merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE contact_attribute (
    contact_id TEXT COLLATE "C" NOT NULL,
    tenant_id BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    position SMALLINT NOT NULL, -- 0 is the primary value
    value TEXT COLLATE "C" NOT NULL,
    folded TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (contact_id, tenant_id, name, position)
);
CREATE INDEX contact_attribute_folded ON contact_attribute (tenant_id, name, folded);
CREATE INDEX contact_attribute_value ON contact_attribute (tenant_id, name, value);

CREATE TABLE journal (
    cursor BIGINT PRIMARY KEY,
    tenant_id BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    interaction_id TEXT COLLATE "C",
    contact_id TEXT COLLATE "C",
    media_type TEXT COLLATE "C",
    actor TEXT COLLATE "C" NOT NULL,
    delta TEXT COLLATE "C" NOT NULL,
    CHECK (interaction_id IS NOT NULL OR contact_id IS NOT NULL)
);
CREATE INDEX journal_interaction ON journal (interaction_id, tenant_id, cursor) WHERE interaction_id IS NOT NULL;
CREATE INDEX journal_contact ON journal (tenant_id, contact_id, cursor) WHERE contact_id IS NOT NULL;

CREATE TABLE kept_reply (
    tenant_id BIGINT NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    status SMALLINT NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    interaction_id TEXT COLLATE "C",
    contact_id TEXT COLLATE "C",
    created_date TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, path, key)
);
CREATE INDEX kept_reply_created ON kept_reply (created_date);
CREATE INDEX kept_reply_interaction ON kept_reply (tenant_id, interaction_id) WHERE interaction_id IS NOT NULL;
CREATE INDEX kept_reply_contact ON kept_reply (tenant_id, contact_id) WHERE contact_id IS NOT NULL;

CREATE TABLE api_token (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    hash BYTEA NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    created_date TIMESTAMPTZ NOT NULL
);
