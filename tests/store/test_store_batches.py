"""Many small documents put in together: as durable and as much once each as when they come one by one."""

from __future__ import annotations

import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from policy.limits import Limits
from store.errors import BlobDamaged, ItemTooLarge, NoSuchItem
from store.records import Origin, State
from store.vault import Vault
from tests.support.homes import put, throwaway_vault
from tests.support.small_disk import on_a_small_disk


def mail(content: bytes, uid: int) -> tuple[bytes, Origin]:
    return content, Origin(source="mail:a", locator=f"INBOX;UID={uid}", name=f"{uid}.eml", size=len(content))


def content_of(vault: Vault, item: str) -> bytes:
    with io.FileIO(vault.original(item)) as file:
        return file.read()


def leftovers(vault: Vault) -> list[Path]:
    return list((vault.home / "incoming").iterdir())


def test_many_together_are_each_an_item_of_its_own(vault: Vault) -> None:
    contents = [b"letter %d " % number * (number * 7 % 300) for number in range(300)]
    stored = vault.put_many([mail(content, uid) for uid, content in enumerate(contents)])
    assert [each.created for each in stored] == [True] * 300
    assert len({each.item for each in stored}) == 300
    assert [content_of(vault, each.item) for each in stored] == contents
    assert vault.contents([each.item for each in stored]) == {
        each.item: content for each, content in zip(stored, contents, strict=True)
    }
    assert vault.ledger.counts()[State.STORED] == 300
    events = [(entry.event, entry.item) for entry in vault.audit.entries(limit=300)]
    assert events == [("stored", each.item) for each in reversed(stored)]
    assert vault.verify().problems == []
    assert leftovers(vault) == []


def test_the_same_bytes_are_one_item_within_a_batch_and_against_the_store(vault: Vault) -> None:
    before = put(vault, b"known")
    stored = vault.put_many([mail(b"twice", 1), mail(b"known", 2), mail(b"once", 3), mail(b"twice", 4)])
    assert [each.created for each in stored] == [True, False, True, False]
    assert [each.origin_added for each in stored] == [True] * 4
    assert stored[1].item == before.item
    assert stored[0].item == stored[3].item
    assert content_of(vault, stored[0].item) == b"twice"
    places = [origin.locator for origin in vault.catalog.origins(stored[0].item)]
    assert places == ["INBOX;UID=1", "INBOX;UID=4"]
    again = vault.put_many([mail(b"twice", 1), mail(b"known", 2), mail(b"once", 3), mail(b"twice", 4)])
    assert not any(each.created or each.origin_added for each in again)
    assert vault.catalog.count() == 3
    assert vault.verify().problems == []


def test_nothing_is_nothing(vault: Vault) -> None:
    number = vault.audit.entries(limit=1)[0].number
    assert vault.put_many([]) == []
    assert vault.contents([]) == {}
    assert vault.audit.entries(limit=1)[0].number == number


def test_members_have_their_parent_which_must_be_there(vault: Vault) -> None:
    parent = put(vault, b"a mail").item
    stored = vault.put_many([mail(b"one", 1), mail(b"a mail", 2)], parent=parent)
    assert [child.id for child in vault.catalog.children(parent)] == [stored[0].item]
    with pytest.raises(NoSuchItem):
        vault.put_many([mail(b"three", 3), mail(b"four", 4)], parent="0" * 16)
    assert vault.catalog.count() == 2
    assert len(list(vault.home.glob("blobs/*/*"))) == 2
    assert leftovers(vault) == []


def test_one_that_is_too_large_leaves_nothing_of_its_batch(tmp_path: Path) -> None:
    with throwaway_vault(tmp_path, Limits(item_bytes=1000, free_disk_bytes=0)) as vault:
        with pytest.raises(ItemTooLarge):
            vault.put_many([mail(b"small", 1), mail(b"x" * 1001, 2), mail(b"small too", 3)])
        assert vault.catalog.count() == 0
        assert list(vault.home.glob("blobs/*/*")) == leftovers(vault) == []


def test_a_known_original_that_is_damaged_is_not_taken_for_one(vault: Vault) -> None:
    item = put(vault, b"a letter").item
    [path] = vault.home.glob("blobs/*/*")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BlobDamaged):
        vault.put_many([mail(b"another", 1), mail(b"a letter", 2)])
    assert vault.catalog.count() == 1
    assert len(list(vault.home.glob("blobs/*/*"))) == 1
    other = put(vault, b"a third").item
    assert vault.contents([item, other, "0" * 16]) == {other: b"a third"}


# The mount lives in the namespaces of this one child and vanishes with it.
FULL_DISK = """
import json, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from store.errors import StoreFull
from store.records import Origin
from tests.support.homes import make_home, open_vault
disk = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", disk], check=True)
vault = open_vault(make_home(disk / "home"))
def batch(number):
    return [(os.urandom(20_000), Origin(source="m", locator=f"{number}/{n}", name="n")) for n in range(10)]
number = 0
try:
    while number < 100:
        vault.put_many(batch(number))
        number += 1
except StoreFull:
    pass
refused = 0
for _ in range(5):
    try:
        vault.put_many(batch(number))
    except StoreFull:
        refused += 1
print(json.dumps([number, refused, vault.catalog.count(), len(list((disk / "home/blobs").glob("*/*"))),
                  len(list((disk / "home/incoming").iterdir())), vault.verify().problems]))
vault.close()
"""


def test_a_full_disk_refuses_a_batch_as_a_whole(tmp_path: Path) -> None:
    printed = on_a_small_disk(FULL_DISK, tmp_path)
    batches, refused, items, blobs, incoming, problems = json.loads(printed)
    assert batches > 5
    assert refused > 0
    assert (items, blobs, incoming, problems) == (10 * batches + 10 * (5 - refused), items, 0, [])


def test_two_threads_that_bring_the_same_batch_store_it_once(vault: Vault) -> None:
    documents = [mail(os.urandom(500), uid) for uid in range(60)]
    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(vault.put_many, [documents, documents[::-1], documents]))
    assert sum(each.created for stored in results for each in stored) == 60
    assert vault.catalog.count() == 60
    assert vault.verify().problems == []
