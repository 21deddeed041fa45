-- Searches that the owner keeps, and what came in since that answers them.

CREATE TABLE searches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    query TEXT NOT NULL,                    -- as JSON; what it means is the business of the index
    created_at REAL NOT NULL,
    newest INTEGER NOT NULL                 -- the last item that was there when it was kept
);

CREATE TABLE matches (
    search INTEGER NOT NULL REFERENCES searches (id) ON DELETE CASCADE,
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    found_at REAL NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (search, item)
) WITHOUT ROWID;
CREATE INDEX matches_item ON matches (item);

-- Items of which something became known since the kept searches were asked of them. What becomes known again
-- has a higher number.
CREATE TABLE unwatched (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    item INTEGER NOT NULL UNIQUE REFERENCES items (seq) ON DELETE CASCADE
);
CREATE TRIGGER items_unwatched AFTER UPDATE OF state, chunked ON items
WHEN EXISTS (SELECT 1 FROM searches WHERE newest < NEW.seq)
BEGIN
    INSERT OR REPLACE INTO unwatched (item) VALUES (NEW.seq);
END;
