-- What the owner said of tags and projects. Kept apart from what readers find, so that it outlives their runs.

CREATE TABLE corrections (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- what is said again has a higher one
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    kind TEXT NOT NULL,                     -- 'tag' or 'project'
    name TEXT NOT NULL,
    holds INTEGER NOT NULL,                 -- 1: it has the tag, it belongs to the project; 0: it does not
    UNIQUE (item, kind, name)
);
CREATE INDEX corrections_name ON corrections (kind, name, item);

CREATE TABLE closed_projects (
    name TEXT PRIMARY KEY,
    closed_at REAL NOT NULL
) WITHOUT ROWID;

-- What stands: what readers found without what the owner refused, and what the owner said himself. His word
-- needs no proof: where no reader found one, its evidence is empty.

CREATE VIEW standing_tags AS
    SELECT item, name, confidence, start, end, text, '' AS reader FROM tags t
    WHERE NOT EXISTS (
        SELECT 1 FROM corrections c WHERE c.item = t.item AND c.kind = 'tag' AND c.name = t.name)
    UNION ALL
    SELECT c.item, c.name, 1.0, coalesce(t.start, 0), coalesce(t.end, 0), coalesce(t.text, ''), 'owner'
    FROM corrections c LEFT JOIN tags t ON t.item = c.item AND t.name = c.name
    WHERE c.kind = 'tag' AND c.holds = 1;

-- A closed project gets no new links: none to what came in after it was closed, unless the owner says so.
CREATE VIEW standing_links AS
    SELECT item, project, reason, confidence, start, end, text, '' AS reader FROM links l
    WHERE NOT EXISTS (
        SELECT 1 FROM corrections c WHERE c.item = l.item AND c.kind = 'project' AND c.name = l.project)
    AND NOT EXISTS (
        SELECT 1 FROM closed_projects p JOIN items i ON i.seq = l.item
        WHERE p.name = l.project AND i.stored_at > p.closed_at)
    UNION ALL
    SELECT c.item, c.name, coalesce(l.reason, ''), 1.0, coalesce(l.start, 0), coalesce(l.end, 0),
        coalesce(l.text, ''), 'owner'
    FROM corrections c LEFT JOIN links l ON l.item = c.item AND l.project = c.name
    WHERE c.kind = 'project' AND c.holds = 1;
