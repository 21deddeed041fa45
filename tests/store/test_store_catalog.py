"""The catalog's listing, filters, texts, passages, vectors and generations."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.errors import IllegalStep, NoSuchItem
from store.filters import Condition, Field
from store.records import Element, ElementKind, NewPassage, Reading, Reason, State
from store.vault import Vault
from tests.support.findings import (
    MODEL,
    VECTOR,
    findings,
    mail_header,
    reading,
    start_run,
    store_indexed,
    store_read,
)
from tests.support.homes import matching, open_vault, put

NOBODY = "0123456789abcdef"


def passage(text: str, *, start: int = 0, embed: bool = True) -> NewPassage:
    return NewPassage(start=start, end=start + len(text), text=text, page=1, heading="A › B", embed=embed)


def test_a_listing_pages_newest_first(vault: Vault) -> None:
    ids = [put(vault, b"%d" % number, str(number)).item for number in range(7)]
    seen, before = list[str](), None
    while page := vault.catalog.items(limit=3, before=before):
        seen += [item.id for item in page]
        before = page[-1].stored_at
    assert seen == ids[::-1]
    assert set(vault.catalog.items_by_id([*ids[:2], NOBODY])) == set(ids[:2])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
def test_a_text_comes_back_with_its_elements(vault: Vault, text: str) -> None:
    elements = tuple(
        Element(kind=kind, start=at, end=at + 1, page=at + 1, level=1) for at, kind in enumerate(ElementKind)
    )
    item = put(vault, text.encode() + b"!").item
    if vault.catalog.item(item).state is not State.STORED:
        return  # Hypothesis tries an example twice
    read = Reading(
        media_type="application/pdf", text=text, elements=elements, title="T", author="A", created_at=9.5,
        language="de", pages=3, partial="page 2 could not be read",
    )  # fmt: skip
    vault.catalog.save_reading(item, read)
    assert vault.catalog.text(item) == text
    assert tuple(vault.catalog.elements(item)) == elements
    found = vault.catalog.item(item)
    assert (found.state, found.title, found.author, found.created_at) == (State.PARSED, "T", "A", 9.5)
    assert (found.language, found.pages, found.partial) == ("de", 3, "page 2 could not be read")


def test_an_unread_item_has_no_text_and_an_unknown_one_is_an_error(vault: Vault) -> None:
    item = put(vault, b"x").item
    assert (vault.catalog.text(item), vault.catalog.elements(item)) == ("", [])
    for ask in (vault.catalog.text, vault.catalog.elements, vault.catalog.item, vault.catalog.origins):
        with pytest.raises(NoSuchItem):
            ask(NOBODY)


def test_a_reading_needs_an_item_that_waits_for_it(vault: Vault) -> None:
    item = store_read(vault, "text", "a")
    with pytest.raises(IllegalStep):
        vault.catalog.save_reading(item, reading("again"))
    with pytest.raises(NoSuchItem):
        vault.catalog.save_reading(NOBODY, reading("x"))
    assert vault.catalog.text(item) == "text"


def test_chunking_and_embedding_move_items_on(vault: Vault) -> None:
    old, new = store_read(vault, "old text", "old"), store_read(vault, "new text", "new")
    assert [item.id for item in vault.catalog.unchunked(9)] == [new, old]
    assert [item.id for item in vault.catalog.unchunked(1, exclude=[new])] == [old]
    old_ids = vault.catalog.save_passages(old, [passage("old"), passage("text", start=4)])
    new_ids = vault.catalog.save_passages(new, [passage("new"), passage("text", start=4, embed=False)])
    assert vault.catalog.unchunked(9) == []
    waiting = vault.catalog.unembedded(MODEL, 9)
    assert [entry.id for entry in waiting] == [new_ids[0], *old_ids]
    assert waiting[0].text == "new"
    assert vault.catalog.save_vectors(MODEL, [(old_ids[0], VECTOR), (new_ids[0], VECTOR)]) == [new]
    assert vault.catalog.item(new).state is State.INDEXED
    assert vault.catalog.item(old).state is State.PARSED
    assert vault.catalog.unembedded_count() == 1
    assert vault.catalog.save_vectors(MODEL, [(old_ids[1], VECTOR)]) == [old]
    assert vault.catalog.vectors_of(old, MODEL) == [(id, VECTOR) for id in old_ids]


def test_an_item_with_nothing_to_embed_is_indexed_when_chunked(vault: Vault) -> None:
    empty, quoted = store_read(vault, "", "empty"), store_read(vault, "quoted", "quoted")
    vault.catalog.save_passages(empty, [])
    vault.catalog.save_passages(quoted, [passage("quoted", embed=False)])
    assert {vault.catalog.item(item).state for item in (empty, quoted)} == {State.INDEXED}
    assert vault.catalog.unembedded(MODEL, 9) == []


def test_another_model_embeds_everything_anew_and_the_way_back_is_free(vault: Vault) -> None:
    item = store_indexed(vault, "text", "a")
    (first,) = vault.catalog.unembedded("other", 9)
    assert vault.catalog.save_vectors("other", [(first.id, b"1234")]) == [item]
    assert vault.catalog.unembedded("other", 9) == vault.catalog.unembedded(MODEL, 9) == []
    assert vault.catalog.vectors_of(item, "other") == [(first.id, b"1234")]
    assert vault.catalog.item(item).state is State.INDEXED


def test_vectors_of_passages_that_are_gone_are_passed_over(vault: Vault) -> None:
    item = store_read(vault, "text", "a")
    (id,) = vault.catalog.save_passages(item, [passage("text")])
    vault.catalog.unembedded(MODEL, 1)
    vault.delete(item)
    assert vault.catalog.save_vectors(MODEL, [(id, VECTOR)]) == []
    assert list(vault.catalog.vectors_since(MODEL, 0)) == []


def test_passages_come_back_by_id_and_in_reading_order(vault: Vault) -> None:
    item = store_read(vault, "one two", "a")
    ids = vault.catalog.save_passages(item, [passage("one"), passage("two", start=4, embed=False)])
    found = vault.catalog.passages([*ids, 999])
    assert [found[id].text for id in ids] == ["one", "two"]
    assert vault.catalog.passages_of(item) == [found[id] for id in ids]
    assert (found[ids[1]].item, found[ids[1]].start, found[ids[1]].embed) == (item, 4, False)
    assert (found[ids[0]].page, found[ids[0]].heading) == (1, "A › B")
    assert vault.catalog.passage_ids([item, NOBODY]) == ids
    assert vault.catalog.passages([]) == {}


def test_a_replay_from_any_generation_gives_what_came_after(vault: Vault) -> None:
    marks, texts = [vault.catalog.generation()], list[str]()
    for number in range(4):
        text = f"text {number}"
        store_indexed(vault, text, str(number))
        texts.append(text)
        marks.append(vault.catalog.generation())
    for number, mark in enumerate(marks):
        assert [entry.text for entry in vault.catalog.passages_since(mark)] == texts[number:]
        assert len(list(vault.catalog.vectors_since(MODEL, mark))) == 4 - number
    assert marks == sorted(set(marks))


def test_reading_an_item_anew_replaces_its_passages_and_says_which_are_gone(vault: Vault) -> None:
    item = store_indexed(vault, "first reading", "a")
    (before,) = vault.catalog.passages_of(item)
    mark = vault.catalog.generation()
    vault.ledger.advance(item, State.STORED)
    vault.catalog.save_reading(item, reading("second"))
    assert vault.catalog.removed_since(mark) == [before.id]
    assert [entry.id for entry in vault.catalog.unchunked(9)] == [item]
    (after,) = vault.catalog.save_passages(item, [passage("second")])
    assert after > before.id
    assert [entry.id for entry in vault.catalog.passages_since(0)] == [after]
    assert vault.catalog.text(item) == "second"


def test_a_bulk_read_does_not_depend_on_its_stretches(vault: Vault) -> None:
    item = store_read(vault, "x" * 5000, "a")
    ids = vault.catalog.save_passages(item, [passage("x", start=at) for at in range(4500)])
    assert [entry.id for entry in vault.catalog.passages_since(0)] == ids
    vault.catalog.save_vectors(MODEL, [(id, VECTOR) for id in ids])
    assert [id for id, _ in vault.catalog.vectors_since(MODEL, 0)] == ids


def test_conditions_and_their_groups(vault: Vault) -> None:
    mail = mail_header("<1>", sender="Jürgen@example.org", to=("ben@example.org", "zoë@example.org"))
    bill = put(vault, b"bill", "bill.pdf").item
    vault.catalog.save_reading(
        bill,
        Reading(media_type="application/pdf", text="Invoice", elements=(), created_at=100.0, language="de"),
    )
    letter = store_read(vault, "Please pay", "letter.eml", mail=mail)
    picture = put(vault, b"picture", "picture.png", source="watch:desk").item
    vault.catalog.save_reading(picture, reading("", media_type="image/png"))
    vault.catalog.save_passages(bill, [])
    vault.catalog.save_findings(
        bill, start_run(vault), findings(bill, "Invoice", tag="money", project="Alder")
    )

    def left(*groups: Condition | tuple[Condition, ...], superseded: bool = False) -> set[str]:
        some = [group if isinstance(group, tuple) else (group,) for group in groups]
        return matching(vault, *some, include_superseded=superseded)

    def of(field: Field, *values: str, negated: bool = False) -> Condition:
        return Condition(field=field, values=values, negated=negated)

    dated, german = partial(Condition, field=Field.DATE), of(Field.LANGUAGE, "de")
    assert left() == {bill, letter, picture}
    assert left(of(Field.TYPE, "application/pdf", "image/")) == {bill, picture}
    assert left(of(Field.TYPE, "text/")) == {letter}
    assert left(of(Field.TYPE, "text")) == left(of(Field.TYPE, "application/pd")) == set()
    assert left(of(Field.TAG, "money", "nothing")) == left(of(Field.PROJECT, "alder")) == {bill}
    assert left(of(Field.SENDER, "jÜRGEN")) == left(of(Field.RECIPIENT, "ZOË@")) == {letter}
    assert left(of(Field.PLACE, "watch:desk")) == left(of(Field.PLACE, "Desk")) == {picture}
    assert left(dated(below=101)) == left(dated(least=100, below=101)) == {bill}
    assert left(dated(least=101)) == left(dated(below=101, negated=True)) == {letter, picture}
    assert left(Condition(field=Field.SIZE, least=5)) == {letter, picture}
    assert left(german, of(Field.TAG, "money"), of(Field.TYPE, "application/pdf")) == {bill}
    assert left(german, of(Field.TYPE, "image/")) == set()
    assert left((german, of(Field.TYPE, "image/"))) == {bill, picture}
    assert left(of(Field.LANGUAGE, "de", negated=True)) == {letter, picture}
    assert left((german, of(Field.TYPE, "image/", negated=True))) == {bill, letter}
    for field, thing in ((Field.TAG, "money"), (Field.HAVING, "tag"), (Field.HAVING, "project")):
        assert left(of(field, thing, negated=True)) == {letter, picture}
    put(vault, b"bill 2", "bill.pdf", new_version=True)
    assert bill not in left()
    assert bill in left(superseded=True)
    vault.delete(letter)
    assert left(german, superseded=True) == {bill}
    assert letter not in left(of(Field.LANGUAGE, "de", negated=True))


def test_what_was_written_is_there_after_reopening(vault: Vault) -> None:
    item = store_indexed(vault, "kept", "a")
    vault.ledger.quarantine(put(vault, b"x", "bad").item, Reason.TIMEOUT, "it took too long")
    generation = vault.catalog.generation()
    vault.close()
    again = open_vault(vault.home)
    assert [entry.text for entry in again.catalog.passages_of(item)] == ["kept"]
    assert again.ledger.reasons() == {Reason.TIMEOUT: 1}
    assert again.catalog.generation() == generation
    again.close()
