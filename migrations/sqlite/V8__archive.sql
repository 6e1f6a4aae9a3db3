-- One row: the archive that is being restored, or was last.
CREATE TABLE archive_restore (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    archive TEXT NOT NULL,
    lines INTEGER NOT NULL,
    cursor_offset INTEGER NOT NULL,
    finished INTEGER NOT NULL CHECK (finished IN (0, 1))
);

-- What of the archive is left out, because something else stands in its place: its journal is left out too.
CREATE TABLE archive_left_out (
    kind TEXT NOT NULL,
    tenant_id INTEGER NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (kind, tenant_id, id)
);
