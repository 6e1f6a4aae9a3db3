-- How a link came about: `engagement`, `parentId`, `parent`, or the UserData key that tied the two.
ALTER TABLE link ADD COLUMN linked_by TEXT NOT NULL DEFAULT 'engagement';
