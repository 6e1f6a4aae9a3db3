-- One row: which rules the folded values of contacts follow. Where the rules of a server are others, it folds them anew.
CREATE TABLE contact_rules (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    fingerprint TEXT NOT NULL
);
