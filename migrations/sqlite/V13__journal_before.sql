-- What a change replaced, where its delta does not tell. With it, later entries can be undone, and the
-- entry that records an interaction need not repeat its content: its delta is empty.
ALTER TABLE journal ADD COLUMN before TEXT;
