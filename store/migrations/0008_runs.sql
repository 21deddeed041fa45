-- Items are read anew when a reader or what it goes by has changed, and that can be taken back as a whole.

ALTER TABLE runs ADD COLUMN undone INTEGER NOT NULL DEFAULT 0; -- by the owner: it is not to read stored items anew

-- What was said of an item before the run that speaks for it now. Goes with what it was cut from.
CREATE TABLE replaced (
    item INTEGER PRIMARY KEY REFERENCES items (seq) ON DELETE CASCADE,
    run INTEGER NOT NULL REFERENCES runs (id), -- that said it
    findings BLOB NOT NULL                  -- zstd of msgpack
);
