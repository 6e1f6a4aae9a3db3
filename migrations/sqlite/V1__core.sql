-- The core of the house. The columns are the same on both databases; where a type differs, the reason is in src/store/dialect.rs.

-- One row: the last cursor given out, and a counter that moves whenever the set of indexed keys does.
CREATE TABLE journal_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_cursor INTEGER NOT NULL,
    key_version INTEGER NOT NULL
);
INSERT INTO journal_head (id, last_cursor, key_version) VALUES (1, 0, 0);

CREATE TABLE interaction (
    seq INTEGER PRIMARY KEY, -- the cursor of the entry that recorded it
    id TEXT NOT NULL,
    tenant_id INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    entity_type INTEGER NOT NULL CHECK (entity_type IN (0, 1, 2, 3, 5, 6, 7)),
    kind TEXT,
    subtype TEXT,
    status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 3),
    contact_id TEXT,
    owner_id TEXT,
    parent_id TEXT,
    thread_id TEXT NOT NULL,
    can_be_parent INTEGER NOT NULL CHECK (can_be_parent IN (0, 1)),
    start_date INTEGER NOT NULL,
    end_date INTEGER,
    created_date INTEGER NOT NULL,
    modified_date INTEGER NOT NULL,
    revision INTEGER NOT NULL CHECK (revision > 0),
    subject TEXT,
    queue TEXT,
    category_id TEXT,
    external_id TEXT,
    stopped_reason TEXT,
    language TEXT,
    fingerprint BLOB NOT NULL,
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
    seq INTEGER PRIMARY KEY,
    interaction_id TEXT NOT NULL,
    tenant_id INTEGER NOT NULL,
    core TEXT NOT NULL,
    user_data TEXT NOT NULL
);

CREATE TABLE interaction_text (
    seq INTEGER PRIMARY KEY,
    interaction_id TEXT NOT NULL,
    tenant_id INTEGER NOT NULL,
    text TEXT,
    structured_text TEXT,
    comment TEXT,
    participants TEXT
);

-- Words only, cut and folded by the server: the text itself stands in interaction and interaction_text.
CREATE VIRTUAL TABLE interaction_words USING fts5 (words, content = '', tokenize = 'ascii');
INSERT INTO interaction_words (interaction_words, rank) VALUES ('secure-delete', 1);

CREATE TABLE indexed_key (
    key TEXT NOT NULL PRIMARY KEY,
    ready INTEGER NOT NULL CHECK (ready IN (0, 1))
);

-- Rows only for declared keys. A value stands cut to its first 200 characters, or as a number: the document has the last word.
CREATE TABLE user_data_index (
    interaction_id TEXT NOT NULL,
    tenant_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    text_value TEXT,
    number_value REAL,
    start_date INTEGER NOT NULL,
    PRIMARY KEY (interaction_id, tenant_id, key)
);
CREATE INDEX user_data_index_text ON user_data_index (tenant_id, key, text_value, start_date, interaction_id);
CREATE INDEX user_data_index_number ON user_data_index (tenant_id, key, number_value, start_date, interaction_id)
    WHERE number_value IS NOT NULL;

CREATE TABLE link (
    child_id TEXT NOT NULL,
    tenant_id INTEGER NOT NULL,
    parent_id TEXT NOT NULL,
    copy_user_data TEXT,
    copied_keys TEXT NOT NULL,
    created_date INTEGER NOT NULL,
    PRIMARY KEY (child_id, tenant_id)
);

CREATE TABLE contact (
    id TEXT NOT NULL,
    tenant_id INTEGER NOT NULL,
    merged_into TEXT CHECK (merged_into <> id),
    created_date INTEGER NOT NULL,
    modified_date INTEGER NOT NULL,
    revision INTEGER NOT NULL CHECK (revision > 0),
    fingerprint BLOB NOT NULL,
    PRIMARY KEY (id, tenant_id)
);
CREATE INDEX contact_merged ON contact (tenant_id, merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE contact_attribute (
    contact_id TEXT NOT NULL,
    tenant_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    position INTEGER NOT NULL, -- 0 is the primary value
    value TEXT NOT NULL,
    folded TEXT NOT NULL,
    PRIMARY KEY (contact_id, tenant_id, name, position)
);
CREATE INDEX contact_attribute_folded ON contact_attribute (tenant_id, name, folded);
CREATE INDEX contact_attribute_value ON contact_attribute (tenant_id, name, value);

CREATE TABLE journal (
    cursor INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    interaction_id TEXT,
    contact_id TEXT,
    media_type TEXT,
    actor TEXT NOT NULL,
    delta TEXT NOT NULL,
    CHECK (interaction_id IS NOT NULL OR contact_id IS NOT NULL)
);
CREATE INDEX journal_interaction ON journal (interaction_id, tenant_id, cursor) WHERE interaction_id IS NOT NULL;
CREATE INDEX journal_contact ON journal (tenant_id, contact_id, cursor) WHERE contact_id IS NOT NULL;

CREATE TABLE kept_reply (
    tenant_id INTEGER NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    interaction_id TEXT,
    contact_id TEXT,
    created_date INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, path, key)
);
CREATE INDEX kept_reply_created ON kept_reply (created_date);
CREATE INDEX kept_reply_interaction ON kept_reply (tenant_id, interaction_id) WHERE interaction_id IS NOT NULL;
CREATE INDEX kept_reply_contact ON kept_reply (tenant_id, contact_id) WHERE contact_id IS NOT NULL;

CREATE TABLE api_token (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    hash BLOB NOT NULL,
    scopes TEXT NOT NULL,
    created_date INTEGER NOT NULL
);
