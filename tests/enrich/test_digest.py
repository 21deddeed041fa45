"""The digest of a morning: of made-up days, and of the fixtures, whose digest was read for truth line by
line.
"""

from __future__ import annotations

import os
import threading
import tomllib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

import msgspec
import pytest

from appliance import render_digest
from enrich.digest import Digest, from_kept, last_morning, make_digest, to_keep
from enrich.documents import Documents
from enrich.reader import BuiltinReader
from enrich.refresh import EnrichStage
from enrich.schema import ProjectSpec, TagSpec, Vocabulary
from ingest.parse import ParseStage
from ingest.sandbox.pool import Pool
from policy.limits import Limits
from store.news import MOVED
from store.records import Item, NewPassage, Reason, State
from store.vault import Vault
from tests.support.findings import findings, start_run, store_indexed
from tests.support.homes import put, throwaway_vault

FIXTURES = Path(__file__).parents[2] / "fixtures"
GOLDEN = Path(__file__).with_name("digest.txt")
LIMITS = Limits(free_disk_bytes=0)
DAY, SIX = date(2026, 3, 10), time(6)
MORNING = datetime.combine(DAY, SIX).timestamp()


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path) as opened:
        yield opened


def nothing(item: Item) -> Sequence[Item]:
    return []


def stored(vault: Vault, item: str, hours: float) -> str:
    """As if it had come in so many hours before the morning."""
    with vault._database.write() as connection:
        connection.execute("UPDATE items SET stored_at = ? WHERE id = ?", (MORNING - 3600 * hours, item))
    return item


def digest(vault: Vault, like: object = nothing) -> Digest:
    return make_digest(vault.catalog, DAY, SIX, like)  # type: ignore[arg-type]


def test_a_day_ends_in_the_morning(vault: Vault) -> None:
    items = {h: stored(vault, store_indexed(vault, f"Pay {h}", f"{h}.txt"), h) for h in (-1, 0, 1, 23, 25)}
    for item in items.values():
        vault.catalog.save_findings(item, start_run(vault), findings(item, vault.catalog.text(item)))
    found = digest(vault)
    assert found.arrived == 2
    assert {action.item for action in found.new_actions} == {items[1], items[23]}
    assert [(moved.project, [item.id for item in moved.items]) for moved in found.projects] == [
        ("Alder House", [items[23], items[1]])
    ]
    assert last_morning(datetime(2026, 3, 10, 5, 59), SIX) == DAY - timedelta(days=1)
    assert last_morning(datetime(2026, 3, 10, 6), SIX) == DAY


@pytest.mark.parametrize(
    ("due", "part"),
    [("2026-03-09", "overdue"), ("2026-03-10", "due_soon"), ("2026-03-17", "due_soon"), ("2026-03-18", None)],
)
def test_what_is_due_is_told_although_it_came_in_long_ago(vault: Vault, due: str, part: str | None) -> None:
    item = stored(vault, store_indexed(vault, "Pay it", "a.txt"), 500)
    said = findings(item, "Pay it")
    dated = tuple(msgspec.structs.replace(action, due=due) for action in said.actions)
    vault.catalog.save_findings(item, start_run(vault), msgspec.structs.replace(said, actions=dated))
    found = digest(vault)
    parts = {"overdue": found.overdue, "due_soon": found.due_soon}
    assert {name for name, actions in parts.items() if actions} == ({part} if part else set())


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Invoice 17: pay 40 EUR to Ann for the lamp", "invoice 17: Pay 40 EUR\nto Ann for the lamp", True),
        ("Invoice 17: pay 40 EUR to Ann for the lamp", "Invoice 18: pay 40 EUR to Ann for the lamp", False),
        ("The lamp is here", "The roof was mended by Tom and his son", False),
    ],
)
def test_what_says_the_same_down_to_each_number(vault: Vault, first: str, second: str, same: bool) -> None:
    old = stored(vault, store_indexed(vault, first, "a.txt"), 90)
    new = stored(vault, store_indexed(vault, second, "b.txt"), 2)
    both = vault.catalog.items_by_id([old, new])
    found = digest(vault, lambda item: [other for id, other in both.items() if id != item.id])
    assert [(one.item.id, one.same_as.id) for one in found.duplicates] == ([(new, old)] if same else [])


def test_what_is_new_to_do_is_sought_in_all_that_came(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enrich.digest.MOST", 1)
    items = {stored(vault, store_indexed(vault, f"Pay {n}", f"{n}.txt"), n) for n in (1, 2, 3)}
    for item in items:
        vault.catalog.save_findings(item, start_run(vault), findings(item, vault.catalog.text(item)))
    assert {action.item for action in digest(vault).new_actions} == items


def test_what_moved_is_not_sought_among_all_links(vault: Vault) -> None:
    with vault._database.read() as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {MOVED}", (0.0, 1.0)).fetchall()
    scans = [step for *_, step in plan if step.startswith("SCAN")]
    assert scans == ["SCAN standing_links"]  # of what is left of it: it is searched by item


def test_what_could_not_be_read_is_named(vault: Vault) -> None:
    item = stored(vault, put(vault, b"?", "a.bin").item, 3)
    vault.ledger.quarantine(item, Reason.UNSUPPORTED, "")
    assert [one.id for one in digest(vault).unread] == [item]


def test_nothing_of_a_deleted_item_is_in_it(vault: Vault) -> None:
    item = stored(vault, store_indexed(vault, "Pay it", "a.txt"), 3)
    vault.catalog.save_findings(item, start_run(vault), findings(item, "Pay it"))
    assert digest(vault).arrived == 1
    vault.delete(item)
    empty = digest(vault)
    assert msgspec.structs.asdict(empty) == {
        name: value if name in ("since", "until") else 0 if name == "arrived" else []
        for name, value in msgspec.structs.asdict(empty).items()
    }


def read_fixtures(vault: Vault) -> None:
    """The office's mail, by real workers and the built-in reader."""
    pool = Pool(1, LIMITS)
    pool.start()
    try:
        stage = ParseStage(vault, pool, LIMITS)
        for path in sorted((FIXTURES / "mail").rglob("*.eml")):
            put(vault, path.read_bytes(), path.name)
        while pending := vault.ledger.pending(State.STORED, 50, oldest=True):
            for item in pending:
                stage.step(item)
    finally:
        pool.close()
    for item in vault.ledger.pending(State.PARSED, 10_000, oldest=True):
        text = vault.catalog.text(item.id)
        vault.catalog.save_passages(item.id, [NewPassage(start=0, end=len(text), text=text, embed=False)])
    configuration = tomllib.loads((FIXTURES / "strongroom.toml").read_text(encoding="utf-8"))
    vocabulary = Vocabulary(
        tags=msgspec.convert(configuration["tag"], tuple[TagSpec, ...]),
        projects=msgspec.convert(configuration["project"], tuple[ProjectSpec, ...]),
    )
    enrich = EnrichStage(vault, [BuiltinReader(vocabulary)], Documents(vault.catalog, None))
    while enrich.step(threading.Event()):
        pass


def test_the_digest_of_the_fixtures(vault: Vault) -> None:
    read_fixtures(vault)
    every = vault.catalog.items(limit=1000)
    for item in every:
        stored(vault, item.id, 1 + item.number / 100)
    titled: dict[str | None, list[Item]] = {}
    for item in every:
        titled.setdefault(item.title, []).append(item)
    found = digest(vault, lambda item: [other for other in titled[item.title] if other.id != item.id])
    assert from_kept(to_keep(found)) == found
    told = render_digest.digest(msgspec.to_builtins(found))
    for item in every:
        told = told.replace(item.id, item.name)
    if os.environ.get("STRONGROOM_WRITE_GOLDEN"):
        GOLDEN.write_text(told + "\n", encoding="utf-8")
    assert told + "\n" == GOLDEN.read_text(encoding="utf-8")
