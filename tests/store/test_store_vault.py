"""Putting documents in: durable, once each, with every place they came from and every version they had."""

from __future__ import annotations

import fcntl
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from policy.limits import Limits
from policy.redact import Private
from store.errors import (
    BlobDamaged,
    HomeExists,
    HomeInUse,
    ItemTooLarge,
    NoHome,
    NoSuchItem,
    StoreFull,
    WrongPassphrase,
)
from store.records import Origin, State
from store.vault import Vault
from tests.support.homes import CHEAP_KDF, LIMITS, PASSPHRASE, make_home, open_vault, put, throwaway_vault

ROOT = Path(__file__).parents[2]
LARGE = os.urandom(1 << 20) * 3 + b"and a tail"


def content_of(vault: Vault, item: str) -> bytes:
    with io.FileIO(vault.original(item)) as file:
        return file.read()


def blob_paths(vault: Vault) -> list[Path]:
    return list(vault.home.glob("blobs/*/*"))


@pytest.mark.parametrize(
    "content", [b"", b"x", b"a letter" * 999, LARGE], ids=["empty", "byte", "text", "large"]
)
def test_what_was_put_in_comes_back_also_after_reopening(tmp_path: Path, content: bytes) -> None:
    vault = open_vault(make_home(tmp_path / "home"))
    stored = put(vault, content)
    assert stored.created
    assert stored.origin_added
    assert content_of(vault, stored.item) == content
    vault.close()
    vault = open_vault(tmp_path / "home")
    assert content_of(vault, stored.item) == content
    item = vault.catalog.item(stored.item)
    assert (item.state, item.size, item.name) == (State.STORED, len(content), "letter.txt")
    assert vault.verify().problems == []
    vault.close()


def test_an_original_is_sealed_memory(vault: Vault) -> None:
    descriptor = vault.original(put(vault, b"a letter").item)
    with pytest.raises(PermissionError):
        os.pwrite(descriptor, b"X", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    assert fcntl.fcntl(descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0
    os.close(descriptor)


def test_ids_and_blob_names_tell_nothing(tmp_path: Path) -> None:
    names, items = set[str](), set[str]()
    for number in range(2):
        with throwaway_vault(tmp_path / str(number)) as vault:
            items.add(put(vault, b"the same bytes").item)
            names |= {path.name for path in blob_paths(vault)}
    assert len(names) == len(items) == 2  # two homes share neither, though the bytes are the same
    assert all(len(item) == 16 and int(item, 16) >= 0 for item in items)


def test_everything_in_the_home_is_private(vault: Vault) -> None:
    put(vault, b"a letter")
    vault.snapshots.save("index", 0, {"f": b"x"})
    modes = {path: path.stat().st_mode & 0o777 for path in vault.home.rglob("*")}
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items()), modes


def test_the_same_bytes_are_one_item_with_every_place(vault: Vault) -> None:
    first = put(vault, b"same", "a.txt")
    again, elsewhere = put(vault, b"same", "a.txt"), put(vault, b"same", "b/c.txt", source="watch:desk")
    assert first.item == again.item == elsewhere.item
    assert (again.created, again.origin_added) == (False, False)
    assert (elsewhere.created, elsewhere.origin_added) == (False, True)
    assert [origin.locator for origin in vault.catalog.origins(first.item)] == ["a.txt", "b/c.txt"]
    assert vault.catalog.find_origin("watch:desk", "b/c.txt") == (
        first.item,
        vault.catalog.origins(first.item)[1],
    )
    assert len(blob_paths(vault)) == vault.catalog.count() == 1
    assert [item.id for item in vault.catalog.items(source="watch:desk")] == [first.item]


def test_a_place_keeps_what_is_known_of_the_file(vault: Vault) -> None:
    origin = Origin(source="drop", locator="a", name="a", mtime_ns=1, size=4)
    item = vault.put(io.BytesIO(b"same"), origin).item
    later = Origin(source="drop", locator="a", name="a", mtime_ns=2, size=4)
    vault.put(io.BytesIO(b"same"), later)
    assert vault.catalog.find_origin("drop", "a") == (item, later)
    assert vault.catalog.places("drop") == [(item, later)]


def test_a_changed_file_is_a_new_version(vault: Vault) -> None:
    ids = [put(vault, b"version %d" % n, "plan.txt", new_version=True).item for n in (1, 2, 3)]
    versions = vault.catalog.versions(vault.catalog.item(ids[2]).family)
    assert [(item.id, item.version, item.superseded) for item in versions] == [
        (ids[2], 3, False),
        (ids[1], 2, True),
        (ids[0], 1, True),
    ]
    assert [item.id for item in vault.catalog.items()] == [ids[2]]
    assert len(vault.catalog.items(include_superseded=True)) == 3
    found = vault.catalog.find_origin("drop", "plan.txt")
    assert found is not None
    assert found[0] == ids[2]
    assert [origin.current for origin in vault.catalog.origins(ids[0])] == [False]


def test_a_former_version_that_is_held_elsewhere_is_not_superseded(vault: Vault) -> None:
    old = put(vault, b"old", "plan.txt").item
    put(vault, b"old", "copy.txt")
    new = put(vault, b"new", "plan.txt", new_version=True).item
    assert not vault.catalog.item(old).superseded
    put(vault, b"newer", "copy.txt", new_version=True)
    assert vault.catalog.item(old).superseded
    assert not vault.catalog.item(new).superseded


def test_bytes_that_come_back_are_the_newest_version_again(vault: Vault) -> None:
    first = put(vault, b"one", "plan.txt").item
    second = put(vault, b"two", "plan.txt", new_version=True).item
    back = put(vault, b"one", "plan.txt", new_version=True)
    assert (back.item, back.created, back.origin_added) == (first, False, True)
    assert (vault.catalog.item(first).superseded, vault.catalog.item(second).superseded) == (False, True)
    assert vault.catalog.item(first).version > vault.catalog.item(second).version


def test_a_document_that_comes_to_equal_another_keeps_to_its_own_family(vault: Vault) -> None:
    ours, theirs = put(vault, b"ours", "a.txt").item, put(vault, b"theirs", "b.txt").item
    newer = put(vault, b"theirs 2", "b.txt", new_version=True).item
    moved = put(vault, b"theirs 2", "a.txt", new_version=True)
    assert (moved.item, moved.created) == (newer, False)
    assert vault.catalog.item(ours).superseded
    assert vault.catalog.item(newer).family == theirs
    assert vault.catalog.item(ours).family == ours


def test_a_place_without_new_version_is_another_document(vault: Vault) -> None:
    first, second = put(vault, b"monday", "scan.pdf").item, put(vault, b"tuesday", "scan.pdf").item
    assert not vault.catalog.item(first).superseded
    assert vault.catalog.item(second).family == second
    assert {item.id for item in vault.catalog.items()} == {first, second}


def test_a_vanished_file_leaves_its_item(vault: Vault) -> None:
    item = put(vault, b"text", "a.txt").item
    vault.catalog.drop_origin("drop", "a.txt")
    assert vault.catalog.find_origin("drop", "a.txt") is None
    assert [entry.id for entry in vault.catalog.items()] == [item]
    assert put(vault, b"text", "a.txt").origin_added
    assert [origin.current for origin in vault.catalog.origins(item)] == [True]


def test_attachments_are_items_with_a_parent_and_one_may_have_several(vault: Vault) -> None:
    mails = [put(vault, b"mail %d" % n, f"{n}.eml").item for n in (1, 2)]
    logo = [put(vault, b"logo", "logo.png", source="attachment", parent=mail) for mail in mails]
    bill = put(vault, b"bill", "logo.png", source="attachment", parent=mails[1]).item
    assert [(stored.created, stored.origin_added) for stored in logo] == [(True, True), (False, True)]
    assert [item.id for item in vault.catalog.children(mails[0])] == [logo[0].item]
    # The same name twice in one mail: the place holds the later one.
    assert [item.id for item in vault.catalog.items(parent=mails[1])] == [bill]
    assert vault.catalog.item(logo[0].item).parent == mails[0]
    with pytest.raises(NoSuchItem):
        put(vault, b"orphan", "x", source="attachment", parent="0123456789abcdef")
    assert len(blob_paths(vault)) == vault.catalog.count() == 4


def test_an_archive_that_holds_itself_ends(vault: Vault) -> None:
    quine = put(vault, b"quine", "quine.zip").item
    stored = put(vault, b"quine", "quine.zip", source="attachment", parent=quine)
    assert (stored.item, stored.created, stored.origin_added) == (quine, False, False)
    assert vault.catalog.children(quine) == []


class Failing(io.RawIOBase):
    """A source that breaks in the middle."""

    def read(self, size: int = -1) -> bytes:
        if self.tell_me:
            raise NoSuchItem("the source broke")
        self.tell_me = True
        return b"half of it"

    tell_me = False


def test_nothing_is_left_of_what_could_not_be_stored(tmp_path: Path) -> None:
    with throwaway_vault(tmp_path, Limits(item_bytes=10, free_disk_bytes=0)) as vault:
        with pytest.raises(ItemTooLarge):
            put(vault, b"x" * 11)
        with pytest.raises(NoSuchItem):
            vault.put(cast("BinaryIO", Failing()), Origin(source="drop", locator="a", name="a"))
        assert put(vault, b"x" * 10).created
        assert len(blob_paths(vault)) == 1
        assert list((vault.home / "incoming").iterdir()) == []


def test_a_nearly_full_disk_is_full(tmp_path: Path) -> None:
    with throwaway_vault(tmp_path, Limits(free_disk_bytes=1 << 60)) as vault:
        with pytest.raises(StoreFull) as caught:
            put(vault, b"x")
        assert caught.value.retryable


def test_a_duplicate_is_not_acknowledged_on_the_word_of_a_damaged_blob(vault: Vault) -> None:
    put(vault, b"text", "a.txt")
    (blob,) = blob_paths(vault)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    with pytest.raises(BlobDamaged):
        put(vault, b"text", "b.txt")


@pytest.mark.parametrize("harm", ["flip", "cut", "grow", "remove"])
def test_a_damaged_original_is_never_given_out(vault: Vault, harm: str) -> None:
    item = put(vault, b"a letter " * 99).item
    (blob,) = blob_paths(vault)
    content = blob.read_bytes()
    blob.unlink()
    if harm != "remove":
        flipped = content[:40] + bytes([content[40] ^ 1]) + content[41:]
        blob.write_bytes({"flip": flipped, "cut": content[:-1], "grow": content + b"x"}[harm])
    with pytest.raises(BlobDamaged):
        vault.original(item)
    assert [problem.split(":")[0] for problem in vault.verify().problems] == [item]


def test_one_home_is_open_in_one_process(vault: Vault) -> None:
    with pytest.raises(HomeInUse) as caught:
        open_vault(vault.home)
    assert caught.value.exit_code == 69
    program = (
        "import sys; from pathlib import Path; from tests.support.homes import open_vault;"
        "from store.errors import HomeInUse\n"
        "try: open_vault(Path(sys.argv[1]))\n"
        "except HomeInUse: sys.exit(42)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(vault.home)], cwd=ROOT, check=False)
    assert done.returncode == 42
    vault.close()
    open_vault(vault.home).close()


def test_a_wrong_passphrase_changes_nothing_and_lets_the_home_go(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    with pytest.raises(WrongPassphrase):
        Vault.open(home, Private(b"wrong"), limits=LIMITS)
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before
    open_vault(home).close()


def test_a_home_is_made_once_and_only_where_none_is(tmp_path: Path) -> None:
    with pytest.raises(NoHome):
        open_vault(tmp_path / "nothing")
    home = make_home(tmp_path / "home")
    with pytest.raises(HomeExists):
        Vault.create(home, PASSPHRASE, kdf=CHEAP_KDF)
    (home / "keys").unlink()  # a catalog whose keys are lost may still be restored: not ours to overwrite
    with pytest.raises(HomeExists):
        Vault.create(home, PASSPHRASE, kdf=CHEAP_KDF)


def test_a_new_passphrase_opens_the_home(tmp_path: Path) -> None:
    vault = open_vault(make_home(tmp_path / "home"))
    item = put(vault, b"text").item
    catalog = (tmp_path / "home" / "catalog.db").stat().st_ino
    vault.change_passphrase(PASSPHRASE, Private(b"new"), kdf=CHEAP_KDF)
    vault.close()
    with pytest.raises(WrongPassphrase):
        open_vault(tmp_path / "home")
    vault = Vault.open(tmp_path / "home", Private(b"new"), limits=LIMITS)
    assert content_of(vault, item) == b"text"
    assert vault.audit.entries()[0].event == "passphrase changed"
    assert (tmp_path / "home" / "catalog.db").stat().st_ino == catalog
    vault.close()
