-- Clients that are told of changes: whose an interaction was when it changed, the sessions of those who listen, and answers to their questions.

ALTER TABLE journal ADD COLUMN owner_id TEXT COLLATE "C";

-- A client that listens. Its cursor is what it has surely received; `changed` is the number that its last change of anything else took from the journal's
-- counter, so that every server learns of it in the order of all that happens; an empty holder is a session that ended.
CREATE TABLE client_session (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id BIGINT NOT NULL,
    user_name TEXT COLLATE "C" NOT NULL,
    subscriptions TEXT COLLATE "C" NOT NULL,
    cursor BIGINT NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    changed BIGINT NOT NULL,
    seen_date TIMESTAMPTZ NOT NULL
);
CREATE INDEX client_session_changed ON client_session (changed);
CREATE INDEX client_session_seen ON client_session (seen_date);

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
