-- Clients that are told of changes: whose an interaction was when it changed, the sessions of those who listen, and answers to their questions.

ALTER TABLE journal ADD COLUMN owner_id TEXT;

-- A client that listens. Its cursor is what it has surely received; `changed` is the number that its last change of anything else took from the journal's
-- counter, so that every server learns of it in the order of all that happens; an empty holder is a session that ended.
CREATE TABLE client_session (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    subscriptions TEXT NOT NULL,
    cursor INTEGER NOT NULL,
    holder TEXT NOT NULL,
    changed INTEGER NOT NULL,
    seen_date INTEGER NOT NULL
);
CREATE INDEX client_session_changed ON client_session (changed);
CREATE INDEX client_session_seen ON client_session (seen_date);

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
