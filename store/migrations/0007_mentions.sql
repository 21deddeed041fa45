-- Whom and what the author of an item names: people, days, amounts of money.

CREATE TABLE mentions (
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,                    -- the same for the same, however it is written
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX mentions_item ON mentions (item);
CREATE INDEX mentions_value ON mentions (kind, value, item);
