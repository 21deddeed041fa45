"""Every action of the appliance once, typed: the command line, the API and the page are adapters over this.

Each operation takes one request struct and returns one record. Nothing here knows of HTTP or terminals.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from datetime import date
from typing import Annotated, BinaryIO

from msgspec import Meta

from appliance.document import ShownElement, shown
from appliance.errors import BadRequest
from appliance.mail_operations import MailOperations
from appliance.meaning_operations import MeaningOperations
from appliance.observation import Observation, Signature, canonical
from appliance.search_operations import SearchOperations
from enrich.digest import Digest
from index.refresh import Refresher
from ingest.readers.formats import FORMATS, FormatRow
from policy.admission import Admission
from policy.egress import EgressReport
from policy.limits import Limits
from policy.redact import Private
from store.records import (
    Action,
    ActionStatus,
    Item,
    Link,
    Mention,
    Origin,
    Receipt,
    Record,
    RowNumber,
    Run,
    State,
    Tag,
)
from store.vault import Stored, Vault
from store.verify import VerifyReport


class ItemRef(Record, frozen=True, kw_only=True):
    """Names one item."""

    id: str


class ItemRefs(Record, frozen=True, kw_only=True):
    """Names items."""

    items: tuple[str, ...]


class ItemsRequest(Record, frozen=True, kw_only=True):
    """Which items to list, newest first."""

    state: State | None = None
    source: str | None = None
    limit: int = 50
    before: float | None = None  # stored_at of the last item of the page before


class ItemPage(Record, frozen=True, kw_only=True):
    """One page of items; `before` asks for the next one."""

    items: list[Item]
    before: float | None = None


class ItemDetail(Record, frozen=True, kw_only=True):
    """All that is known of one item but its text."""

    item: Item
    origins: list[Origin]
    versions: list[Item]
    children: list[Item]
    tags: list[Tag]
    actions: list[Action]
    links: list[Link]
    mentions: list[Mention]
    summary: str | None = None


class ItemText(Record, frozen=True, kw_only=True):
    """The text that was read of an item; offsets of hits and evidence count in it."""

    item: str
    text: str
    elements: list[ShownElement]


class ExcerptRequest(Record, frozen=True, kw_only=True):
    """Names a part of the text of an item."""

    id: str
    offset: int = 0  # characters
    limit: int


class Excerpt(Record, frozen=True, kw_only=True):
    """A part of the text of an item, for a reader of little patience."""

    text: str
    offset: int
    total_chars: int
    next_offset: int | None  # None: this is the end


class PageRef(Record, frozen=True, kw_only=True):
    """Names one page of an item, to be drawn."""

    id: str
    page: Annotated[int, Meta(ge=1, le=1_000_000)]
    width: Annotated[int, Meta(ge=1, le=10_000)] = 1000  # pixels; drawn as wide as goes


class Unlock(Record, frozen=True, kw_only=True):
    """The password of a locked item."""

    id: str
    password: str

    def __repr__(self) -> str:
        return f"Unlock(id={self.id!r})"


class ActionsRequest(Record, frozen=True, kw_only=True):
    """Which action items to list."""

    status: ActionStatus | None = None  # None: what is to be done, that is open or accepted
    all: bool = False  # of every status
    item: str | None = None
    owner: str | None = None  # a part of the name or address of who is to do it
    due_before: str | None = None  # an ISO date
    project: str | None = None
    limit: int = 100


class ActionEdit(Record, frozen=True, kw_only=True):
    """The owner's word on one action item; what is not given stays as it is."""

    id: RowNumber
    status: ActionStatus | None = None
    what: str | None = None
    owner: str | None = None  # empty: nobody
    due: str | None = None  # an ISO date; empty: no day


class Nothing(Record, frozen=True, kw_only=True):
    """A request without fields."""


class RunRef(Record, frozen=True, kw_only=True):
    """Names one run of a reader."""

    id: RowNumber


class Undone(Record, frozen=True, kw_only=True):
    """A run that was taken back."""

    id: int
    items: int  # of which it had spoken last


class DigestRequest(Record, frozen=True, kw_only=True):
    """Of which morning."""

    day: str | None = None  # ISO date; None: the last one


class TokenRequest(Record, frozen=True, kw_only=True):
    """A new token for another tool."""

    name: str
    scopes: tuple[str, ...] = ("search", "read")


class NewToken(Record, frozen=True, kw_only=True):
    """The token's text is shown once and stored only as a hash."""

    name: str
    scopes: tuple[str, ...]
    token: str

    def __repr__(self) -> str:
        return f"NewToken(name={self.name!r})"


class ProcessStatus(Record, frozen=True, kw_only=True):
    """One process of the appliance."""

    role: str
    pid: int
    rss_mib: float
    busy: bool = False


class ReadingNow(Record, frozen=True, kw_only=True):
    """A document that takes a while to be read."""

    item: str
    name: str
    done: int  # pages, slides, sheets or thousands of rows
    total: int | None
    per_s: float
    eta_s: float | None


class Status(Record, frozen=True, kw_only=True):
    """How the appliance is."""

    version: str
    items: dict[str, int]  # by state
    reasons: dict[str, int]  # why items are quarantined
    partly: int  # items of which something could not be read; each says what
    reading: list[ReadingNow]
    waiting: int  # items that are not findable by word yet
    unembedded: int  # passages that are findable by word, not yet by meaning
    paused: str | None  # why intake stands still
    intake: dict[str, int]  # what was taken, was there already, was refused since the start
    refused: list[str]  # files that stay where they are, with the reason
    degraded: list[str]  # what does not work as it should, a line each
    processes: list[ProcessStatus]
    layers: dict[str, tuple[str, ...]]  # of confinement, as each kind of process told them when it began
    report_key: str  # the public half of the key that signs reports to the owner, hex
    egress: EgressReport | None
    url: str | None = None  # of the page and the API on loopback


class Upload(Record, frozen=True, kw_only=True):
    """A document given by another program."""

    name: str


SCOPES = ("search", "read", "write", "admin")
_LONGEST_EDIT = 1_000  # characters


class Operations:
    """The appliance's actions over an open vault.

    Args:
        status: how the service reports on itself; None of its parts is this room's business.
        draw: a page of an item as PNG: (item, page, width in pixels).
        digest: of a morning; None: of the last one.
    """

    def __init__(
        self,
        vault: Vault,
        refresher: Refresher,
        limits: Limits,
        status: Callable[[], Status],
        search: SearchOperations,
        mail: MailOperations,
        meaning: MeaningOperations,
        draw: Callable[[str, int, int], bytes],
        admission: Admission,
        digest: Callable[[date | None], Digest],
    ) -> None:
        self.search = search
        self.mail = mail
        self.meaning = meaning
        self._vault = vault
        self._refresher = refresher
        self._limits = limits
        self._status = status
        self._draw = draw
        self._admission = admission
        self._digest = digest

    def add(self, request: Upload, content: BinaryIO) -> Stored:
        """Store a document; on return it is durable, reading and indexing follow."""
        self._admission.check()
        name = request.name.replace("\0", "").rsplit("/", 1)[-1].strip()
        if not name:
            raise BadRequest("the document has no name", remedy="give its file name")
        size = content.seek(0, io.SEEK_END)
        content.seek(0)
        if size > self._limits.item_bytes:
            raise BadRequest(
                f"the document has {size} bytes", remedy=f"the limit is {self._limits.item_bytes}"
            )
        return self._vault.put(content, Origin(source="upload", locator=name, name=name, size=size))

    def items(self, request: ItemsRequest) -> ItemPage:
        """What is stored, newest first."""
        limit = self._limits.page(request.limit)
        found = self._vault.catalog.items(
            state=request.state, source=request.source, limit=limit, before=request.before
        )
        return ItemPage(items=found, before=found[-1].stored_at if len(found) == limit else None)

    def item(self, request: ItemRef) -> ItemDetail:
        """One item with its origins, versions, attachments and findings."""
        catalog = self._vault.catalog
        item = catalog.item(request.id)
        return ItemDetail(
            item=item,
            origins=catalog.origins(item.id),
            versions=catalog.versions(item.family),
            children=catalog.children(item.id),
            tags=catalog.tags_of(item.id),
            actions=catalog.actions(item=item.id, limit=self._limits.page_size),
            links=catalog.links(item=item.id),
            mentions=catalog.mentions_of(item.id),
            summary=catalog.summary(item.id),
        )

    def text(self, request: ItemRef) -> ItemText:
        """The text of an item and its elements as they were last read; none of what never was."""
        catalog = self._vault.catalog
        item = catalog.item(request.id)
        text = catalog.text(item.id)
        return ItemText(item=item.id, text=text, elements=shown(text, catalog.elements(item.id)))

    def excerpt(self, request: ExcerptRequest) -> Excerpt:
        """A part of the text of an item."""
        text = self._vault.catalog.text(request.id)
        end = request.offset + request.limit
        return Excerpt(
            text=text[request.offset : end],
            offset=request.offset,
            total_chars=len(text),
            next_offset=end if end < len(text) else None,
        )

    def page(self, request: PageRef) -> bytes:
        """A picture of one page as it looks, as PNG."""
        return self._draw(request.id, request.page, request.width)

    def original(self, request: ItemRef) -> tuple[Item, int]:
        """The item and a descriptor of its original bytes, in memory only; the caller closes it."""
        item = self._vault.catalog.item(request.id)
        return item, self._vault.original(item.id)

    def delete(self, request: ItemRef) -> Receipt:
        """Remove an item, its versions and attachments and all that was derived from them."""
        (receipt,) = self.delete_many(ItemRefs(items=(request.id,)))
        return receipt

    def delete_many(self, request: ItemRefs) -> list[Receipt]:
        """Remove items as one does, all of them or none; a receipt for each."""
        if len(request.items) > (most := self._limits.deleted_at_once):
            raise BadRequest(f"{len(request.items)} items are too many", remedy=f"delete {most} at once")
        receipts = self._vault.delete_together(request.items)
        self._refresher.forget()
        return receipts

    def unlock(self, request: Unlock) -> Item:
        """Read an item again with its password, which is kept with it, encrypted like all else."""
        self._admission.check()
        if not request.password:
            raise BadRequest("the password is empty", remedy="give the one that opens the document")
        self._vault.ledger.unlock(request.id, Private(request.password))
        return self._vault.catalog.item(request.id)

    def formats(self, request: Nothing) -> tuple[FormatRow, ...]:
        """What is recognised, by what, and what is read of it."""
        return FORMATS

    def retry(self, request: ItemRef) -> Item:
        """Read a quarantined item again."""
        self._admission.check()
        self._vault.ledger.retry(request.id)
        return self._vault.catalog.item(request.id)

    def actions(self, request: ActionsRequest) -> list[Action]:
        """Action items, those due first before those without a date; what is done or rejected only if asked
        for.
        """
        if request.project is not None:
            self.meaning.check_project(request.project)
        wanted = (request.status,) if request.status else (ActionStatus.OPEN, ActionStatus.ACCEPTED)
        return self._vault.catalog.actions(
            among=() if request.all else wanted,
            item=request.item,
            owner=request.owner,
            due_before=_day(request.due_before) if request.due_before else None,
            project=request.project,
            limit=self._limits.page(request.limit),
        )

    def set_action(self, request: ActionEdit) -> Action:
        """The owner accepts, closes, reopens, rejects or changes an action item."""
        what = None if request.what is None else " ".join(request.what.split())
        if what == "" or max(len(what or ""), len(request.owner or "")) > _LONGEST_EDIT:
            raise BadRequest("an action item needs some words", remedy=f"at most {_LONGEST_EDIT} characters")
        if (request.status, what, request.owner, request.due) == (None, None, None, None):
            raise BadRequest("nothing is to be changed", remedy="give a status, what, owner or due")
        return self._vault.catalog.change_action(
            request.id,
            status=request.status,
            what=what,
            owner=None if request.owner is None else request.owner.strip(),
            due=_day(request.due) if request.due else request.due,
        )

    def runs(self, request: Nothing) -> list[Run]:
        """Which readers said what is known of the items, in which version, the newest first."""
        return self._vault.catalog.runs()

    def undo_run(self, request: RunRef) -> Undone:
        """Take back what one version of a reader said; what was said before stands again."""
        return Undone(id=request.id, items=self._vault.catalog.undo_run(request.id))

    def digest(self, request: DigestRequest) -> Digest:
        """What came in until a morning, and what is to be done: as it was kept then, else as it is now."""
        try:
            return self._digest(date.fromisoformat(request.day) if request.day else None)
        except (ValueError, OverflowError):
            raise BadRequest(f"no such day: {request.day}", remedy="write it as 2026-03-31") from None

    def create_token(self, request: TokenRequest) -> NewToken:
        """A token with its scopes, for another tool."""
        unknown = set(request.scopes) - set(SCOPES)
        if unknown or not request.scopes or not request.name:
            raise BadRequest("a token needs a name and known scopes", remedy=f"scopes: {', '.join(SCOPES)}")
        token = self._vault.catalog.create_token(request.name, request.scopes)
        return NewToken(name=request.name, scopes=request.scopes, token=token)

    def verify(self, request: Nothing) -> VerifyReport:
        """Decrypt and compare every stored blob, check the audit chain and the ledger."""
        return self._vault.verify()

    def sign(self, request: Observation) -> Signature:
        """Sign what an observed run found, and nothing that says anything else."""
        reports = self._vault.reports
        return Signature(key=reports.public, signature=reports.sign(canonical(request)))

    def status(self, request: Nothing) -> Status:
        """How the appliance is: counts, queues, processes, egress."""
        return self._status()


def _day(text: str) -> str:
    """An ISO date in its one form.

    Raises:
        BadRequest
    """
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise BadRequest(f"{text!r} is no date", remedy="write it as 2026-05-31") from None


def memory_file(name: str) -> BinaryIO:
    """An anonymous file in memory for bytes on their way in: they never touch a disk unencrypted."""
    return os.fdopen(os.memfd_create(name, os.MFD_CLOEXEC), "w+b")
