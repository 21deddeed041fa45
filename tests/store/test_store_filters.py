"""Conditions on items: what each field finds, that groups and negations are what logic says, that no value
means anything to the catalog, and that each is read from an index alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.database import Connection, Database
from store.filters import Condition, Field, FilterTable
from store.keys import open_keys
from store.mailboxes import FolderState, mail_locator, mail_source
from store.records import Action, ActionKind, ActionStatus, Findings, Origin, Reading
from store.vault import Vault
from tests.support.findings import findings, mail_header, reading, span, start_run, store_read
from tests.support.homes import PASSPHRASE, fast_folder, matching, put, throwaway_vault

TYPES = ("application/pdf", "image/png", "image/jpeg", None)
LANGUAGES = ("de", "en", None)


class Known(NamedTuple):
    """What the model of a document holds."""

    media_type: str | None
    language: str | None
    size: int
    dated: float


def of(field: Field, *values: str, negated: bool = False) -> Condition:
    return Condition(field=field, values=values, negated=negated)


@pytest.fixture(scope="module")
def shelf() -> Iterator[tuple[Vault, dict[str, Known]]]:
    """Documents of every combination of type and language; two of them are gone, the last one too."""
    with fast_folder() as folder, throwaway_vault(folder) as vault:
        held: dict[str, Known] = {}
        for number, (kind, language) in enumerate((k, la) for k in TYPES for la in LANGUAGES):
            item = put(vault, b"x" * (number + 1), f"{number}.bin").item
            known = Known(kind, language, number + 1, 10.0 * (number % 5))
            if kind is not None:
                vault.catalog.save_reading(
                    item,
                    Reading(media_type=kind, text="", elements=(), language=language, created_at=known.dated),
                )
                held[item] = known
            else:
                vault.delete(item)
        vault.delete(item := next(iter(held)))
        del held[item]
        yield vault, held


def holds(condition: Condition, known: Known) -> bool:
    if condition.field is Field.TYPE:
        kind = known.media_type or ""
        true = any(kind.startswith(v) if v.endswith("/") else kind == v for v in condition.values)
    elif condition.field is Field.LANGUAGE:
        true = known.language in condition.values
    else:
        number = known.size if condition.field is Field.SIZE else known.dated
        least, below = condition.least, condition.below
        true = (least is None or number >= least) and (below is None or number < below)
    return true is not condition.negated


BOUNDS = st.one_of(st.none(), st.integers(0, 50).map(float))
CONDITIONS = st.one_of(
    st.builds(
        Condition,
        field=st.just(Field.TYPE),
        values=st.lists(st.sampled_from(["application/pdf", "image/", "image/png", "image", "x/"])).map(
            tuple
        ),
        negated=st.booleans(),
    ),
    st.builds(
        Condition,
        field=st.just(Field.LANGUAGE),
        values=st.lists(st.sampled_from(["de", "en", "fr"])).map(tuple),
        negated=st.booleans(),
    ),
    st.builds(
        Condition,
        field=st.sampled_from([Field.SIZE, Field.DATE]),
        least=BOUNDS,
        below=BOUNDS,
        negated=st.booleans(),
    ),
)


@given(st.lists(st.lists(CONDITIONS, min_size=1, max_size=3), max_size=4))
def test_groups_and_negations_are_what_logic_says(
    shelf: tuple[Vault, dict[str, Known]], groups: list[list[Condition]]
) -> None:
    vault, held = shelf
    expected = {item for item, known in held.items() if all(any(holds(c, known) for c in g) for g in groups)}
    assert matching(vault, *groups) == expected
    assert matching(vault, *groups) == expected  # of what is known by now


@given(
    st.sampled_from([field for field in Field if field is not Field.HAVING]),
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        st.sampled_from(
            ["%", "_", "'; --", '"]', "*", "\0", "a" * 100_000, "0.", "image", "/", "[1]", "NULL"]
        ),
    ),
)
def test_no_value_means_anything_to_the_catalog(
    shelf: tuple[Vault, dict[str, Known]], field: Field, value: str
) -> None:
    vault, held = shelf
    if field not in (Field.DATE, Field.SIZE) and value.lower() not in ("drop", "de", "en"):
        assert matching(vault, [of(field, value)]) == set()
        assert matching(vault, [of(field, value, negated=True)]) == set(held)


def test_a_name_is_meant_as_a_whole_or_else_by_its_words(vault: Vault) -> None:
    run = start_run(vault)
    items = {}
    for name in ("money", "money laundering", "Tax-Return"):
        items[name] = item = store_read(vault, f"Pay {name}", f"{name}.txt")
        vault.catalog.save_passages(item, [])
        vault.catalog.save_findings(item, run, findings(item, f"Pay {name}", tag=name))
    assert matching(vault, [of(Field.TAG, "MONEY")]) == {items["money"]}
    assert matching(vault, [of(Field.TAG, "laundering")]) == {items["money laundering"]}
    assert matching(vault, [of(Field.TAG, "return")]) == {items["Tax-Return"]}
    assert matching(vault, [of(Field.TAG, "tax return")]) == {items["Tax-Return"]}
    assert matching(vault, [of(Field.TAG, "mon")]) == matching(vault, [of(Field.TAG, "")]) == set()
    assert matching(vault, [of(Field.HAVING, "tag", "action")]) == set(items.values())


def test_what_the_owner_closed_or_rejected_is_no_action_item_any_more(vault: Vault) -> None:
    run, catalog = start_run(vault), vault.catalog
    items = {status: store_read(vault, f"Pay {status}", f"{status}.txt") for status in ActionStatus}
    for item in items.values():
        catalog.save_passages(item, [])
        text = catalog.text(item)
        asked = [
            Action(item=item, kind=ActionKind.REQUEST, what=word, confidence=1, evidence=span(text, word))
            for word in text.split()
        ]
        catalog.save_findings(item, run, Findings(actions=tuple(asked)))
    for status, item in items.items():
        catalog.change_action(catalog.actions(item=item)[0].id, status=status)
    assert matching(vault, [of(Field.HAVING, "action")]) == set(items.values())
    for status, item in items.items():
        catalog.change_action(catalog.actions(item=item)[1].id, status=status)
    assert matching(vault, [of(Field.HAVING, "action")]) == {
        items[ActionStatus.OPEN],
        items[ActionStatus.ACCEPTED],
    }


def place(vault: Vault, account: str, folder: str, uid: int) -> Origin:
    state = FolderState(
        account=account, folder=folder, uidvalidity=7, uidnext=9, modseq=None, exists=1, checked_at=0
    )
    vault.catalog.save_mail_folder(state)
    return Origin(source=mail_source(account), locator=mail_locator(folder, 7, uid), name=f"{uid}.eml")


def test_places(vault: Vault) -> None:
    def mail(account: str, folder: str, uid: int) -> str:
        origin = place(vault, account, folder, uid)
        return vault.put_many([(f"{account} {folder} {uid}".encode(), origin)])[0].item

    inbox, sent, old = mail("office", "INBOX", 1), mail("office", "INBOX/Sent", 2), mail("home", "INBOX", 3)
    odd = mail("home", "Büro 100%_x;y", 4)
    file = put(vault, b"file", "a/INBOX/b.txt", source="watch:Office Desk").item

    def found(value: str) -> set[str]:
        return matching(vault, [of(Field.PLACE, value)])

    assert found("inbox") == {inbox, old}
    assert found("office/inbox") == {inbox}
    assert found("sent") == {sent}
    assert found("office") == found("mail:OFFICE") == {inbox, sent}
    assert found("desk") == found("office desk") == {file}
    assert found("büro") == found("buro 100%_x;y") == {odd}
    assert found("upload") == found("off") == set()
    assert found("mail") == {inbox, sent, old, odd}
    vault.catalog.forget_mail_folder("home", "INBOX")
    assert found("inbox") == {inbox}
    assert found("home") == {old, odd}


def test_a_mail_has_attachments_and_an_archive_has_not(vault: Vault) -> None:
    letter = store_read(vault, "See the attachment.", "a.eml", mail=mail_header("<1>"))
    archive = put(vault, b"archive", "a.zip", parent=letter).item
    vault.catalog.save_reading(archive, reading("", media_type="application/zip"))
    put(vault, b"member", "0/a.txt", parent=archive)
    plain = store_read(vault, "Nothing attached.", "b.eml", mail=mail_header("<2>"))
    assert matching(vault, [of(Field.HAVING, "attachment")]) == {letter}
    vault.delete(letter)
    assert matching(vault) == {plain}
    assert matching(vault, [of(Field.HAVING, "attachment")]) == set()


def test_what_was_known_is_forgotten_with_the_next_commit(vault: Vault) -> None:
    german = [of(Field.LANGUAGE, "de")]
    assert matching(vault, german) == set()
    item = put(vault, b"brief", "brief.txt").item
    assert matching(vault, german) == set()
    text = Reading(media_type="text/plain", text="Brief", elements=(), language="de")
    vault.catalog.save_reading(item, text)
    assert matching(vault, german) == {item}
    vault.delete(item)
    assert matching(vault, german) == set()


def test_the_newest_of_few_and_of_many(
    shelf: tuple[Vault, dict[str, Known]], monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, held = shelf
    numbers = vault.catalog.matching_items()
    sought = [item.id for item in vault.catalog.newest_of(numbers, 5)]
    dates = [held[item].dated for item in sought]
    assert dates == sorted((known.dated for known in held.values()), reverse=True)[:5]
    monkeypatch.setattr("store.filters._FEW", 0)
    for some in (numbers, numbers[1::2]):
        assert len(vault.catalog.newest_of(some, 100)) == len(some)
    assert [item.id for item in vault.catalog.newest_of(numbers, 5)] == sought


TABLES = re.compile(r"(?:SCAN|SEARCH) (?:items|origins|tags|links|actions|inside|mail_people)\b")
ALL = (
    *(of(field, "x") for field in Field if field not in (Field.DATE, Field.SIZE, Field.HAVING, Field.TYPE)),
    of(Field.TYPE, "text/plain", "image/"),
    of(Field.HAVING, "attachment", "tag", "action", "project"),
    of(Field.PLACE, "inbox", "office"),
    of(Field.TAG, "invoice"),
    Condition(field=Field.DATE, least=1.0),
    Condition(field=Field.DATE, least=1.0, below=2.0),
    Condition(field=Field.SIZE, below=2.0),
)


def _plan(connection: Connection, statement: str) -> list[str]:
    if not statement.startswith(("SELECT", "WITH")):
        return []
    asked = statement.replace("Inf", "9e999")  # the trace writes a bound infinity as no SQL has it
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked}").fetchall()]


def test_each_condition_is_read_from_an_index_alone() -> None:
    with fast_folder() as folder:
        with throwaway_vault(folder) as vault:
            item = vault.put_many([(b"Invoice", place(vault, "office", "INBOX", 1))])[0].item
            vault.catalog.save_reading(item, reading("Invoice"))
            vault.catalog.save_passages(item, [])
            vault.catalog.save_findings(item, start_run(vault), findings(item, "Invoice"))
        home = folder / "home"
        database = Database(home / "catalog.db", open_keys(home / "keys", PASSPHRASE).catalog)
        asked: list[str] = []
        with closing(database):
            with database.read() as reader:  # the pool's only one, which comes back to it
                reader.set_trace_callback(asked.append)
            FilterTable(database).matching_items([ALL])
            with database.read() as reader:
                reader.set_trace_callback(None)
                plans = [plan for statement in asked for plan in _plan(reader, statement)]
    read = [plan for plan in plans if TABLES.search(plan)]
    assert len(read) >= len(ALL)
    assert not [plan for plan in read if not re.search("COVERING INDEX|PRIMARY KEY|SCAN inside", plan)]
