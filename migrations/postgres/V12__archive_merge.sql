-- Whether the archive is merged into what is there. An import that goes on does as it began.
ALTER TABLE archive_restore ADD COLUMN merging BIGINT NOT NULL DEFAULT 0 CHECK (merging IN (0, 1));

-- How something that is left out compares with what is there: 0 it is the same, 1 it is the same but
-- changed since, 2 it is something else, or belongs to something else.
ALTER TABLE archive_left_out ADD COLUMN standing BIGINT NOT NULL DEFAULT 2 CHECK (standing BETWEEN 0 AND 2);
