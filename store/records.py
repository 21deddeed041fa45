"""The typed records that cross rooms: what an item is, what was read in it, what was said of it.

All are frozen `msgspec` structs, so the same objects are what the API sends as JSON. Times are UTC seconds
since the epoch (float), offsets count characters (code points) into the item's text, pages start at 1.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec


class State(StrEnum):
    """Where an item stands in the ledger. The allowed steps are the table in `store/ledger.py`."""

    STORED = "STORED"  # the original is durable
    PARSED = "PARSED"  # its text is in the catalog; findable by word as soon as it is chunked
    INDEXED = "INDEXED"  # its passages have vectors
    ENRICHED = "ENRICHED"  # read for tags, action items and project links
    QUARANTINED = "QUARANTINED"  # kept, with a reason; can be retried
    DELETED = "DELETED"  # only the receipt is left


class Reason(StrEnum):
    """Why an item is quarantined or has no text."""

    EMPTY = "EMPTY"
    IMAGE_ONLY = "IMAGE_ONLY"
    ENCRYPTED = "ENCRYPTED"  # and no password would help
    NEEDS_PASSWORD = "NEEDS_PASSWORD"  # the owner can give it: `strongroom items unlock`
    TRUNCATED = "TRUNCATED"
    UNSUPPORTED = "UNSUPPORTED"
    TIMEOUT = "TIMEOUT"
    TOO_LARGE = "TOO_LARGE"
    PARSER_CRASH = "PARSER_CRASH"


class ElementKind(StrEnum):
    """The type of one piece of a document."""

    TITLE = "title"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    TABLE = "table"
    HEADER = "header"
    FOOTER = "footer"
    CODE = "code"
    CAPTION = "caption"
    QUOTED = "quoted"  # mail: text of an earlier message; findable by word, never embedded
    SIGNATURE = "signature"  # mail: findable by word, never embedded
    DISCLAIMER = "disclaimer"  # mail: legal boilerplate and list footers; findable by word, never embedded
    FORWARDED = "forwarded"  # mail: the header lines above a forwarded text; never embedded


NOT_EMBEDDED = frozenset(
    {ElementKind.QUOTED, ElementKind.SIGNATURE, ElementKind.DISCLAIMER, ElementKind.FORWARDED}
)


class Mark(StrEnum):
    """What a message is besides its text. Nothing is verified: a signature is seen, not checked."""

    SIGNED_SMIME = "signed (S/MIME)"
    SIGNED_PGP = "signed (PGP)"
    ENCRYPTED_SMIME = "encrypted (S/MIME)"
    ENCRYPTED_PGP = "encrypted (PGP)"
    LIST = "list"
    BULK = "bulk"
    AUTOMATIC = "automatic"
    INVITATION = "invitation"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all records: immutable, fields by name."""


RowNumber = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]  # as the catalog numbers its rows


class Origin(Record, frozen=True, kw_only=True):
    """Where an item came from. The pair (source, locator) is unique among an item's current origins."""

    source: str  # "drop", "watch:NAME", "upload", "attachment"
    locator: str  # path below the source's root, or the path inside the parent
    name: str  # file name as the owner knew it
    mtime_ns: int | None = None
    size: int | None = None
    current: bool = True  # False: this place held the item once and no longer does


class Address(Record, frozen=True, kw_only=True):
    """One mail address as written."""

    name: str
    email: str


class MailHeader(Record, frozen=True, kw_only=True):
    """What a message says of itself."""

    message_id: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    subject: str = ""
    sender: Address | None = None
    recipients: tuple[Address, ...] = ()  # To, Cc and Bcc
    marks: tuple[Mark, ...] = ()


class Table(Record, frozen=True, kw_only=True):
    """The grid of a table: of each row, start and end of each cell by turns, in the item's text."""

    rows: tuple[tuple[int, ...], ...]
    header: int = 0  # how many of the rows, from the first, name the columns


class Element(Record, frozen=True, kw_only=True):
    """One piece of a document in reading order; `start:end` cuts exactly its text out of the item's text."""

    kind: ElementKind
    start: int
    end: int
    page: int | None = None
    level: int | None = None  # heading depth, list nesting
    language: str | None = None  # ISO 639-1, only where it is another than the item's
    table: Table | None = None  # of a table that is not too large to be drawn


class Reading(Record, frozen=True, kw_only=True):
    """A validated reading of one item: what the parser's untrusted reply became."""

    media_type: str
    text: str
    elements: tuple[Element, ...]
    title: str | None = None
    author: str | None = None
    created_at: float | None = None  # the document's own date; for mail, its Date
    zone: int | None = None  # of that date on its author's clock, where it says so: minutes east of UTC
    language: str | None = None  # ISO 639-1
    pages: int | None = None
    mail: MailHeader | None = None
    partial: str | None = None  # what could not be read, for the owner: "pages 3, 7 could not be read"


class Glimpse(Record, frozen=True, kw_only=True):
    """What is known of a document that could not be read."""

    media_type: str | None = None
    title: str | None = None
    author: str | None = None
    created_at: float | None = None
    pages: int | None = None


class Item(Record, frozen=True, kw_only=True):
    """One document or message: one sequence of bytes, wherever it came from."""

    id: str  # 16 hex digits, random: says nothing of the content
    number: int = 0  # its row in the catalog, by which filters know it; rises with every item
    name: str
    state: State
    size: int  # bytes of the original
    stored_at: float
    family: str  # id of the first version; items of one family are versions of one document
    version: int = 1
    superseded: bool = False  # a later version exists and no current origin holds this one
    parent: str | None = None  # the item that this one is an attachment or member of
    path: str | None = None  # inside its parent, "/" between
    source: str = ""  # of the first origin
    media_type: str | None = None
    title: str | None = None  # for mail, the subject
    author: str | None = None
    created_at: float | None = None
    zone: int | None = None  # of that date: minutes east of UTC; None: unknown
    language: str | None = None
    pages: int | None = None
    sender: str | None = None  # "Name <address>"
    recipients: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()  # mail: signed, encrypted, from a list, …
    thread: str | None = None
    reason: Reason | None = None
    detail: str | None = None  # for the owner: what happened and what to do; never content
    partial: str | None = None
    attempts: int = 0


class NewPassage(Record, frozen=True, kw_only=True):
    """A stretch of an item's text, about 200 tokens, cut at structure; `text == item_text[start:end]`.

    An item without text has one empty passage, by which it is found by its name.
    """

    start: int
    end: int
    text: str
    page: int | None = None
    heading: str | None = None  # path of headings above it, " › " between
    embed: bool = True  # False: quoted text and signatures, findable by word only
    language: str | None = None  # ISO 639-1, only where it is another than the item's


class Passage(NewPassage, frozen=True, kw_only=True):
    """A stored passage."""

    id: int  # row id in the catalog: the key in both indexes
    item: str


class Evidence(Record, frozen=True, kw_only=True):
    """The verbatim span that proves a finding: `text == item_text[start:end]`; empty for what only the owner
    said, whose word needs no proof.
    """

    start: int
    end: int
    text: str


class Tag(Record, frozen=True, kw_only=True):
    """A tag of the owner's closed list, given to an item."""

    item: str
    name: str
    confidence: float
    evidence: Evidence
    reader: str = ""  # "owner" if he said so himself; else that of the item's run


class ActionKind(StrEnum):
    """What sort of action item a sentence is."""

    REQUEST = "request"
    COMMITMENT = "commitment"
    QUESTION = "question"


class ActionStatus(StrEnum):
    """Where an action item stands; only the owner moves it."""

    OPEN = "open"
    ACCEPTED = "accepted"  # it is to be done indeed; kept even if no reader finds it again
    DONE = "done"
    REJECTED = "rejected"


class Claim(Record, frozen=True, kw_only=True):
    """A sentence that says that something was done. It closes nothing: it is shown to the owner."""

    item: str
    confidence: float
    evidence: Evidence


class Action(Record, frozen=True, kw_only=True):
    """A sentence that asks or promises something. What, owner and due are the owner's words where he changed
    them; the evidence is always the document's.
    """

    item: str
    kind: ActionKind
    what: str
    confidence: float
    evidence: Evidence
    owner: str | None = None  # who is to do it, as far as the text says
    owed_to: str | None = None  # whom he owes it to, as far as the text says
    due: str | None = None  # ISO date, resolved against the item's own date
    due_text: str | None = None  # the words that said so
    status: ActionStatus = ActionStatus.OPEN
    repeats: int = 0  # how often later messages of the conversation say it again
    again: str | None = None  # the last item that does
    closing: Claim | None = None  # a later message says that it is done: a proposal
    id: int = 0  # 0 until stored


class Link(Record, frozen=True, kw_only=True):
    """A proposed link from an item to one of the owner's projects, with its reason."""

    item: str
    project: str
    reason: str  # "mentions ‘Alder House’"
    confidence: float
    evidence: Evidence
    reader: str = ""  # "owner" if he said so himself; else that of the item's run


class MentionKind(StrEnum):
    """What is named."""

    PERSON = "person"
    DATE = "date"
    AMOUNT = "amount"


class Mention(Record, frozen=True, kw_only=True):
    """A person, a day or an amount of money that an item names."""

    item: str
    kind: MentionKind
    value: str  # a name; an ISO date; "1234.50 EUR"
    evidence: Evidence


class Run(Record, frozen=True, kw_only=True):
    """All that one version of a reader said. It can be taken back as a whole."""

    reader: str  # "builtin" or "llm:<file name>"
    version: str
    started_at: float
    id: int = 0
    undone: bool = False  # the owner took it back: it is not to read stored items anew
    items: int = 0  # of which it spoke last


class Findings(Record, frozen=True, kw_only=True):
    """All that one reader said of one item in one run."""

    tags: tuple[Tag, ...] = ()
    actions: tuple[Action, ...] = ()
    claims: tuple[Claim, ...] = ()
    links: tuple[Link, ...] = ()
    mentions: tuple[Mention, ...] = ()
    summary: str | None = None


class Receipt(Record, frozen=True, kw_only=True):
    """Proof of a deletion: what was removed, counted, and what a search for it found afterwards.

    Not counted, since it says nothing of the document: the digest of each place whose source still holds it.
    """

    item: str
    deleted_at: float
    removed: dict[
        str, int
    ]  # kind -> count: blobs, passages, vectors, tags, actions, links, mentions, origins, children
    residue: dict[str, int]  # the proof query's counts after deletion; all zero, or the deletion failed
    audit_head: str  # hex hash of the audit entry that records it
