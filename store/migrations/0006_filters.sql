-- Filters of a search: each is read from one index, without the rows it belongs to.

CREATE INDEX items_type ON items (media_type);
CREATE INDEX items_language ON items (language);
CREATE INDEX items_size ON items (size);
CREATE INDEX items_date ON items (coalesce(created_at, stored_at));
CREATE INDEX items_superseded ON items (seq) WHERE superseded = 1;
CREATE INDEX origins_source ON origins (source, locator, current, item);
DROP INDEX tags_name;
CREATE INDEX tags_name ON tags (name, item);
DROP INDEX links_project;
CREATE INDEX links_project ON links (project, item);

-- What is inside what, by number: attachments in a mail, members in an archive.
CREATE TABLE inside (
    holder INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    PRIMARY KEY (holder, item)
) WITHOUT ROWID;
CREATE INDEX inside_item ON inside (item);
INSERT INTO inside SELECT DISTINCT p.seq, o.item FROM origins o JOIN items p ON p.id = o.parent
    WHERE o.parent <> '';
