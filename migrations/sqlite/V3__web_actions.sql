-- Web actions: each state of each action is a row, in the order of the journal.

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
    event TEXT NOT NULL
);
CREATE UNIQUE INDEX web_action_state ON web_action (tenant_id, action_id, state);
CREATE INDEX web_action_date ON web_action (tenant_id, event_date);
CREATE INDEX web_action_map ON web_action (tenant_id, map_id, event_date) WHERE map_id IS NOT NULL;
CREATE INDEX web_action_customer ON web_action (tenant_id, customer_id, seq) WHERE customer_id IS NOT NULL;
CREATE INDEX web_action_session ON web_action (tenant_id, session_id, seq) WHERE session_id IS NOT NULL;
CREATE INDEX web_action_reference ON web_action (tenant_id, reference, seq) WHERE reference IS NOT NULL;

-- The journal tells of them under their action. A CHECK cannot be changed here but by making the table anew.
CREATE TABLE journal_anew (
    cursor INTEGER PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    interaction_id TEXT,
    contact_id TEXT,
    media_type TEXT,
    actor TEXT NOT NULL,
    delta TEXT NOT NULL,
    owner_id TEXT,
    action_id TEXT,
    CHECK (interaction_id IS NOT NULL OR contact_id IS NOT NULL OR action_id IS NOT NULL)
);
INSERT INTO journal_anew (cursor, tenant_id, at, kind, interaction_id, contact_id, media_type, actor, delta, owner_id)
    SELECT cursor, tenant_id, at, kind, interaction_id, contact_id, media_type, actor, delta, owner_id FROM journal;
DROP TABLE journal;
ALTER TABLE journal_anew RENAME TO journal;
CREATE INDEX journal_interaction ON journal (interaction_id, tenant_id, cursor) WHERE interaction_id IS NOT NULL;
CREATE INDEX journal_contact ON journal (tenant_id, contact_id, cursor) WHERE contact_id IS NOT NULL;
