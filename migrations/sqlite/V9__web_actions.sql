-- The conversation and the error code of an event, to search by. Both are texts in the event or, the
-- code alone, a number.
ALTER TABLE web_action ADD COLUMN conversation_id TEXT;
ALTER TABLE web_action ADD COLUMN error_code TEXT;
UPDATE web_action SET conversation_id = json_extract(event, '$.conversationId'),
    error_code = CAST(json_extract(event, '$.errorCode') AS TEXT)
    WHERE json_extract(event, '$.conversationId') IS NOT NULL OR json_extract(event, '$.errorCode') IS NOT NULL;
CREATE INDEX web_action_conversation ON web_action (tenant_id, conversation_id, seq) WHERE conversation_id IS NOT NULL;
CREATE INDEX web_action_error ON web_action (tenant_id, error_code, seq) WHERE error_code IS NOT NULL;

-- An event has an entry for each time that it was enriched, and an erasure must find them all.
CREATE INDEX journal_action ON journal (tenant_id, action_id, cursor) WHERE action_id IS NOT NULL;
