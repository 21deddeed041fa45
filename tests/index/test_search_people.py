"""`from:` and `to:` in a search: alone, with words, with filters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from index.errors import QueryError
from index.query import Filters, Mode, Query
from index.search import Results, Searcher
from store.records import Address, Element, ElementKind, MailHeader, Reading, State
from store.vault import Vault
from tests.support.homes import put, throwaway_vault
from tests.support.indexing import WordHashEmbedder, indexing, read_in, until

TAMSIN = Address(name="Orchard, Tamsin", email="tamsin@orchard.example")
TAMSIN_AT_WORK = Address(name="Tamsin Orchard", email="t.orchard@works.example")
ZOE = Address(name="Zoë Ash", email="zoe@example.org")


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path) as vault:
        yield vault


def mail(vault: Vault, text: str, sender: Address, to: Address, day: int) -> str:
    header = MailHeader(message_id=f"<{day}>", subject=f"Mail of day {day}", sender=sender, recipients=(to,))
    return read_in(vault, text, f"{day}.eml", mail=header, created_at=86_400.0 * day)


def ask(searcher: Searcher, query: str, mode: Mode = Mode.HYBRID, **filters: object) -> Results:
    return searcher.search(Query(query=query, mode=mode, filters=Filters(**filters)))  # type: ignore[arg-type]


def found(searcher: Searcher, query: str, mode: Mode = Mode.HYBRID, **filters: object) -> list[str]:
    return [hit.item for hit in ask(searcher, query, mode, **filters).hits]


def test_people_are_found_alone_and_beside_words(vault: Vault, tmp_path: Path) -> None:
    second = mail(vault, "The roof leaks again.", TAMSIN, ZOE, 2)
    first = mail(vault, "The garden needs a fence.", TAMSIN_AT_WORK, ZOE, 1)
    third = mail(vault, "The roof is mended.", ZOE, TAMSIN, 3)
    read_in(vault, "A roof that nobody wrote to anybody about.", "roof.txt")
    with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
        until(lambda: vault.ledger.counts()[State.INDEXED] == 4)
        for mode in Mode:
            assert found(searcher, "from:orchard roof", mode)[0] == second
            assert set(found(searcher, "from:orchard roof", mode)) <= {first, second}
            assert found(searcher, "from:orchard", mode) == [second, first]
            assert found(searcher, 'to:"zoe ash" from:works.example', mode) == [first]
            assert found(searcher, 'from:nobody "roof"', mode) == found(searcher, "from:nobody", mode) == []
        assert found(searcher, 'FROM:"ZOË" "roof"') == found(searcher, "to:orchard") == [third]
        assert found(searcher, "from:orchard", sender="works") == [first]
        assert found(searcher, "from:orchard", after=86_400.0 * 2) == [second]
        listed = searcher.search(Query(query="from:orchard", limit=1))
        assert (listed.total, [hit.item for hit in listed.hits]) == (2, [second])
        with pytest.raises(QueryError) as refused:
            ask(searcher, "roof from:")
        assert refused.value.position == 5


def test_a_listing_shows_the_beginning_of_what_the_sender_wrote(vault: Vault, tmp_path: Path) -> None:
    text = "> You wrote of the fence.\n\nIt fell in the storm."
    item = put(vault, text.encode(), "a.eml").item
    quoted = Element(kind=ElementKind.QUOTED, start=0, end=25)
    novel = Element(kind=ElementKind.PARAGRAPH, start=27, end=len(text))
    header = MailHeader(message_id="<1>", subject="Fence", sender=TAMSIN)
    vault.catalog.save_reading(
        item, Reading(media_type="message/rfc822", text=text, elements=(quoted, novel), mail=header)
    )
    empty = mail(vault, "", TAMSIN, ZOE, 0)
    with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
        until(lambda: vault.ledger.counts()[State.INDEXED] == 2)
        hit, nothing = ask(searcher, "from:tamsin").hits
        assert (hit.item, hit.snippet, hit.title) == (item, "It fell in the storm.", "Fence")
        assert text[slice(*hit.offsets)] == hit.snippet
        assert (nothing.item, nothing.snippet, nothing.offsets) == (empty, nothing.name, (0, 0))
