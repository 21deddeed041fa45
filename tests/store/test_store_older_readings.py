"""A home of the version before: what it could not read is read anew, what it read stays and decodes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from store.migrate import packaged_steps
from store.readings import pack
from store.records import Element, ElementKind, Reason, State
from tests.support.homes import make_home, open_vault, put

BEFORE = 2


class _Element(msgspec.Struct, frozen=True, kw_only=True):
    """An element as version 2 packed it."""

    kind: ElementKind
    start: int
    end: int
    page: int | None = None
    level: int | None = None


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, str]]:
    """A home of version 2, and its items by name."""
    with monkeypatch.context() as older:
        older.setattr("store.vault.packaged_steps", lambda: packaged_steps()[:BEFORE])
        vault = open_vault(make_home(tmp_path / "home"))
        reasons = ("UNSUPPORTED", "ENCRYPTED", "TRUNCATED", "EMPTY")
        items = {name: put(vault, name.encode(), name).item for name in ("read", "blank", *reasons)}
        packed = pack(msgspec.msgpack.encode([_Element(kind=ElementKind.PARAGRAPH, start=0, end=5, page=1)]))
        with vault._database.write() as connection:
            for reason in reasons:
                connection.execute(
                    "UPDATE items SET state = 'QUARANTINED', reason = ?, detail = 'so', attempts = 2"
                    " WHERE id = ?",
                    (reason, items[reason]),
                )
            for name, text in (("read", b"A day"), ("blank", b"")):
                seq = connection.execute(
                    "UPDATE items SET state = 'INDEXED', chunked = 1 WHERE id = ? RETURNING seq",
                    (items[name],),
                ).fetchone()[0]
                connection.execute("INSERT INTO texts VALUES (?, ?, ?)", (seq, pack(text), packed))
                if text:
                    connection.execute(
                        "INSERT INTO passages (item, generation, start, end, text, page, heading, embed)"
                        " VALUES (?, 1, 0, 5, ?, 1, NULL, 0)",
                        (seq, pack(text)),
                    )
            connection.execute("INSERT INTO snapshots VALUES ('text', 1), ('vectors', 1)")
        vault.close()
    return tmp_path / "home", items


def test_what_this_version_may_read_is_read_anew_and_the_rest_stays(
    home: tuple[Path, dict[str, str]],
) -> None:
    folder, items = home
    vault = open_vault(folder)
    assert {name: vault.catalog.item(item).state for name, item in items.items()} == {
        "read": State.INDEXED,
        "blank": State.STORED,
        "UNSUPPORTED": State.STORED,
        "ENCRYPTED": State.STORED,
        "TRUNCATED": State.QUARANTINED,
        "EMPTY": State.QUARANTINED,
    }
    again = vault.catalog.item(items["ENCRYPTED"])
    assert (again.reason, again.detail, again.attempts) == (None, None, 0)
    assert vault.ledger.reasons() == {Reason.TRUNCATED: 1, Reason.EMPTY: 1}
    # They are to be found by their names from now on.
    assert {item.id for item in vault.catalog.unchunked(9)} == {items["TRUNCATED"], items["EMPTY"]}
    assert vault.verify().problems == []
    assert vault.snapshots.load("text") is None
    vault.close()


def test_what_was_read_before_is_read_from_the_catalog(home: tuple[Path, dict[str, str]]) -> None:
    folder, items = home
    vault = open_vault(folder)
    assert vault.catalog.elements(items["read"]) == [
        Element(kind=ElementKind.PARAGRAPH, start=0, end=5, page=1)
    ]
    (passage,) = vault.catalog.passages_of(items["read"])
    assert (passage.text, passage.language, passage.embed) == ("A day", None, False)
    assert not any(vault.delete(items["read"]).residue.values())
    vault.close()
