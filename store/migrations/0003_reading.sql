-- Reading: the language of a passage, passwords of locked documents, and an empty passage for each item that
-- has no text, so that it is found by its name.

ALTER TABLE passages ADD COLUMN language TEXT;  -- NULL: its item's

CREATE TABLE item_passwords (
    item INTEGER PRIMARY KEY REFERENCES items (seq) ON DELETE CASCADE,
    password BLOB NOT NULL
);

CREATE INDEX items_partial ON items (seq) WHERE partial IS NOT NULL;
DROP INDEX items_unchunked;
CREATE INDEX items_unchunked ON items (stored_at) WHERE chunked = 0 AND state <> 'STORED';

-- This version reads more formats, and with a password; and where it found no text it may find some.
UPDATE items SET state = 'STORED', reason = NULL, detail = NULL, attempts = 0
WHERE state = 'QUARANTINED' AND reason IN ('UNSUPPORTED', 'ENCRYPTED')
    OR state IN ('INDEXED', 'ENRICHED') AND NOT EXISTS (SELECT 1 FROM passages WHERE item = items.seq);

-- The words of names and folders are indexed otherwise than before: the index by word is built anew.
DELETE FROM snapshots WHERE name = 'text';
