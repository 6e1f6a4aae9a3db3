-- The schema. The columns are the same on both databases; where a type differs, the reason is in
-- src/store/dialect. Every key of a table that belongs to an interaction has the identifier of that
-- interaction in it, so that a distributed database can place the rows by it.

-- ---- Interactions

CREATE TABLE interaction (
    seq BIGINT NOT NULL, -- the cursor of the entry that recorded it
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
    PRIMARY KEY (id, tenant_id),
    CHECK (end_date IS NULL OR (status = 3 AND end_date >= start_date)),
    CHECK (modified_date >= created_date),
    CHECK (parent_id <> id)
) WITH (fillfactor = 90); -- room for a change in the same page, which then touches no index
CREATE INDEX interaction_seq ON interaction (seq);
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
    seq BIGINT NOT NULL,
    interaction_id TEXT COLLATE "C" NOT NULL,
    tenant_id BIGINT NOT NULL,
    core TEXT COLLATE "C" NOT NULL,
    user_data TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (interaction_id, tenant_id)
) WITH (fillfactor = 85);

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

-- Words only, cut and folded by the server: the text itself stands in interaction and
-- interaction_text.
CREATE TABLE interaction_words (
    interaction_id TEXT COLLATE "C" NOT NULL,
    tenant_id BIGINT NOT NULL,
    words TSVECTOR NOT NULL,
    PRIMARY KEY (interaction_id, tenant_id)
);
CREATE INDEX interaction_words_words ON interaction_words USING GIN (words);

-- One row: which rules the words of the full-text index follow, and the last interaction that was
-- indexed anew by newer ones.
CREATE TABLE word_index (
    id SMALLINT PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL,
    done BIGINT NOT NULL
);
INSERT INTO word_index (id, version, done) VALUES (1, 1, 0);

-- Keys of UserData that are indexed.
CREATE TABLE indexed_key (
    key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    ready SMALLINT NOT NULL CHECK (ready IN (0, 1))
);

-- Attributes of interactions that are indexed. Their indexes come and go with these rows
-- (src/store/attribute_index.rs).
CREATE TABLE indexed_attribute (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (name IN ('createdDate', 'endDate', 'modifiedDate')),
    ready SMALLINT NOT NULL CHECK (ready IN (0, 1)) -- 0 while the index is built
);

-- Rows only for declared keys; a list has one for each of its different elements. A value stands
-- cut
-- to its first 200 characters, or as a number: the document has the last word.
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

-- From a web engagement to its conversation.
CREATE TABLE link (
    child_id TEXT COLLATE "C" NOT NULL,
    tenant_id BIGINT NOT NULL,
    parent_id TEXT COLLATE "C" NOT NULL,
    copy_user_data TEXT COLLATE "C",
    copied_keys TEXT COLLATE "C" NOT NULL,
    created_date TIMESTAMPTZ NOT NULL,
    linked_by TEXT COLLATE "C" NOT NULL DEFAULT 'engagement', -- engagement, parentId, parent, or the UserData key that tied the two
    PRIMARY KEY (child_id, tenant_id)
);

-- ---- Contacts

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
CREATE UNIQUE INDEX contact_created ON contact (tenant_id, created_date, id);
CREATE UNIQUE INDEX contact_modified ON contact (tenant_id, modified_date, id);

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
    interaction_id TEXT COLLATE "C" NOT NULL,
    tenant_id BIGINT NOT NULL,
    contact_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (interaction_id, tenant_id, contact_id)
);
CREATE INDEX former_contact_contact ON former_contact (tenant_id, contact_id, interaction_id);

-- ---- The journal

-- One row: the last cursor given out, and a counter that moves whenever the set of indexed keys
-- does.
CREATE TABLE journal_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    last_cursor BIGINT NOT NULL,
    key_version BIGINT NOT NULL
);
INSERT INTO journal_head (id, last_cursor, key_version) VALUES (1, 0, 0);

CREATE TABLE journal (
    cursor BIGINT NOT NULL,
    tenant_id BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    interaction_id TEXT COLLATE "C" NOT NULL DEFAULT '', -- empty where there is none: a distributed database places the row by it
    contact_id TEXT COLLATE "C",
    media_type TEXT COLLATE "C",
    actor TEXT COLLATE "C" NOT NULL,
    delta TEXT COLLATE "C" NOT NULL, -- empty for a new interaction: what it says follows from the interaction (src/store/recording.rs)
    before TEXT COLLATE "C", -- what a change replaced, where its delta does not tell
    owner_id TEXT COLLATE "C",
    action_id TEXT COLLATE "C",
    CHECK (interaction_id <> '' OR contact_id IS NOT NULL OR action_id IS NOT NULL)
);
CREATE INDEX journal_cursor ON journal (cursor);
CREATE INDEX journal_interaction ON journal (interaction_id, tenant_id, cursor) WHERE interaction_id <> '';
-- entries about a contact itself; those about its interactions are found by the interactions
CREATE INDEX journal_contact ON journal (tenant_id, contact_id, cursor) WHERE interaction_id = '' AND contact_id IS NOT NULL;
-- an event has an entry for each time that it was enriched, and an erasure must find them all
CREATE INDEX journal_action ON journal (tenant_id, action_id, cursor) WHERE action_id IS NOT NULL;

-- ---- Replies and tokens

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

-- ---- Clients of Web Services

-- A client that listens. Its cursor is what it has surely received; `changed` is the number that
-- its last change of anything else took from the journal's
-- counter, so that every server learns of it in the order of all that happens; an empty holder
-- is a session that ended.
CREATE TABLE client_session (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id BIGINT NOT NULL,
    user_name TEXT COLLATE "C" NOT NULL,
    subscriptions TEXT COLLATE "C" NOT NULL,
    cursor BIGINT NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    changed BIGINT NOT NULL,
    seen_date TIMESTAMPTZ NOT NULL,
    sign_in TEXT COLLATE "C" NOT NULL DEFAULT '' -- the sign-in session in which it opened its session; empty where it keeps none
);
CREATE INDEX client_session_changed ON client_session (changed);
CREATE INDEX client_session_seen ON client_session (seen_date);
CREATE INDEX client_session_user ON client_session (tenant_id, user_name);

-- What a user's clients asked for and get as a message: it has its place among the changes.
CREATE TABLE client_answer (
    cursor BIGINT PRIMARY KEY,
    tenant_id BIGINT NOT NULL,
    user_name TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    reference_id BIGINT NOT NULL,
    data TEXT COLLATE "C" NOT NULL,
    created_date TIMESTAMPTZ NOT NULL
);
CREATE INDEX client_answer_created ON client_answer (created_date);

-- Some collections have two spellings in the published documents, and a client chooses one by
-- asking
-- for it. The last choice of a user's clients for each collection: of those that share a sign-in
-- session, and under an empty one of those that keep none.
CREATE TABLE client_spelling (
    tenant_id BIGINT NOT NULL,
    user_name TEXT COLLATE "C" NOT NULL,
    sign_in TEXT COLLATE "C" NOT NULL,
    collection TEXT COLLATE "C" NOT NULL,
    twin BIGINT NOT NULL CHECK (twin IN (0, 1)),
    chosen_date TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, user_name, sign_in, collection)
);
CREATE INDEX client_spelling_chosen ON client_spelling (chosen_date);

-- ---- Web actions: each state of each action is a row, in the order of the journal

CREATE TABLE web_action (
    seq BIGINT PRIMARY KEY, -- the cursor of the entry that recorded it
    tenant_id BIGINT NOT NULL,
    action_id TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    media_type TEXT COLLATE "C",
    map_id TEXT COLLATE "C",
    map_version BIGINT,
    customer_id TEXT COLLATE "C",
    session_id TEXT COLLATE "C",
    reference TEXT COLLATE "C", -- the interaction or conversation that it led to, where the page knew
    event_date TIMESTAMPTZ NOT NULL,
    contradicted SMALLINT NOT NULL CHECK (contradicted IN (0, 1)),
    fingerprint BYTEA NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    conversation_id TEXT COLLATE "C", -- a text in the event
    error_code TEXT COLLATE "C" -- a text or a number in the event
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
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id BIGINT NOT NULL,
    url TEXT COLLATE "C" NOT NULL,
    kinds TEXT COLLATE "C" NOT NULL, -- a JSON list of names
    media_type TEXT COLLATE "C",
    description TEXT COLLATE "C",
    enabled SMALLINT NOT NULL CHECK (enabled IN (0, 1)),
    disabled_reason TEXT COLLATE "C",
    deleted SMALLINT NOT NULL CHECK (deleted IN (0, 1)), -- its deliveries go portion by portion, and then itself
    secrets TEXT COLLATE "C" NOT NULL, -- a JSON list, newest first; what signs cannot be kept as a hash
    cursor BIGINT NOT NULL, -- everything up to here was told, or stands in webhook_delivery
    created_date TIMESTAMPTZ NOT NULL,
    modified_date TIMESTAMPTZ NOT NULL
);
CREATE INDEX webhook_tenant ON webhook (tenant_id, id);

-- Which change went or goes to which webhook; never what it says, which is read from the journal
-- when it goes out. Of what is about one thing only the oldest that
-- waits has a next_date.
CREATE TABLE webhook_delivery (
    webhook_id TEXT COLLATE "C" NOT NULL,
    cursor BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    state SMALLINT NOT NULL CHECK (state BETWEEN 0 AND 2), -- waiting, delivered, dead
    attempts BIGINT NOT NULL,
    queued_date TIMESTAMPTZ NOT NULL,
    attempt_date TIMESTAMPTZ,
    next_date TIMESTAMPTZ,
    status BIGINT,
    error TEXT COLLATE "C",
    PRIMARY KEY (webhook_id, cursor)
);
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
    id SMALLINT PRIMARY KEY CHECK (id = 1),
    holder TEXT COLLATE "C" NOT NULL,
    term BIGINT NOT NULL,
    version BIGINT NOT NULL
);
INSERT INTO webhook_sender (id, holder, term, version) VALUES (1, '', 0, 0);

-- ---- Archives

-- One row: the archive that is being restored, or was last.
CREATE TABLE archive_restore (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    archive TEXT NOT NULL,
    lines BIGINT NOT NULL,
    cursor_offset BIGINT NOT NULL,
    finished BIGINT NOT NULL CHECK (finished IN (0, 1)),
    merging BIGINT NOT NULL DEFAULT 0 CHECK (merging IN (0, 1)) -- an import that goes on does as it began
);

-- What of the archive is left out, because something else stands in its place: its journal is
-- left out too.
CREATE TABLE archive_left_out (
    kind TEXT NOT NULL,
    tenant_id BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    -- how it compares with what is there: 0 it is the same, 1 it is the same but changed since, 2 it
    -- is something else, or belongs to something else
    standing BIGINT NOT NULL DEFAULT 2 CHECK (standing BETWEEN 0 AND 2),
    PRIMARY KEY (kind, tenant_id, id)
);
