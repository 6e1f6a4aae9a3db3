-- Webhooks: who is told of which changes, and what became of each telling.

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

-- Which change went or goes to which webhook; never what it says, which is read from the journal when it goes out. Of what is about one thing only the oldest that
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
-- conditions and columns stand as the queries have them: SQLite does not see that one follows from another
CREATE INDEX webhook_delivery_waiting ON webhook_delivery (webhook_id, state, cursor) WHERE state = 0;
CREATE INDEX webhook_delivery_dead ON webhook_delivery (webhook_id, state, cursor) WHERE state = 2;
CREATE INDEX webhook_delivery_done ON webhook_delivery (attempt_date) WHERE state = 1;

-- One row: the server that sends, a number that moves while it is alive, and one that moves whenever a webhook changes.
CREATE TABLE webhook_sender (
    id SMALLINT PRIMARY KEY CHECK (id = 1),
    holder TEXT COLLATE "C" NOT NULL,
    term BIGINT NOT NULL,
    version BIGINT NOT NULL
);
INSERT INTO webhook_sender (id, holder, term, version) VALUES (1, '', 0, 0);
