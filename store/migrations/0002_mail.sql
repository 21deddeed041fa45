-- Mailboxes: what was true of a server when it was last asked. What is stored of it, the origins say.

CREATE TABLE mail_folders (
    account TEXT NOT NULL,
    folder TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    uidnext INTEGER,
    modseq INTEGER,
    messages INTEGER NOT NULL,
    checked_at REAL NOT NULL,
    selected INTEGER NOT NULL,
    PRIMARY KEY (account, folder)
) WITHOUT ROWID;

CREATE TABLE mail_refused (                 -- messages that cannot be stored now, or at all
    account TEXT NOT NULL,
    folder TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (account, folder, uidvalidity, uid)
) WITHOUT ROWID;

CREATE TABLE mail_secrets (
    account TEXT PRIMARY KEY,
    secret BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE imports (                      -- files of messages that are read through, and how far
    source TEXT NOT NULL,
    locator TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    position INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    done INTEGER NOT NULL,
    started_at REAL NOT NULL,
    PRIMARY KEY (source, locator)
) WITHOUT ROWID;

-- Places whose item the owner deleted, so that it is not taken in again: digests only (store/deletion.py).
CREATE TABLE deleted_places (
    digest BLOB PRIMARY KEY
) WITHOUT ROWID;
