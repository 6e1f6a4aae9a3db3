-- The schema. The columns are the same on both databases; where a type differs, the reason is in
-- src/store/dialect. Every key of a table that belongs to an interaction has the identifier of that
-- interaction in it, so that a distributed database can place the rows by it.

-- ---- Interactions

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

-- What is sent of an interaction: its core attributes, packed (src/store/core.rs), and its UserData
-- as JSON text. A list that an index answers reads nothing else.
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

-- Words only, cut and folded by the server: the text itself stands in interaction and
-- interaction_text.
CREATE VIRTUAL TABLE interaction_words USING fts5 (words, content = '', tokenize = 'ascii');
INSERT INTO interaction_words (interaction_words, rank) VALUES ('secure-delete', 1);

-- One row: which rules the words of the full-text index follow, and the last interaction that was
-- indexed anew by newer ones.
CREATE TABLE word_index (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    done INTEGER NOT NULL
);
INSERT INTO word_index (id, version, done) VALUES (1, 1, 0);

-- Keys of UserData that are indexed.
CREATE TABLE indexed_key (
    key TEXT NOT NULL PRIMARY KEY,
    ready INTEGER NOT NULL CHECK (ready IN (0, 1))
);

-- Attributes of interactions that are indexed. Their indexes come and go with these rows
-- (src/store/attribute_index.rs).
CREATE TABLE indexed_attribute (
    name TEXT NOT NULL PRIMARY KEY CHECK (name IN ('createdDate', 'endDate', 'modifiedDate')),
    ready INTEGER NOT NULL CHECK (ready IN (0, 1)) -- 0 while the index is built
);

-- Rows only for declared keys; a list has one for each of its different elements. A value stands
-- cut
-- to its first 200 characters, or as a number: the document has the last word.
CREATE TABLE user_data_index (
    interaction_id TEXT NOT NULL,
    tenant_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    place INTEGER NOT NULL,
    text_value TEXT,
    number_value REAL,
    start_date INTEGER NOT NULL,
    PRIMARY KEY (interaction_id, tenant_id, key, place)
);
CREATE INDEX user_data_index_text ON user_data_index (tenant_id, key, text_value, start_date, interaction_id);
CREATE INDEX user_data_index_number ON user_data_index (tenant_id, key, number_value, start_date, interaction_id)
    WHERE number_value IS NOT NULL;

-- From a web engagement to its conversation.
CREATE TABLE link (
    child_id TEXT NOT NULL,
    tenant_id INTEGER NOT NULL,
    parent_id TEXT NOT NULL,
    copy_user_data TEXT,
    copied_keys TEXT NOT NULL,
    created_date INTEGER NOT NULL,
    linked_by TEXT NOT NULL DEFAULT 'engagement', -- engagement, parentId, parent, or the UserData key that tied the two
    PRIMARY KEY (child_id, tenant_id)
);

-- ---- Contacts

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
CREATE UNIQUE INDEX contact_created ON contact (tenant_id, created_date, id);
CREATE UNIQUE INDEX contact_modified ON contact (tenant_id, modified_date, id);

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

-- One row: which rules the folded values of contacts follow. Where the rules of a server are
-- others,
-- it folds them anew.
CREATE TABLE contact_rules (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    fingerprint TEXT NOT NULL
);

-- Interactions that belonged to a contact and now belong to another or to none. With those that
-- belong to it now, they are all whose entries in the journal may name the contact.
CREATE TABLE former_contact (
    interaction_id TEXT NOT NULL,
    tenant_id INTEGER NOT NULL,
    contact_id TEXT NOT NULL,
    PRIMARY KEY (interaction_id, tenant_id, contact_id)
);
CREATE INDEX former_contact_contact ON former_contact (tenant_id, contact_id, interaction_id);

-- ---- The journal

-- One row: the last cursor given out, and a counter that moves whenever the set of indexed keys
-- does.
CREATE TABLE journal_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_cursor INTEGER NOT NULL,
    key_version INTEGER NOT NULL
);
INSERT INTO journal_head (id, last_cursor, key_version) VALUES (1, 0, 0);

CREATE TABLE journal (
    cursor INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    interaction_id TEXT NOT NULL DEFAULT '', -- empty where there is none: a distributed database places the row by it
    contact_id TEXT,
    media_type TEXT,
    actor TEXT NOT NULL,
    delta TEXT NOT NULL, -- empty for a new interaction: what it says follows from the interaction (src/store/recording.rs)
    before TEXT, -- what a change replaced, where its delta does not tell
    owner_id TEXT,
    action_id TEXT,
    CHECK (interaction_id <> '' OR contact_id IS NOT NULL OR action_id IS NOT NULL)
);
CREATE INDEX journal_interaction ON journal (interaction_id, tenant_id, cursor) WHERE interaction_id <> '';
-- entries about a contact itself; those about its interactions are found by the interactions
CREATE INDEX journal_contact ON journal (tenant_id, contact_id, cursor) WHERE interaction_id = '' AND contact_id IS NOT NULL;
-- an event has an entry for each time that it was enriched, and an erasure must find them all
CREATE INDEX journal_action ON journal (tenant_id, action_id, cursor) WHERE action_id IS NOT NULL;

-- ---- Replies and tokens

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

-- ---- Clients of Web Services

-- A client that listens. Its cursor is what it has surely received; `changed` is the number that
-- its last change of anything else took from the journal's
-- counter, so that every server learns of it in the order of all that happens; an empty holder
-- is a session that ended.
CREATE TABLE client_session (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    subscriptions TEXT NOT NULL,
    cursor INTEGER NOT NULL,
    holder TEXT NOT NULL,
    changed INTEGER NOT NULL,
    seen_date INTEGER NOT NULL,
    sign_in TEXT NOT NULL DEFAULT '' -- the sign-in session in which it opened its session; empty where it keeps none
);
CREATE INDEX client_session_changed ON client_session (changed);
CREATE INDEX client_session_seen ON client_session (seen_date);
CREATE INDEX client_session_user ON client_session (tenant_id, user_name);

-- What a user's clients asked for and get as a message: it has its place among the changes.
CREATE TABLE client_answer (
    cursor INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    channel TEXT NOT NULL,
    reference_id INTEGER NOT NULL,
    data TEXT NOT NULL,
    created_date INTEGER NOT NULL
);
CREATE INDEX client_answer_created ON client_answer (created_date);

-- Some collections have two spellings in the published documents, and a client chooses one by
-- asking
-- for it. The last choice of a user's clients for each collection: of those that share a sign-in
-- session, and under an empty one of those that keep none.
CREATE TABLE client_spelling (
    tenant_id INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    sign_in TEXT NOT NULL,
    collection TEXT NOT NULL,
    twin INTEGER NOT NULL CHECK (twin IN (0, 1)),
    chosen_date INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_name, sign_in, collection)
);
CREATE INDEX client_spelling_chosen ON client_spelling (chosen_date);

-- ---- Web actions: each state of each action is a row, in the order of the journal

CREATE TABLE web_action (
    seq INTEGER PRIMARY KEY, -- the cursor of the entry that recorded it
    tenant_id INTEGER NOT NULL,
    action_id TEXT NOT NULL,
    state TEXT NOT NULL,
    media_type TEXT,
    map_id TEXT,
    map_version INTEGER,
    customer_id TEXT,
    session_id TEXT,
    reference TEXT, -- the interaction or conversation that it led to, where the page knew
    event_date INTEGER NOT NULL,
    contradicted INTEGER NOT NULL CHECK (contradicted IN (0, 1)),
    fingerprint BLOB NOT NULL,
    event TEXT NOT NULL,
    conversation_id TEXT, -- a text in the event
    error_code TEXT -- a text or a number in the event
);
CREATE UNIQUE INDEX web_action_state ON web_action (tenant_id, action_id, state);
CREATE INDEX web_action_date ON web_action (tenant_id, event_date);
CREATE INDEX web_action_map ON web_action (tenant_id, map_id, event_date) WHERE map_id IS NOT NULL;
CREATE INDEX web_action_customer ON web_action (tenant_id, customer_id, seq) WHERE customer_id IS NOT NULL;
CREATE INDEX web_action_session ON web_action (tenant_id, session_id, seq) WHERE session_id IS NOT NULL;
CREATE INDEX web_action_reference ON web_action (tenant_id, reference, seq) WHERE reference IS NOT NULL;
CREATE INDEX web_action_conversation ON web_action (tenant_id, conversation_id, seq) WHERE conversation_id IS NOT NULL;
CREATE INDEX web_action_error ON web_action (tenant_id, error_code, seq) WHERE error_code IS NOT NULL;

-- ---- Webhooks: who is told of which changes, and what became of each delivery

CREATE TABLE webhook (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    url TEXT NOT NULL,
    kinds TEXT NOT NULL, -- a JSON list of names
    media_type TEXT,
    description TEXT,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    disabled_reason TEXT,
    deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)), -- its deliveries go portion by portion, and then itself
    secrets TEXT NOT NULL, -- a JSON list, newest first; what signs cannot be kept as a hash
    cursor INTEGER NOT NULL, -- everything up to here was told, or stands in webhook_delivery
    created_date INTEGER NOT NULL,
    modified_date INTEGER NOT NULL
);
CREATE INDEX webhook_tenant ON webhook (tenant_id, id);

-- Which change went or goes to which webhook; never what it says, which is read from the journal
-- when it goes out. Of what is about one thing only the oldest that
-- waits has a next_date.
CREATE TABLE webhook_delivery (
    webhook_id TEXT NOT NULL,
    cursor INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2), -- waiting, delivered, dead
    attempts INTEGER NOT NULL,
    queued_date INTEGER NOT NULL,
    attempt_date INTEGER,
    next_date INTEGER,
    status INTEGER,
    error TEXT,
    PRIMARY KEY (webhook_id, cursor)
) WITHOUT ROWID;
CREATE INDEX webhook_delivery_subject ON webhook_delivery (webhook_id, subject, state, cursor, next_date);
CREATE INDEX webhook_delivery_next ON webhook_delivery (webhook_id, next_date, cursor) WHERE next_date IS NOT NULL;
-- conditions and columns stand as the queries have them: SQLite does not see that one follows
-- from another
CREATE INDEX webhook_delivery_waiting ON webhook_delivery (webhook_id, state, cursor) WHERE state = 0;
CREATE INDEX webhook_delivery_dead ON webhook_delivery (webhook_id, state, cursor) WHERE state = 2;
CREATE INDEX webhook_delivery_done ON webhook_delivery (attempt_date) WHERE state = 1;

-- One row: the server that sends, a number that moves while it is alive, and one that moves
-- whenever a webhook changes.
CREATE TABLE webhook_sender (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    holder TEXT NOT NULL,
    term INTEGER NOT NULL,
    version INTEGER NOT NULL
);
INSERT INTO webhook_sender (id, holder, term, version) VALUES (1, '', 0, 0);

-- ---- Archives

-- One row: the archive that is being restored, or was last.
CREATE TABLE archive_restore (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    archive TEXT NOT NULL,
    lines INTEGER NOT NULL,
    cursor_offset INTEGER NOT NULL,
    finished INTEGER NOT NULL CHECK (finished IN (0, 1)),
    merging INTEGER NOT NULL DEFAULT 0 CHECK (merging IN (0, 1)) -- an import that goes on does as it began
);

-- What of the archive is left out, because something else stands in its place: its journal is
-- left out too.
CREATE TABLE archive_left_out (
    kind TEXT NOT NULL,
    tenant_id INTEGER NOT NULL,
    id TEXT NOT NULL,
    -- how it compares with what is there: 0 it is the same, 1 it is the same but changed since, 2 it
    -- is something else, or belongs to something else
    standing INTEGER NOT NULL DEFAULT 2 CHECK (standing BETWEEN 0 AND 2),
    PRIMARY KEY (kind, tenant_id, id)
);
