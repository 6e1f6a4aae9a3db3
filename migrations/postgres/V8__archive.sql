-- One row: the archive that is being restored, or was last.
CREATE TABLE archive_restore (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    archive TEXT NOT NULL,
    lines BIGINT NOT NULL,
    cursor_offset BIGINT NOT NULL,
    finished BIGINT NOT NULL CHECK (finished IN (0, 1))
);

-- What of the archive is left out, because something else stands in its place: its journal is left out too.
CREATE TABLE archive_left_out (
    kind TEXT NOT NULL,
    tenant_id BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, tenant_id, id)
);
