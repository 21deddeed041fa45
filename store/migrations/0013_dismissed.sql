-- Items of groups that were proposed as a tag or a project, and that the owner did not want. No words are kept:
-- those of a proposal are the items' own.

CREATE TABLE dismissed (
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    kind TEXT NOT NULL,                     -- 'tag' or 'project'
    PRIMARY KEY (item, kind)
) WITHOUT ROWID;
