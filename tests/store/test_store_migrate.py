"""An older catalog is copied, then migrated; a newer one is refused; a step that fails loses nothing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from policy.redact import Private
from store.database import connect
from store.errors import CatalogDamaged, NewerHome, StoreError
from store.keys import open_keys
from store.migrate import copy_path, migrate, packaged_steps
from store.vault import Vault
from tests.support.homes import PASSPHRASE, make_home, open_vault, put

FIRST = packaged_steps()
ADD = "ALTER TABLE items ADD COLUMN colour TEXT; UPDATE items SET colour = 'red';"
BROKEN = "CREATE TABLE half (x); SELECT nonsense FROM nowhere;"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    vault = open_vault(make_home(tmp_path / "home"))
    for number in range(20):
        put(vault, b"document %d" % number, str(number))
    vault.close()
    return tmp_path / "home"


def key_of(home: Path) -> Private[bytes]:
    return open_keys(home / "keys", PASSPHRASE).catalog


def ask(catalog: Path, key: Private[bytes], query: str) -> object:
    connection = connect(catalog, key)
    try:
        return connection.execute(query).fetchone()[0]
    finally:
        connection.close()


def test_the_packaged_steps_make_the_newest_version(home: Path) -> None:
    assert ask(home / "catalog.db", key_of(home), "PRAGMA user_version") == len(FIRST) >= 1
    assert not copy_path(home / "catalog.db").exists()


def test_an_older_catalog_is_copied_and_migrated(home: Path) -> None:
    catalog, key = home / "catalog.db", key_of(home)
    migrate(catalog, key, [*FIRST, ADD])
    assert ask(catalog, key, "PRAGMA user_version") == len(FIRST) + 1
    assert ask(catalog, key, "SELECT count(*) FROM items WHERE colour = 'red'") == 20
    copy = copy_path(catalog)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert ask(copy, key, "PRAGMA user_version") == len(FIRST)
    assert ask(copy, key, "SELECT count(*) FROM items") == 20
    assert not copy.read_bytes().startswith(b"SQLite format 3")
    assert list(home.glob("*.new*")) == []
    migrate(catalog, key, [*FIRST, ADD])
    assert ask(catalog, key, "SELECT count(*) FROM items WHERE colour = 'red'") == 20


def test_a_step_that_fails_leaves_the_last_whole_version(home: Path) -> None:
    catalog, key = home / "catalog.db", key_of(home)
    with pytest.raises(StoreError):
        migrate(catalog, key, [*FIRST, ADD, BROKEN])
    assert ask(catalog, key, "PRAGMA user_version") == len(FIRST) + 1
    assert ask(catalog, key, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'") == 0
    migrate(catalog, key, [*FIRST, ADD, "CREATE TABLE whole (x);"])
    assert ask(catalog, key, "SELECT count(*) FROM items WHERE colour = 'red'") == 20


def test_a_newer_home_is_refused_untouched(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, key = home / "catalog.db", key_of(home)
    migrate(catalog, key, [*FIRST, ADD])
    copy_path(catalog).unlink()
    before = catalog.read_bytes()
    with pytest.raises(NewerHome, match=f"version {len(FIRST) + 1}"):
        open_vault(home)
    assert catalog.read_bytes() == before
    monkeypatch.setattr("store.vault.packaged_steps", lambda: [*FIRST, ADD])
    vault: Vault = open_vault(home)
    assert vault.catalog.count() == 20
    vault.close()


def test_an_older_home_is_migrated_when_it_is_opened(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.vault.packaged_steps", lambda: [*FIRST, ADD])
    vault = open_vault(home)
    assert vault.catalog.count() == 20
    assert vault.verify().problems == []
    assert copy_path(home / "catalog.db").exists()
    vault.delete(vault.catalog.items()[0].id)
    assert not copy_path(home / "catalog.db").exists()
    vault.close()


def test_a_copy_that_is_not_equal_stops_everything(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, key = home / "catalog.db", key_of(home)
    copyfile = shutil.copyfile

    def faulty(source: Path, target: Path) -> None:
        copyfile(source, target)
        content = bytearray(target.read_bytes())
        content[len(content) // 2] ^= 1
        target.write_bytes(content)

    monkeypatch.setattr(shutil, "copyfile", faulty)
    with pytest.raises(CatalogDamaged):
        migrate(catalog, key, [*FIRST, ADD])
    assert ask(catalog, key, "PRAGMA user_version") == len(FIRST)
    assert list(home.glob("catalog.before*")) == []


def test_every_table_about_an_item_goes_with_it(home: Path) -> None:
    # What the deletion relies on; a step that adds a table has to keep to it.
    connection = connect(home / "catalog.db", key_of(home))
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for (table,) in tables:
        columns = {row[1] for row in connection.execute(f'PRAGMA table_info("{table}")').fetchall()}
        references = connection.execute(f'PRAGMA foreign_key_list("{table}")').fetchall()
        cascading = {row[3] for row in references if row[6] == "CASCADE"}
        named = {"item", "passage"} & columns
        if table not in {"audit", "receipts", "doomed", "removed"}:
            assert named <= cascading, f"{table} keeps rows of deleted items"
        assert re.fullmatch(r"[a-z_]+", table)
    connection.close()


def test_what_the_owner_said_of_action_items_is_kept_and_all_is_read_for_meaning_anew(tmp_path: Path) -> None:
    key = Private(bytes(range(32)))
    catalog = tmp_path / "catalog.db"
    migrate(catalog, key, FIRST[:6])
    connection = connect(catalog, key)
    connection.executescript(
        "INSERT INTO items (id, blob, data_key, epoch, size, stored_at, name, source, family, state)"
        " VALUES ('i', 'b', x'00', 1, 1, 1.0, 'm.eml', 'drop', 'i', 'ENRICHED');"
        "INSERT INTO actions (item, kind, what, confidence, start, end, text)"
        " VALUES (1, 'request', 'Please pay.', 0.9, 5, 16, 'Please pay.');"
        "INSERT INTO verdicts (item, start, end, status) VALUES (1, 5, 16, 'done');"
    )
    connection.close()
    migrate(catalog, key, FIRST)
    assert ask(catalog, key, "SELECT state FROM items") == "INDEXED"
    assert ask(catalog, key, "SELECT status || ': ' || text || ' ' || newest FROM verdicts") == (
        "done: Please pay. 1"
    )
