-- Some collections of Web Services have two spellings in the published documents. A client chooses one by asking for it.

-- The sign-in session in which a client opened its session; empty where it keeps none.
ALTER TABLE client_session ADD COLUMN sign_in TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX client_session_user ON client_session (tenant_id, user_name);

-- The last choice of a user's clients for each collection: of those that share a sign-in session, and under an empty one of those that keep none.
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
