"""Children in a real vault, out of archives that real workers read: complete, once, within the limits of the
whole tree, and never above themselves.
"""

from __future__ import annotations

import io
import os
import time
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from ingest.children import Children
from ingest.parse import ParseStage
from ingest.reading import Child
from ingest.sandbox.pool import Pool
from policy.limits import Limits
from policy.redact import Private
from store.errors import AttachedItem, NoSuchItem
from store.records import Item, Reason, State
from store.vault import Vault
from tests.support.bombs_archives import quine
from tests.support.homes import fast_folder, make_home, open_vault, put
from tests.support.parsing import memfd
from tests.support.seven_zip import LZMA2, locked, seven_zip
from tests.support.winzip import locked_zip

LIMITS = Limits(free_disk_bytes=0, depth=3)


@pytest.fixture
def vault() -> Iterator[Vault]:
    with fast_folder() as folder:
        vault = open_vault(make_home(folder / "home"), LIMITS)
        yield vault
        vault.close()


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    started = Pool(1, LIMITS)
    started.start()
    yield started
    started.close()


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content)
    return out.getvalue()


def taken(vault: Vault, content: bytes, name: str = "a.zip") -> Item:
    return vault.catalog.item(put(vault, content, name).item)


def read_all(vault: Vault, pool: Pool, limits: Limits = LIMITS) -> None:
    """Read everything that is there and all that comes out of it."""
    stage = ParseStage(vault, pool, limits)
    for _ in range(200):
        pending = vault.ledger.pending(State.STORED, 50)
        if not pending:
            return
        for item in pending:
            stage.step(item)
    raise AssertionError("it does not end")


def names(vault: Vault, item: str) -> list[str]:
    return [child.name for child in vault.catalog.children(item)]


def found(vault: Vault, name: str) -> Item:
    [item] = [item for item in vault.catalog.items(limit=1000) if item.name == name]
    return item


def again(vault: Vault, item: Item) -> Item:
    return vault.catalog.item(item.id)


@contextmanager
def given(contents: Mapping[str, bytes]) -> Iterator[tuple[list[Child], int]]:
    """Children as the stage hands them over."""
    children, at = [], 0
    for path, content in contents.items():
        children.append(Child(path.rpartition("/")[2], path, at, len(content)))
        at += len(content)
    with memfd(b"".join(contents.values())) as descriptor:
        yield children, descriptor


def store(vault: Vault, item: Item, contents: Mapping[str, bytes], limits: Limits = LIMITS) -> str | None:
    with given(contents) as (children, descriptor):
        return Children(vault, limits).store(item, children, descriptor, 0)


# --------------------------------------------------------------------------- archives, from end to end


def test_every_kind_is_unpacked_by_a_confined_worker(vault: Vault, pool: Pool) -> None:
    inner = zipped({"deep/letter.txt": b"the roof is done"})
    outer = taken(vault, seven_zip({"inner.zip": inner, "note.txt": b"a note"}), "outer.7z")
    read_all(vault, pool)
    assert names(vault, outer.id) == ["inner.zip", "note.txt"]
    assert again(vault, outer).state is State.PARSED
    assert "deep" not in vault.catalog.text(outer.id)
    assert "note.txt" in vault.catalog.text(outer.id), "an archive is found by what it holds"
    letter = found(vault, "letter.txt")
    assert vault.catalog.text(letter.id) == "the roof is done"
    [origin] = vault.catalog.origins(letter.id)
    assert (letter.parent, origin.locator.partition("/")[2]) == (
        found(vault, "inner.zip").id,
        "1/deep/letter.txt",
    )


LOCKED = {
    "aes": locked_zip({"a.txt": b"the key fits"}, "key", "aes3"),
    "old": locked_zip({"a.txt": b"the key fits"}, "key", "zipcrypto"),
    "7z": seven_zip({"a.txt": b"the key fits"}, [LZMA2, locked("key")]),
    "some": locked_zip({"a.txt": b"the key fits"}, "key", "aes3", {"open.txt": b"open"}),
}


@pytest.mark.parametrize("kind", LOCKED)
def test_a_locked_archive_waits_for_its_password(vault: Vault, pool: Pool, kind: str) -> None:
    item = taken(vault, LOCKED[kind])
    read_all(vault, pool)
    if kind == "some":
        assert "1 of its files are protected" in str(again(vault, item).partial)
        assert names(vault, item.id) == ["open.txt"]
    else:
        assert again(vault, item).reason is Reason.NEEDS_PASSWORD
    vault.ledger.unlock(item.id, Private("key"))
    read_all(vault, pool)
    assert (again(vault, item).state, again(vault, item).partial) == (State.PARSED, None)
    assert vault.catalog.text(found(vault, "a.txt").id) == "the key fits"
    assert vault.catalog.count() == (3 if kind == "some" else 2)


def test_a_quine_ends_and_is_not_above_itself(vault: Vault, pool: Pool) -> None:
    item = taken(vault, quine())
    read_all(vault, pool)
    after = again(vault, item)
    assert (after.state, after.parent, vault.catalog.count()) == (State.PARSED, None, 1)
    assert names(vault, item.id) == []
    assert "it holds itself" in str(after.partial)
    vault.delete(item.id)


def test_nests_end_at_a_depth(vault: Vault, pool: Pool) -> None:
    content = b"the innermost"
    for level in range(6):
        content = zipped(
            {f"{level}.zip" if level else "end.txt": content, f"beside {level}.txt": b"%d" % level}
        )
    item = taken(vault, content)
    read_all(vault, pool)
    depths = [len(vault.catalog.ancestry(each.id)) for each in vault.catalog.items(limit=100)]
    assert max(depths) == LIMITS.depth
    assert "3 levels" in str(found(vault, "3.zip").partial)
    assert vault.catalog.ancestry(found(vault, "3.zip").id)[-1] == item.id


def test_an_archive_read_again_has_each_child_once(vault: Vault, pool: Pool) -> None:
    item = taken(vault, zipped({"a.txt": b"one", "b/a.txt": b"two", "same.txt": b"one"}))
    read_all(vault, pool)
    before = vault.catalog.children(item.id)
    places = [vault.catalog.origins(child.id) for child in before]
    assert [len(some) for some in places] == [2, 1]
    ParseStage(vault, pool, LIMITS).step(again(vault, item))  # it moved on: nothing happens
    with given({"a.txt": b"one", "new.txt": b"new", "b/a.txt": b"two", "same.txt": b"one"}) as (
        more,
        descriptor,
    ):
        assert Children(vault, LIMITS).store(item, more, descriptor, 0) is None
    assert names(vault, item.id) == ["a.txt", "a.txt", "new.txt"]
    assert [vault.catalog.origins(child.id) for child in before] == places, "other finds move no place"


# --------------------------------------------------------------------------- the limits of a tree


def some(count: int, size: int = 10, mark: str = "") -> dict[str, bytes]:
    return {f"{mark}{n}.txt": f"{mark}{n}".encode().ljust(size, b".") for n in range(count)}


def test_a_tree_has_so_many_items_in_all(vault: Vault) -> None:
    limits = Limits(free_disk_bytes=0, descendants=25)
    root = taken(vault, b"root")
    children = Children(vault, limits)

    def add(item: Item, contents: dict[str, bytes]) -> str | None:
        with given(contents) as (found, descriptor):
            return children.store(item, found, descriptor, 0)

    assert add(root, some(10)) is None
    first, second, *_ = vault.catalog.children(root.id)
    assert add(first, some(10, mark="x")) is None
    assert str(add(second, some(10, mark="y"))).startswith(
        "5 of the 10 files in it were left out: at most 25"
    )
    assert len(vault.catalog.children(second.id)) == 5
    assert vault.catalog.descendants(root.id, besides="") == (25, 250)
    assert add(taken(vault, b"another root", "b"), some(25, mark="z")) is None
    for item, contents in ((root, some(10)), (first, some(10, mark="x")), (second, some(10, mark="y"))):
        before = names(vault, item.id)
        left_out = [add(item, contents), store(vault, item, contents, limits)]  # and after a restart
        assert names(vault, item.id) == before, "storing twice is storing once"
        assert [bool(each) for each in left_out] == [item is second] * 2


def test_the_same_bytes_in_many_places_of_a_tree_are_one_item_of_it(vault: Vault) -> None:
    limits = Limits(free_disk_bytes=0, descendants=14)
    root = taken(vault, b"root")
    children = Children(vault, limits)
    with given(some(10)) as (found, descriptor):
        assert children.store(root, found, descriptor, 0) is None
    for child in vault.catalog.children(root.id):
        with given({"logo.png": b"logo", "footer.png": b"footer"}) as (found, descriptor):
            assert children.store(child, found, descriptor, 0) is None
    assert vault.catalog.descendants(root.id, besides="")[0] == 12


def test_a_tree_has_so_many_bytes_in_all(vault: Vault) -> None:
    limits = Limits(free_disk_bytes=0, descendant_bytes=1000)
    root = taken(vault, b"root")
    left_out = store(vault, root, {"a": b"a" * 600, "b": b"b" * 600, "c": b"c" * 300}, limits)
    assert names(vault, root.id) == ["a", "c"], "what still fits is kept"
    assert str(left_out).startswith("1 of the 3 files")


def test_what_is_too_large_for_an_item_is_named(vault: Vault) -> None:
    small = Limits(free_disk_bytes=0, item_bytes=100_000)
    with fast_folder() as folder:
        vault = open_vault(make_home(folder / "home"), small)
        root = taken(vault, b"root")
        assert store(vault, root, {"a": b"a" * 200_000, "b": b"b"}, small) == "1 files in it are too large"
        assert names(vault, root.id) == ["b"]
        vault.close()


# --------------------------------------------------------------------------- nothing above itself


def test_two_that_hold_each_other(vault: Vault) -> None:
    one, two = taken(vault, b"one", "one"), taken(vault, b"two", "two")
    assert store(vault, one, {"two": b"two", "more": b"more"}) is None
    assert store(vault, two, {"one": b"one", "less": b"less"}) == "it holds itself"
    more = vault.catalog.children(one.id)[1]
    assert store(vault, more, {"one": b"one"}) == "it holds itself"
    assert names(vault, two.id) == ["less"]
    vault.delete(one.id)
    assert {item.name for item in vault.catalog.items()} == {"two", "less"}


def test_two_that_hold_each_other_at_once(vault: Vault) -> None:
    for n in range(10):
        pair = [taken(vault, b"%d %d" % (n, side), f"{n} {side}") for side in (0, 1)]

        def hold(side: int, n: int = n, pair: list[Item] = pair) -> str | None:
            return store(vault, pair[side], {"other": b"%d %d" % (n, 1 - side)})

        with ThreadPoolExecutor(2) as threads:
            told = list(threads.map(hold, (0, 1)))
        assert sorted(map(str, told)) == ["None", "it holds itself"]


# --------------------------------------------------------------------------- deletion


def test_what_two_archives_hold_goes_with_the_second(vault: Vault, pool: Pool) -> None:
    logo = b"the same logo"
    first = taken(vault, zipped({"logo.txt": logo, "a.txt": b"only in a"}), "a.zip")
    second = taken(vault, zipped({"x/logo.txt": logo, "inner.zip": zipped({"logo.txt": logo})}), "b.zip")
    read_all(vault, pool)
    shared = found(vault, "logo.txt")
    with pytest.raises(AttachedItem):
        vault.delete(shared.id)
    assert not any(vault.delete(first.id).residue.values())
    assert {item.name for item in vault.catalog.items()} == {"b.zip", "logo.txt", "inner.zip"}
    assert again(vault, shared).parent in (second.id, found(vault, "inner.zip").id)
    with os.fdopen(vault.original(shared.id), "rb") as content:
        assert content.read() == logo
    assert not any(vault.delete(second.id).residue.values())
    assert vault.catalog.count() == 0
    with pytest.raises(NoSuchItem):
        again(vault, shared)


def test_a_file_of_its_own_outlives_the_archive_that_holds_it_too(vault: Vault, pool: Pool) -> None:
    own = taken(vault, b"a letter", "letter.txt")
    archive = taken(vault, zipped({"copy.txt": b"a letter", "b.txt": b"b"}))
    read_all(vault, pool)
    assert names(vault, archive.id) == ["letter.txt", "b.txt"]
    vault.delete(archive.id)
    assert [item.id for item in vault.catalog.items()] == [own.id]


# --------------------------------------------------------------------------- many


def _many(vault: Vault, pool: Pool, count: int) -> tuple[float, float]:
    """Seconds to read and store an archive of so many files, and to delete all of it again."""
    item = taken(vault, zipped(some(count, size=200)), "many.zip")
    began = time.monotonic()
    ParseStage(vault, pool, LIMITS).step(item)
    stored = time.monotonic()
    assert (again(vault, item).state, again(vault, item).partial) == (State.PARSED, None)
    assert len(vault.catalog.children(item.id)) == count
    receipt = vault.delete(item.id)
    assert (receipt.removed["items"], any(receipt.residue.values())) == (count + 1, False)
    assert vault.catalog.count() == 0
    return stored - began, time.monotonic() - stored


def test_a_thousand_small_files(vault: Vault, pool: Pool) -> None:
    read, deleted = _many(vault, pool, 1_000)
    assert (read < 30, deleted < 30) == (True, True)


@pytest.mark.nightly
def test_ten_thousand_small_files(vault: Vault, pool: Pool) -> None:
    read, deleted = _many(vault, pool, 10_000)
    print(f"10,000 files: {read:.1f} s to read and store, {deleted:.1f} s to delete")
    assert (read < 120, deleted < 120) == (True, True)


def test_a_large_tree_is_counted_by_its_indexes(vault: Vault) -> None:
    """Every mail with an attachment in an archive of mails that is nearly full asks for it."""
    root = taken(vault, b"root")
    assert store(vault, root, some(2_000)) is None
    began = time.monotonic()
    for _ in range(20):
        assert vault.catalog.descendants(root.id, besides="") == (2_000, 20_000)
    assert time.monotonic() - began < 5
