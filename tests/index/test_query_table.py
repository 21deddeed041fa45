"""Every row of `docs/query.md`, asked of a small box: it finds what the row says."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import QueryError
from index.query import Filters, Mode, Query
from index.search import Searcher
from store.mailboxes import FolderState, mail_locator, mail_source
from store.records import (
    Action,
    ActionKind,
    ActionStatus,
    Address,
    Element,
    ElementKind,
    Evidence,
    Findings,
    Link,
    MailHeader,
    Origin,
    Reading,
    State,
    Tag,
)
from store.vault import Vault
from tests.support.asking import NOW
from tests.support.homes import fast_folder, throwaway_vault
from tests.support.indexing import WordHashEmbedder, indexing, until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "query.md"
ROWS = [
    (row[1], row[2].split())
    for row in re.finditer(r"^\| `(.+?)` \| .* \| ?([a-z ]*) ?\|$", PAGE.read_text(encoding="utf-8"), re.M)
]
TAMSIN = Address(name="Orchard, Tamsin", email="tamsin@works.example")
BEN = Address(name="Ben Ash", email="ben@example.org")
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


class Box:
    """The six documents of the page."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.names: dict[str, str] = {}
        self._fill()

    def _fill(self) -> None:
        inbox, archive = ("INBOX", 1), ("Archive/2026", 2)
        leak = self._put("leak", *self._mailed(*inbox))
        self._read(
            leak, "message/rfc822", "The flat roof leaks above the stairs.", datetime(2026, 11, 16, 9),
            title="Roof leak", mail=MailHeader(subject="Roof leak", sender=TAMSIN, recipients=(BEN,)),
        )  # fmt: skip
        offer = self._put("offer", *self._mailed(*archive))
        text = "Our offer: slates for the roof. The invoice INV-2024-0093 follows."
        self._read(
            offer, "message/rfc822", text, datetime(2026, 10, 7, 18),
            title="Offer for the roof",
            mail=MailHeader(subject="Offer for the roof", sender=BEN, recipients=(TAMSIN,)),
        )  # fmt: skip
        photo = self._put("photo", "attachment", "0/photo.png", parent=leak)
        self._read(photo, "image/png", "", datetime(2024, 7, 1), language=None)
        plan = self._put("plan", "drop", "plan.pdf")
        self._read(
            plan,
            "application/pdf",
            "A plan of the garden, with a fence.",
            datetime(2026, 3, 14),
            title="Plan",
        )
        letter = self._put("letter", "watch:desk", "brief.docx", size=6_000_000)
        text = "Die Rechnung ist noch offen."
        self._read(letter, WORD, text, datetime(2025, 12, 24), language="de")
        minutes = self._put("minutes", "drop", "minutes.txt")
        text = "Minutes: the invoice was paid. Please send a receipt."
        self._read(minutes, "text/plain", text, datetime(2026, 11, 17, 23, 59))

    def _mailed(self, folder: str, uid: int) -> tuple[str, str]:
        state = FolderState(
            account="office", folder=folder, uidvalidity=7, uidnext=9, modseq=None, exists=1, checked_at=0
        )
        self._vault.catalog.save_mail_folder(state)
        return mail_source("office"), mail_locator(folder, 7, uid)

    def _put(self, name: str, source: str, locator: str, *, parent: str | None = None, size: int = 0) -> str:
        origin = Origin(source=source, locator=locator, name=name)
        content = io.BytesIO(name.encode().ljust(size, b" "))
        item = self._vault.put(content, origin, parent=parent).item
        self.names[item] = name
        return item

    def _read(
        self,
        item: str,
        media_type: str,
        text: str,
        day: datetime,
        *,
        title: str | None = None,
        language: str | None = "en",
        mail: MailHeader | None = None,
    ) -> None:
        whole = (Element(kind=ElementKind.PARAGRAPH, start=0, end=len(text)),) if text else ()
        reading = Reading(
            media_type=media_type, text=text, elements=whole, title=title, language=language, mail=mail,
            created_at=day.timestamp(),
        )  # fmt: skip
        self._vault.catalog.save_reading(item, reading)

    def say(self) -> None:
        """The findings: they come last, after the indexes."""
        catalog = self._vault.catalog
        items = {name: item for item, name in self.names.items()}
        run = catalog.run_by("builtin", "1", 0.0).id
        tag = Tag(item=items["offer"], name="money", confidence=1, evidence=self._first(items["offer"]))
        catalog.save_findings(items["offer"], run, Findings(tags=(tag,)))
        plan = items["plan"]
        link = Link(item=plan, project="Alder House", reason="", confidence=1, evidence=self._first(plan))
        catalog.save_findings(items["plan"], run, Findings(links=(link,)))
        said = {"minutes": None, "letter": ActionStatus.DONE, "leak": ActionStatus.REJECTED}
        for name, status in said.items():
            item = items[name]
            asked = Action(
                item=item, kind=ActionKind.REQUEST, what="send", confidence=1, evidence=self._first(item)
            )
            catalog.save_findings(item, run, Findings(actions=(asked,)))
            if status:
                catalog.change_action(catalog.actions(item=item)[0].id, status=status)

    def _first(self, item: str) -> Evidence:
        """The first word of its text."""
        word = self._vault.catalog.text(item).split()[0]
        return Evidence(start=0, end=len(word), text=word)


@pytest.fixture(scope="module")
def box() -> Iterator[tuple[Searcher, dict[str, str]]]:
    with fast_folder() as folder, throwaway_vault(folder) as vault:
        filled = Box(vault)
        with indexing(vault, WordHashEmbedder(), folder / "index") as (_, searcher):
            until(lambda: vault.ledger.counts()[State.INDEXED] == len(filled.names))
            filled.say()
            yield searcher, filled.names


@pytest.fixture
def that_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)


def test_the_table_is_read() -> None:
    assert len(ROWS) > 40
    page = PAGE.read_text(encoding="utf-8")
    assert len(ROWS) == len(re.findall(r"^\| `", page, re.M))


@pytest.mark.usefixtures("that_day")
@pytest.mark.parametrize(("query", "expected"), ROWS, ids=[query for query, _ in ROWS])
def test_a_query_finds_what_the_page_says(
    box: tuple[Searcher, dict[str, str]], query: str, expected: list[str]
) -> None:
    searcher, names = box
    found = searcher.search(Query(query=query, mode=Mode.KEYWORD))
    assert sorted(names[hit.item] for hit in found.hits) == sorted(expected)


FRAGMENTS = st.sampled_from(
    ["from:", "in:", "tag:", "after:", "has:tag", "type:mail", "OR", '"', "-", "*", "(", " ", "\0",
     "2026", "..",
     "roof", "%", "'", ";--", "[]", "\ud83d", "東京", "AND", "~", "^2", "/", "\\", "IN ['a']", "?"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(FRAGMENTS, max_size=20).map("".join)), st.sampled_from(Mode))
def test_any_query_is_answered_or_refused(
    box: tuple[Searcher, dict[str, str]], query: str, mode: Mode
) -> None:
    searcher, _ = box
    with contextlib.suppress(QueryError):
        assert len(searcher.search(Query(query=query, mode=mode)).hits) <= 6


def test_a_thousand_filters_are_refused(box: tuple[Searcher, dict[str, str]]) -> None:
    searcher, _ = box
    for query in (
        Query(query="roof", filters=Filters(tags=("money",) * 1_000)),
        Query(query=" ".join(["tag:money"] * 400)),
    ):
        with pytest.raises(QueryError):
            searcher.search(query)


def test_what_is_refused_in_a_list_is_sought_behind_its_beginning(
    box: tuple[Searcher, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    searcher, names = box
    monkeypatch.setattr("index.search._DEEPER", 1)
    found = searcher.search(Query(query="-leaks -invoice -type:image", limit=1))
    assert [names[hit.item] for hit in found.hits] == ["plan"]


def test_what_is_listed_begins_with_the_newest(box: tuple[Searcher, dict[str, str]]) -> None:
    searcher, names = box
    for mode in Mode:
        found = searcher.search(Query(query="-type:text after:2024", mode=mode))
        assert [names[hit.item] for hit in found.hits] == ["leak", "offer", "plan", "letter", "photo"]
