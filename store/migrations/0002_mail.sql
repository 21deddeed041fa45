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
    missed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, locator)
) WITHOUT ROWID;

-- Places whose item the owner deleted, so that it is not taken in again: digests only (store/deletion.py).
CREATE TABLE deleted_places (
    digest BLOB PRIMARY KEY
) WITHOUT ROWID;

-- People. Everything here goes with the last mail that says it (store/people.py).

CREATE TABLE people (
    id INTEGER PRIMARY KEY AUTOINCREMENT
);

CREATE TABLE addresses (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL UNIQUE,           -- case-folded, domain in ASCII; a name where there is no address
    folded TEXT NOT NULL,                   -- what is searched
    person INTEGER NOT NULL REFERENCES people (id),
    settled INTEGER NOT NULL DEFAULT 0      -- 1: the owner said whose it is
);
CREATE INDEX addresses_person ON addresses (person);

CREATE TABLE written (                      -- a name as it was written before an address; it may be empty
    id INTEGER PRIMARY KEY,
    address INTEGER NOT NULL REFERENCES addresses (id),
    name TEXT NOT NULL,
    folded TEXT NOT NULL,                   -- what is searched
    safe TEXT,                              -- two addresses with the same are one person's
    UNIQUE (address, name)
);
CREATE INDEX written_folded ON written (folded);
CREATE INDEX written_safe ON written (safe) WHERE safe IS NOT NULL;

CREATE TABLE mail_people (
    written INTEGER NOT NULL REFERENCES written (id),
    role INTEGER NOT NULL,                  -- 0: sender, 1: recipient
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    PRIMARY KEY (written, role, item)
) WITHOUT ROWID;
CREATE INDEX mail_people_item ON mail_people (item);

-- Conversations. What mails say of themselves is kept otherwise than before, and their people, threads and
-- zones are found by a reader that the first version did not have: every mail is read anew. Until it is, its
-- text, its findings and its thread stay as they are.

UPDATE items SET state = 'STORED', attempts = 0
WHERE seq IN (SELECT item FROM mails) AND state IN ('PARSED', 'INDEXED', 'ENRICHED');

DROP TABLE mail_ids;
DROP TABLE mails;

CREATE TABLE mails (
    item INTEGER PRIMARY KEY REFERENCES items (seq) ON DELETE CASCADE,
    message_id TEXT,
    parents TEXT NOT NULL,                  -- JSON list of message ids, the nearest first
    subject TEXT NOT NULL,                  -- what gathers replies; empty if it says too little
    sent_at REAL NOT NULL,                  -- 0: unknown
    replies INTEGER NOT NULL,               -- 1: the subject says that it is a reply
    mark INTEGER NOT NULL                   -- a digest of the header: an order that does not change
);
CREATE INDEX mails_subject ON mails (subject, sent_at, replies, mark) WHERE subject <> '';

-- Every message id that a mail names, as a digest.
CREATE TABLE mail_ids (
    id INTEGER NOT NULL,
    role INTEGER NOT NULL,                  -- 0: its own, 1: of a mail before it
    item INTEGER NOT NULL REFERENCES items (seq) ON DELETE CASCADE,
    PRIMARY KEY (id, role, item)
) WITHOUT ROWID;
CREATE INDEX mail_ids_item ON mail_ids (item);

-- Replies that name no mail that is here, and the mail that they were gathered to by subject.
CREATE TABLE mail_orphans (
    item INTEGER PRIMARY KEY REFERENCES items (seq) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    sent_at REAL NOT NULL,
    replies INTEGER NOT NULL,
    mark INTEGER NOT NULL,
    gathered INTEGER REFERENCES items (seq) ON DELETE SET NULL
);
CREATE INDEX mail_orphans_subject ON mail_orphans (subject, sent_at, replies, mark);
CREATE INDEX mail_orphans_gathered ON mail_orphans (gathered) WHERE gathered IS NOT NULL;

ALTER TABLE items ADD COLUMN marks TEXT NOT NULL DEFAULT '[]';  -- mail: signed, encrypted, from a list
