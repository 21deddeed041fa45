-- Every table about an item references items(seq) ON DELETE CASCADE: a deletion is complete by construction,
-- and the proof query finds the tables to count in through these references.

CREATE TABLE facts (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
INSERT INTO facts VALUES ('generation', 0), ('erased', 0), ('model', '');

CREATE TABLE items (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    blob TEXT NOT NULL UNIQUE,              -- HMAC of the bytes, names the file
    data_key BLOB NOT NULL,                 -- wrapped by the epoch's key; gone, the blob is noise
    epoch INTEGER NOT NULL,
    size INTEGER NOT NULL,
    stored_at REAL NOT NULL UNIQUE,         -- unique, so that it pages a listing
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    family TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    superseded INTEGER NOT NULL DEFAULT 0,
    parent TEXT,
    state TEXT NOT NULL,
    chunked INTEGER NOT NULL DEFAULT 0,     -- 1: its passages are made (there may be none)
    reason TEXT,
    detail TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    media_type TEXT,
    title TEXT,
    author TEXT,
    created_at REAL,
    language TEXT,
    pages INTEGER,
    sender TEXT,
    recipients TEXT NOT NULL DEFAULT '[]',  -- JSON list
    thread TEXT,
    partial TEXT
);
CREATE INDEX items_state ON items (state, stored_at);
CREATE INDEX items_unchunked ON items (stored_at) WHERE state = 'PARSED' AND chunked = 0;
CREATE INDEX items_family ON items (family, version);
CREATE INDEX items_parent ON items (parent) WHERE parent IS NOT NULL;
CREATE INDEX items_thread ON items (thread) WHERE thread IS NOT NULL;
CREATE INDEX items_reason ON items (reason) WHERE reason IS NOT NULL;

CREATE TABLE origins (
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    source TEXT NOT NULL,
    locator TEXT NOT NULL,
    parent TEXT NOT NULL DEFAULT '',        -- id of the item that it is an attachment or member of
    name TEXT NOT NULL,
    mtime_ns INTEGER,
    size INTEGER,
    current INTEGER NOT NULL DEFAULT 1      -- 0: this place no longer holds the item
);
CREATE UNIQUE INDEX origins_place ON origins (item, source, locator, parent);
-- A place holds one item at a time.
CREATE UNIQUE INDEX origins_current ON origins (source, locator, parent) WHERE current = 1;
CREATE INDEX origins_parent ON origins (parent) WHERE parent <> '';

CREATE TABLE texts (
    item INTEGER PRIMARY KEY REFERENCES items (seq) ON DELETE CASCADE,
    text BLOB NOT NULL,                     -- zstd of UTF-8
    elements BLOB NOT NULL                  -- zstd of msgpack
);

CREATE TABLE mails (
    item INTEGER PRIMARY KEY REFERENCES items (seq) ON DELETE CASCADE,
    message_id TEXT,
    subject TEXT NOT NULL                   -- without Re: and Fwd:, lower case
);
CREATE INDEX mails_subject ON mails (subject);

-- Every message id that a mail names: its own, its parent's, its references.
CREATE TABLE mail_ids (
    message_id TEXT NOT NULL,
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    PRIMARY KEY (message_id, item)
) WITHOUT ROWID;
CREATE INDEX mail_ids_item ON mail_ids (item);

CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used twice: the key in both indexes
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    text BLOB NOT NULL,                     -- zstd of UTF-8
    page INTEGER,
    heading TEXT,
    embed INTEGER NOT NULL
);
CREATE INDEX passages_item ON passages (item);
CREATE INDEX passages_generation ON passages (generation);

CREATE TABLE vectors (
    passage INTEGER NOT NULL REFERENCES passages (id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    generation INTEGER NOT NULL,
    vector BLOB NOT NULL,                   -- fp16, little endian
    PRIMARY KEY (passage, model)
);
CREATE INDEX vectors_generation ON vectors (model, generation);

-- The passages that the model in facts('model') has yet to embed, newest item first when read backwards.
CREATE TABLE unembedded (
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    passage INTEGER NOT NULL REFERENCES passages (id) ON DELETE CASCADE,
    PRIMARY KEY (item, passage)
) WITHOUT ROWID;
CREATE INDEX unembedded_passage ON unembedded (passage);

-- Passages that are gone, so that index snapshots can be replayed past their removal. Numbers only.
CREATE TABLE removed (
    passage INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL
);
CREATE INDEX removed_generation ON removed (generation);

CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    reader TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at REAL NOT NULL
);

CREATE TABLE readings_by_run (              -- which run spoke last of which item
    item INTEGER PRIMARY KEY REFERENCES items (seq) ON DELETE CASCADE,
    run INTEGER NOT NULL REFERENCES runs (id),
    summary TEXT
);
CREATE INDEX readings_by_run_run ON readings_by_run (run);

CREATE TABLE tags (
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    name TEXT NOT NULL,
    confidence REAL NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX tags_item ON tags (item);
CREATE INDEX tags_name ON tags (name);

CREATE TABLE actions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    what TEXT NOT NULL,
    confidence REAL NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    text TEXT NOT NULL,
    owner TEXT,
    due TEXT,
    due_text TEXT
);
CREATE INDEX actions_item ON actions (item, start, end);

-- What the owner said of an action item. Kept apart from it, so that it outlives runs that come and go.
CREATE TABLE verdicts (
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (item, start, end)
) WITHOUT ROWID;

CREATE TABLE links (
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    project TEXT NOT NULL,
    reason TEXT NOT NULL,
    confidence REAL NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX links_item ON links (item);
CREATE INDEX links_project ON links (project);

CREATE TABLE tokens (
    name TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,            -- SHA-256 of 256 random bits: needs no stretching
    scopes TEXT NOT NULL,                   -- JSON list
    created_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
    number INTEGER PRIMARY KEY,             -- 1, 2, 3, … without a gap
    at REAL NOT NULL,
    event TEXT NOT NULL,
    item TEXT,
    detail TEXT NOT NULL,
    hash BLOB NOT NULL
);

CREATE TABLE snapshots (
    name TEXT PRIMARY KEY,
    generation INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE snapshot_files (
    snapshot TEXT NOT NULL REFERENCES snapshots (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    file TEXT NOT NULL UNIQUE,              -- random name on disk
    data_key BLOB NOT NULL,                 -- gone, the file is noise
    PRIMARY KEY (snapshot, name)
) WITHOUT ROWID;

CREATE TABLE receipts (
    item TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,                   -- its former row number, never used again
    deleted_at REAL NOT NULL,
    oldest INTEGER,                         -- generation of its first passage, if there was any
    generation INTEGER NOT NULL,            -- of their removal
    removed TEXT NOT NULL,                  -- JSON
    audit_hash BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX receipts_generation ON receipts (generation);

-- Deletions that the catalog has done and the disk perhaps not yet: files that may still be there.
CREATE TABLE doomed (
    blob TEXT PRIMARY KEY,
    item TEXT NOT NULL REFERENCES receipts (item)
) WITHOUT ROWID;
