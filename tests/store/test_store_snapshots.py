"""Index snapshots are whole or absent, unreadable without the catalog, and die with what they held."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from store.errors import BlobDamaged, StoreError
from store.vault import Vault
from tests.support.findings import store_indexed
from tests.support.homes import open_vault, put

FILES = {"meta.json": b"{}", "segment-1": b"\x00" * 3_000_000, "empty": b""}


def on_disk(vault: Vault) -> list[Path]:
    return sorted((vault.home / "snapshots").iterdir())


def test_a_snapshot_comes_back_also_after_reopening(vault: Vault) -> None:
    store_indexed(vault, "text", "a")
    generation = vault.catalog.generation()
    assert vault.snapshots.load("fulltext") is None
    vault.snapshots.save("fulltext", generation, FILES)
    vault.snapshots.save("vectors", generation, {"faiss": memoryview(b"vectors")})
    assert vault.snapshots.load("fulltext") == (generation, FILES)
    vault.close()
    again = open_vault(vault.home)
    assert again.snapshots.load("fulltext") == (generation, FILES)
    assert again.snapshots.load("vectors") == (generation, {"faiss": b"vectors"})
    again.close()


class Counting(Mapping[str, bytes]):
    """Files that say which of them were read."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.read = files, list[str]()

    def __getitem__(self, name: str) -> bytes:
        self.read.append(name)
        return self.files[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


def test_an_immutable_file_is_read_and_encrypted_once(vault: Vault) -> None:
    first = Counting({"meta": b"1", "seg-a": b"a", "seg-b": b"b"})
    vault.snapshots.save("fulltext", 0, first, immutable=["seg-a", "seg-b"])
    assert sorted(first.read) == ["meta", "seg-a", "seg-b"]
    before = on_disk(vault)
    second = Counting({"meta": b"2", "seg-b": b"b", "seg-c": b"c"})
    vault.snapshots.save("fulltext", 0, second, immutable=["seg-b", "seg-c"])
    assert sorted(second.read) == ["meta", "seg-c"]
    assert vault.snapshots.load("fulltext") == (0, second.files)
    assert len(on_disk(vault)) == 3
    assert len(set(before) & set(on_disk(vault))) == 1


@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "swap"])
def test_a_damaged_snapshot_is_no_snapshot(vault: Vault, harm: str) -> None:
    vault.snapshots.save("fulltext", 0, {"a": b"first", "b": b"other"})
    one, two = on_disk(vault)
    content = one.read_bytes()
    if harm == "remove":
        one.unlink()
    elif harm == "swap":
        one.write_bytes(two.read_bytes())
    else:
        one.write_bytes(
            content[:-1] if harm == "cut" else content[:9] + bytes([content[9] ^ 1]) + content[10:]
        )
    assert vault.snapshots.load("fulltext") is None
    vault.snapshots.save("fulltext", 0, {"a": b"anew"})
    assert vault.snapshots.load("fulltext") == (0, {"a": b"anew"})


def test_parts_are_read_one_by_one_and_a_damaged_one_is_refused(vault: Vault) -> None:
    parts = {f"part-{number}": os.urandom(1_500_000) + bytes(4_000_000) for number in range(4)}
    vault.snapshots.save("vectors", 0, parts)
    (broken,) = rows(vault, "SELECT file FROM snapshot_files WHERE name = 'part-2'")
    path = vault.home / "snapshots" / broken[0]
    path.write_bytes(path.read_bytes()[: 1 << 20])
    snapshot = vault.snapshots.open("vectors")
    assert snapshot is not None
    assert (snapshot[0], set(snapshot[1])) == (0, set(parts))
    with ThreadPoolExecutor(3) as readers:
        read = {name: readers.submit(snapshot[1].__getitem__, name) for name in parts}
    with pytest.raises(StoreError):
        read.pop("part-2").result()
    assert all(each.result() == parts[name] for name, each in read.items())
    path.unlink()
    with pytest.raises(StoreError):
        snapshot[1]["part-2"]
    assert vault.snapshots.load("vectors") is None


@pytest.mark.parametrize("column", ["snapshot", "name"])
def test_parts_exchanged_in_the_catalog_do_not_open(vault: Vault, column: str) -> None:
    """By someone who can write it: each part is genuine, with its key, and in the place of another."""
    for name in ("a", "b"):
        vault.snapshots.save(name, 0, {"a": b"first", "b": b"other"})
    for before, after in (("a", "x"), ("b", "a"), ("x", "b")):
        with vault._database.write() as connection:
            connection.execute("INSERT OR IGNORE INTO snapshots VALUES ('x', 0)")
            connection.execute(f"UPDATE snapshot_files SET {column} = ? WHERE {column} = ?", (after, before))
    for name in ("a", "b"):
        opened = vault.snapshots.open(name)
        assert opened is not None
        for part in ("a", "b"):
            with pytest.raises(BlobDamaged, match="data key does not open"):
                opened[1][part]


def rows(vault: Vault, query: str) -> list[tuple[Any, ...]]:
    with vault._database.read() as connection:
        return connection.execute(query).fetchall()


def test_a_snapshot_of_the_future_is_none_of_ours(vault: Vault) -> None:
    vault.snapshots.save("fulltext", 99, {"a": b"x"})
    assert vault.snapshots.load("fulltext") is None


def test_discarding_removes_keys_and_files(vault: Vault) -> None:
    vault.snapshots.save("fulltext", 0, FILES)
    vault.snapshots.discard("fulltext")
    vault.snapshots.discard("fulltext")
    assert vault.snapshots.load("fulltext") is None
    assert on_disk(vault) == []


def test_a_failing_save_leaves_the_snapshot_before(vault: Vault) -> None:
    vault.snapshots.save("fulltext", 0, {"a": b"good"})
    with pytest.raises(KeyError):
        vault.snapshots.save("fulltext", 0, Broken({"a": b"new", "b": b"never"}))
    assert vault.snapshots.load("fulltext") == (0, {"a": b"good"})
    assert len(on_disk(vault)) == 1


class Broken(Counting):
    """A segment that vanishes while it is being saved."""

    def __getitem__(self, name: str) -> bytes:
        return super().__getitem__({"a": "a", "b": "gone"}[name])


def test_a_deletion_destroys_the_snapshots_that_hold_the_item_and_no_other(vault: Vault) -> None:
    vault.snapshots.save("before", vault.catalog.generation(), {"a": b"x"})
    item = store_indexed(vault, "secret", "a")
    vault.snapshots.save("after", vault.catalog.generation(), {"a": b"y"})
    late = vault.catalog.generation()
    receipt = vault.delete(item)
    assert vault.snapshots.load("before") is not None
    assert vault.snapshots.load("after") is None
    assert len(on_disk(vault)) == 1
    assert not any(receipt.residue.values())
    vault.snapshots.save("after", late, {"a": b"written while the deletion went on"})
    assert vault.snapshots.load("after") is None
    assert len(on_disk(vault)) == 1
    vault.snapshots.save("after", vault.catalog.generation(), {"a": b"z"})
    assert vault.snapshots.load("after") is not None


def test_deleting_what_was_never_indexed_leaves_the_snapshots(vault: Vault) -> None:
    vault.snapshots.save("index", vault.catalog.generation(), {"a": b"x"})
    vault.delete(put(vault, b"unread").item)
    assert vault.snapshots.load("index") is not None
