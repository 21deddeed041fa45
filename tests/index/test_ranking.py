"""What comes first: identifiers and names, one hit for each conversation and document, copies behind, fresh
items a little higher; and that each hit can say why. With the real catalog and both real indexes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.fuse import Part
from index.query import Filters, Mode, Query
from index.search import Hit, Searcher
from store.records import Address, MailHeader, State
from store.vault import Vault
from tests.support.homes import throwaway_vault
from tests.support.indexing import WordHashEmbedder, indexing, read_in, until

ADA = Address(name="Ada Brown", email="ada@example.org")
DAY = 86_400.0


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path) as vault:
        yield vault


def ask(searcher: Searcher, query: str, mode: Mode = Mode.HYBRID, **more: object) -> list[Hit]:
    return list(searcher.search(Query(query=query, mode=mode, **more)).hits)  # type: ignore[arg-type]


def indexed(vault: Vault, count: int) -> None:
    until(lambda: vault.ledger.counts()[State.INDEXED] == count)


def mail(vault: Vault, number: int, text: str, subject: str, answers: int | None = None) -> str:
    header = MailHeader(
        message_id=f"<{number}@example.org>",
        in_reply_to=f"<{answers}@example.org>" if answers else None,
        subject=subject,
        sender=ADA,
    )
    return read_in(vault, text, f"{number}.eml", mail=header, title=subject, created_at=DAY * number)


def test_what_holds_an_identifier_comes_before_all_that_is_near(vault: Vault, tmp_path: Path) -> None:
    for number in range(80):
        read_in(vault, f"Status of the invoice: the invoice status is open, case {number}.", f"{number}.txt")
    wanted = read_in(
        vault,
        "Yesterday a parcel came from the mill, with a slip that says INV-2024-0093 in red.",
        "slip.txt",
    )
    with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
        indexed(vault, 81)
        hits = ask(searcher, "invoice INV-2024-0093 status", explain=True)
        assert hits[0].item == wanted
        assert Part.EXACT in {say.part for say in hits[0].explanation or ()}
        assert len(hits) == 10, "what does not hold it is shown all the same, behind"
        assert ask(searcher, "invoice INV-2024-0094 status")[0].item != wanted


def test_a_number_that_many_hold_orders_nothing(vault: Vault, tmp_path: Path) -> None:
    for number in range(60):
        read_in(vault, f"Report TR-2024: paper {number} on gutters.", f"{number}.txt")
    wanted = read_in(vault, "Slates and the roof of the mill, by a roofer.", "roof.txt")
    with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
        indexed(vault, 61)
        assert ask(searcher, "roof slates mill roofer TR-2024")[0].item == wanted


@pytest.mark.parametrize(
    "query", ["Lease of the mill", "lease of the mill", "mill_lease_2019.pdf", "mill lease 2019"]
)
def test_what_is_called_as_the_query_says_is_first(vault: Vault, tmp_path: Path, query: str) -> None:
    for number in range(70):
        read_in(
            vault,
            f"The mill, its lease of 2019, the lease of the mill, mill lease {number}.",
            f"{number}.txt",
        )
    wanted = read_in(
        vault, "Between the parties named below.", "mill_lease_2019.pdf", title="Lease of the mill"
    )
    with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
        indexed(vault, 71)
        assert ask(searcher, query)[0].item == wanted


def test_a_conversation_is_one_hit_that_says_how_many_more_there_are(vault: Vault, tmp_path: Path) -> None:
    first = mail(vault, 1, "The slates of the roof are loose.", "Roof")
    mail(vault, 2, "Which slates of the roof do you mean?", "Re: Roof", answers=1)
    mail(vault, 3, "Those on the north side.", "Re: Roof", answers=2)
    other = mail(vault, 4, "Loose slates on another roof.", "Barn")
    with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
        indexed(vault, 4)
        for mode in Mode:
            hits = {hit.item: hit for hit in ask(searcher, "loose slates roof", mode)}
            assert hits.keys() == {first, other}
            assert hits[other].more == 0
            assert hits[first].more >= 1
        assert ask(searcher, "north side")[0].snippet == "Those on the north side."


def test_versions_are_one_hit_unless_all_are_asked_for(vault: Vault, tmp_path: Path) -> None:
    old = read_in(vault, "Slates for the roof: ten.", "roof.txt")
    new = read_in(vault, "Slates for the roof: twelve.", "roof.txt", new_version=True)
    with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
        indexed(vault, 2)
        assert [(hit.item, hit.more) for hit in ask(searcher, "slates roof")] == [(new, 0)]
        both = ask(searcher, "slates roof", filters=Filters(include_superseded=True))
        assert {hit.item for hit in both} == {old, new}


def test_copies_do_not_fill_the_page_and_none_is_lost(vault: Vault, tmp_path: Path) -> None:
    for number in range(15):
        read_in(vault, "Loose slates on the roof of the mill.", f"copy{number}.txt")
    others = {
        read_in(vault, f"A roof, its slates, and barn {name}.", f"{name}.txt")
        for name in ("ash", "elm", "oak")
    }
    with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
        indexed(vault, 18)
        for mode in (Mode.HYBRID, Mode.KEYWORD):
            hits = ask(searcher, "loose slates roof mill", mode)
            assert len(hits) == 10
            assert {hit.item for hit in hits[2:5]} == others, "behind the first two of the copies"
            assert len(ask(searcher, "loose slates roof mill", mode, limit=20)) == 18


def test_dates_have_a_small_say(vault: Vault, tmp_path: Path) -> None:
    now = time.time()
    old = read_in(vault, "Slates, slates of the roof.", "old.txt", created_at=now - 4000 * DAY)
    undated = read_in(vault, "The roof of the east side.", "undated.txt")
    new = read_in(vault, "The roof of the west side.", "new.txt", created_at=now - DAY)
    with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
        indexed(vault, 3)
        hits = ask(searcher, "slates of the roof", explain=True)
        assert hits[0].item == old, "what answers better is not passed"
        says = {hit.item: {say.part: say for say in hit.explanation or ()}[Part.RECENT] for hit in hits}
        assert (says[new].score or 0) > 0.9 > 0.1 > (says[old].score or 0)
        assert says[undated].score is None


def test_every_hit_can_say_why_and_does_so_only_if_asked(vault: Vault, tmp_path: Path) -> None:
    for number in range(30):
        read_in(vault, f"Slates, a roof and matter {number} of the mill.", f"{number}.txt")
    with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
        indexed(vault, 30)
        assert all(hit.explanation is None for hit in ask(searcher, "roof matter 7"))
        for mode, parts in (
            (Mode.HYBRID, {Part.WORDS, Part.MEANING, Part.FEEDBACK}),
            (Mode.KEYWORD, {Part.WORDS}),
            (Mode.SEMANTIC, {Part.MEANING}),
        ):
            hits = ask(searcher, "roof of the mill matter", mode, explain=True)
            for hit in hits:
                says = hit.explanation or ()
                assert {say.part for say in says} == parts
                assert abs(sum(say.share for say in says) - 1) < 0.001
            assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_the_parts_of_a_word_with_a_hyphen_count_each(vault: Vault, tmp_path: Path) -> None:
    apart = read_in(vault, "A model in free flight over the barn.", "a.txt")
    read_in(vault, "The barn and its roof.", "b.txt")
    with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
        indexed(vault, 2)
        assert [hit.item for hit in ask(searcher, "free-flight", Mode.KEYWORD)] == [apart]


def test_a_known_mail_is_found_by_its_subject_and_sender_among_all_that_mean_the_same(
    vault: Vault, tmp_path: Path
) -> None:
    for number in range(2, 62):
        mail(
            vault,
            number,
            f"Gutters, the roof and slates: Brown asks about gutters, {number}.",
            f"News {number}",
        )
    wanted = mail(vault, 1, "As we said on Tuesday.", "Gutters on the north roof")
    with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
        indexed(vault, 61)
        hit = ask(searcher, "roof gutters north Ada Brown slates", explain=True)[0]
        assert hit.item == wanted
        assert Part.NAMED in {say.part for say in hit.explanation or ()}
        assert Part.NAMED not in {
            say.part for say in ask(searcher, "gutters", explain=True)[0].explanation or ()
        }


@pytest.mark.parametrize("mode", [Mode.SEMANTIC, Mode.HYBRID])
def test_what_holds_a_phrase_is_found_by_meaning_behind_however_many(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    monkeypatch.setattr("index.search._DEEPEST", 50)
    for number in range(80):
        read_in(vault, f"Roof and slates: repair of slates, repair of the roof {number}.", f"{number}.txt")
    tale = (
        "Under the roof they kept bread, cheese, apples, a blue kettle, two lamps and an old map for guests."
    )
    wanted = read_in(vault, tale, "tale.txt")
    with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (_, searcher):
        indexed(vault, 81)
        assert [hit.item for hit in ask(searcher, 'roof slates repair "blue kettle"', mode)] == [wanted]
