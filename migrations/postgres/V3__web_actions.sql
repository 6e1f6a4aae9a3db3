-- Web actions: each state of each action is a row, in the order of the journal.

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
    event TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX web_action_state ON web_action (tenant_id, action_id, state);
CREATE INDEX web_action_date ON web_action (tenant_id, event_date);
CREATE INDEX web_action_map ON web_action (tenant_id, map_id, event_date) WHERE map_id IS NOT NULL;
CREATE INDEX web_action_customer ON web_action (tenant_id, customer_id, seq) WHERE customer_id IS NOT NULL;
CREATE INDEX web_action_session ON web_action (tenant_id, session_id, seq) WHERE session_id IS NOT NULL;
CREATE INDEX web_action_reference ON web_action (tenant_id, reference, seq) WHERE reference IS NOT NULL;

-- The journal tells of them under their action.
ALTER TABLE journal ADD COLUMN action_id TEXT COLLATE "C";
ALTER TABLE journal DROP CONSTRAINT journal_check;
ALTER TABLE journal ADD CHECK (interaction_id IS NOT NULL OR contact_id IS NOT NULL OR action_id IS NOT NULL);
