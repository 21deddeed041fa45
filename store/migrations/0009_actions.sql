-- Action items: to whom they are owed, what the owner changed of them, and what a later message of the same
-- conversation says of them: the same again, or that it is done.

ALTER TABLE items ADD COLUMN zone INTEGER;      -- of created_at: minutes east of UTC; NULL: unknown

ALTER TABLE actions ADD COLUMN owed_to TEXT;

-- NULL: as it was read; '': nobody, no day.
ALTER TABLE verdicts ADD COLUMN what TEXT;
ALTER TABLE verdicts ADD COLUMN owner TEXT;
ALTER TABLE verdicts ADD COLUMN due TEXT;
ALTER TABLE verdicts ADD COLUMN text TEXT;      -- the sentence, by which it is found again in a text read anew
ALTER TABLE verdicts ADD COLUMN newest INTEGER NOT NULL DEFAULT 0;  -- the last item that was there by then
UPDATE verdicts SET newest = (SELECT coalesce(max(seq), 0) FROM items), text = (
    SELECT a.text FROM actions a
    WHERE a.item = verdicts.item AND a.start = verdicts.start AND a.end = verdicts.end
);

-- Sentences that say that something was done.
CREATE TABLE claims (
    id INTEGER PRIMARY KEY,
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    confidence REAL NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX claims_item ON claims (item);

CREATE TABLE repeats (
    later INTEGER NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    earlier INTEGER NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    PRIMARY KEY (later, earlier)
) WITHOUT ROWID;
CREATE INDEX repeats_earlier ON repeats (earlier);

CREATE TABLE closings (                         -- proposed: only the owner closes
    action INTEGER NOT NULL REFERENCES actions (id) ON DELETE CASCADE,
    claim INTEGER NOT NULL REFERENCES claims (id) ON DELETE CASCADE,
    PRIMARY KEY (action, claim)
) WITHOUT ROWID;
CREATE INDEX closings_claim ON closings (claim);

-- What was read before says nothing of all this: it is read for its meaning anew. Until then it stays.
UPDATE items SET state = 'INDEXED' WHERE state = 'ENRICHED';
