-- The orders of a list of contacts.
CREATE UNIQUE INDEX contact_created ON contact (tenant_id, created_date, id);
CREATE UNIQUE INDEX contact_modified ON contact (tenant_id, modified_date, id);
