-- Webhooks: who is told of which changes, and what became of each telling.

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

-- Which change went or goes to which webhook; never what it says, which is read from the journal when it goes out. Of what is about one thing only the oldest that
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
-- conditions and columns stand as the queries have them: SQLite does not see that one follows from another
CREATE INDEX webhook_delivery_waiting ON webhook_delivery (webhook_id, state, cursor) WHERE state = 0;
CREATE INDEX webhook_delivery_dead ON webhook_delivery (webhook_id, state, cursor) WHERE state = 2;
CREATE INDEX webhook_delivery_done ON webhook_delivery (attempt_date) WHERE state = 1;

-- One row: the server that sends, a number that moves while it is alive, and one that moves whenever a webhook changes.
CREATE TABLE webhook_sender (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    holder TEXT NOT NULL,
    term INTEGER NOT NULL,
    version INTEGER NOT NULL
);
INSERT INTO webhook_sender (id, holder, term, version) VALUES (1, '', 0, 0);
