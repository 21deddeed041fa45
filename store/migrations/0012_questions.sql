-- What the owner asked, and the sentences of the documents that answered it; it is asked again every night. What
-- a model made of the sentences is not kept: it could hold words of a document that is gone.

CREATE TABLE questions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    question TEXT NOT NULL UNIQUE,
    asked_at REAL NOT NULL,                 -- by the owner, last
    found INTEGER NOT NULL,                 -- sentences that answered it then
    looked_at REAL,                         -- asked again, last
    looked_for TEXT,                        -- for the digest of this morning, an ISO date
    changed TEXT                            -- the morning by which the answer had become another; NULL: it is not
);

CREATE TABLE cited (
    question INTEGER NOT NULL REFERENCES questions (id) ON DELETE CASCADE,
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    anew INTEGER NOT NULL,                  -- 0: when the owner asked; 1: as it is since it changed
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX cited_question ON cited (question);
CREATE INDEX cited_item ON cited (item);

-- The digests of the last mornings, as they were made then.

CREATE TABLE digests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    day TEXT NOT NULL UNIQUE,               -- ISO date of its morning
    since REAL NOT NULL,
    until REAL NOT NULL,
    arrived INTEGER NOT NULL
);

CREATE TABLE digest_lines (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest INTEGER NOT NULL REFERENCES digests (id) ON DELETE CASCADE,
    part TEXT NOT NULL,
    content TEXT NOT NULL                   -- as JSON; what it means is the business of enrichment
);
CREATE INDEX digest_lines_digest ON digest_lines (digest);

-- Whose words a line holds. It goes with any of them.
CREATE TABLE digest_sources (
    line INTEGER NOT NULL REFERENCES digest_lines (id) ON DELETE CASCADE,
    item INTEGER REFERENCES items (seq) ON DELETE CASCADE,
    question INTEGER REFERENCES questions (id) ON DELETE CASCADE
);
CREATE INDEX digest_sources_line ON digest_sources (line);
CREATE INDEX digest_sources_item ON digest_sources (item) WHERE item IS NOT NULL;
CREATE INDEX digest_sources_question ON digest_sources (question) WHERE question IS NOT NULL;
CREATE TRIGGER digest_lines_go AFTER DELETE ON digest_sources
BEGIN
    DELETE FROM digest_lines WHERE id = OLD.line;
END;
