"""Mailboxes in the catalog: origins as the ledger of UIDs, refusals, secrets, imports, and places whose item
the owner deleted.
"""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.redact import Private
from store.errors import StoreError
from store.mailboxes import FolderState, Import, Refusal, mail_locator
from store.records import Origin, State
from store.vault import Vault
from tests.support.findings import reading
from tests.support.homes import put
from tests.support.mail_server import told_place

FOLDER = "Projekte; Alder/Über 50%"


def place(uid: int, *, folder: str = FOLDER, validity: int = 7, account: str = "home") -> Origin:
    locator = mail_locator(folder, validity, uid)
    return Origin(source=f"mail:{account}", locator=locator, name=f"{uid}.eml", size=uid)


def take(vault: Vault, content: bytes, origin: Origin) -> str:
    return vault.put(io.BytesIO(content), origin).item


@given(st.text(), st.integers(0, 2**32), st.integers(0, 2**32))
def test_a_locator_names_folder_validity_and_uid(folder: str, validity: int, uid: int) -> None:
    locator = mail_locator(folder, validity, uid)
    assert locator.isascii()
    assert told_place(locator) == (folder, validity, uid)


def test_a_locator_is_the_path_of_an_imap_url() -> None:
    assert mail_locator("INBOX/Old", 385759045, 20) == "INBOX/Old;UIDVALIDITY=385759045/;UID=20"


def test_the_origins_are_the_ledger_of_uids(vault: Vault) -> None:
    one, two = take(vault, b"1", place(1)), take(vault, b"2", place(2))
    others = [
        place(3, validity=8),
        place(4, folder=FOLDER + "2"),
        place(5, account="work"),
        place(6, folder="P"),
    ]
    for origin in others:
        take(vault, origin.locator.encode(), origin)
    vault.catalog.save_reading(two, reading("x"))
    assert vault.catalog.mail_uids("home", FOLDER, 7) == {1: State.STORED, 2: State.PARSED}
    vault.catalog.drop_origin("mail:home", place(1).locator)
    assert vault.catalog.mail_uids("home", FOLDER, 7) == {2: State.PARSED}
    assert vault.catalog.item(one)


def test_a_change_of_uidvalidity_loses_and_doubles_nothing(vault: Vault) -> None:
    items = [take(vault, b"%d" % uid, place(uid)) for uid in range(1, 6)]
    other = take(vault, b"other", place(1, folder="INBOX"))
    vault.catalog.refuse_mail("home", FOLDER, 7, Refusal(uid=9, reason="NIL", detail="", attempts=1, at=1.0))
    assert vault.catalog.release_mail_places("home", FOLDER, 8) == 5
    assert vault.catalog.release_mail_places("home", FOLDER, 8) == 0
    again = [take(vault, b"%d" % uid, place(uid + 100, validity=8)) for uid in range(1, 6)]
    assert again == items
    assert vault.catalog.count() == 6
    assert sorted(vault.catalog.mail_uids("home", FOLDER, 8)) == [101, 102, 103, 104, 105]
    assert vault.catalog.mail_uids("home", FOLDER, 7) == {}
    assert vault.catalog.mail_refused("home", FOLDER, 7) == {}
    assert vault.catalog.mail_uids("home", "INBOX", 7) == {1: State.STORED}
    assert vault.catalog.origins(other)[0].current


def test_folders_are_remembered_and_forgotten(vault: Vault) -> None:
    state = FolderState(
        account="home", folder=FOLDER, uidvalidity=2**32 - 1, uidnext=None, modseq=2**62, exists=3,
        checked_at=9.5,
    )  # fmt: skip
    inbox = FolderState(
        account="home", folder="INBOX", uidvalidity=1, uidnext=2, modseq=None, exists=0, checked_at=1.0,
        selected=False,
    )  # fmt: skip
    vault.catalog.save_mail_folder(inbox)
    vault.catalog.save_mail_folder(inbox)
    vault.catalog.save_mail_folder(state)
    assert vault.catalog.mail_folders("home") == [inbox, state]
    assert vault.catalog.mail_folders("work") == []
    item = take(vault, b"1", place(1))
    vault.catalog.forget_mail_folder("home", FOLDER)
    assert vault.catalog.mail_folders("home") == [inbox]
    assert vault.catalog.mail_uids("home", FOLDER, 7) == {}
    assert vault.catalog.item(item)


def test_refusals_are_kept_by_uid_until_they_are_cleared(vault: Vault) -> None:
    first = Refusal(uid=3, reason="TOO_LARGE", detail="90 MB", attempts=1, at=1.0)
    second = Refusal(uid=3, reason="NIL", detail="no body", attempts=2, at=2.0)
    other = Refusal(uid=4, reason="NIL", detail="no body", attempts=1, at=2.0)
    for refusal in (first, second, other):
        vault.catalog.refuse_mail("home", "INBOX", 1, refusal)
    assert vault.catalog.mail_refused("home", "INBOX", 1) == {3: second, 4: other}
    vault.catalog.clear_refusal("home", "INBOX", 1, [3, 99])
    assert vault.catalog.mail_refused("home", "INBOX", 1) == {4: other}
    assert vault.catalog.mail_refused("home", "INBOX", 2) == {}


def test_a_secret_is_kept_and_never_shown(vault: Vault) -> None:
    assert vault.catalog.mail_secret("home") is None
    vault.catalog.set_mail_secret("home", Private(b"old"))
    vault.catalog.set_mail_secret("home", Private(b"hunter2-heron"))
    kept = vault.catalog.mail_secret("home")
    assert kept is not None
    assert kept.reveal() == b"hunter2-heron"
    assert "hunter2" not in repr(kept)
    assert not any(b"hunter2" in path.read_bytes() for path in vault.home.rglob("*") if path.is_file())
    vault.catalog.forget_mail_secret("home")
    assert vault.catalog.mail_secret("home") is None


def test_imports_say_how_far_they_are(vault: Vault) -> None:
    begun = Import(
        source="import:old.mbox", locator="old.mbox", size=9, mtime_ns=1, position=0, messages=0, done=False,
        started_at=1.0,
    )  # fmt: skip
    vault.catalog.save_import(begun)
    done = Import(
        source="import:old.mbox", locator="old.mbox", size=9, mtime_ns=1, position=9, messages=2, done=True,
        started_at=1.0,
    )  # fmt: skip
    vault.catalog.save_import(done)
    assert vault.catalog.imports() == [done]
    assert vault.catalog.find_import("import:old.mbox", "old.mbox") == done
    assert vault.catalog.find_import("import:old.mbox", "other") is None


@pytest.fixture
def deleted(vault: Vault) -> Vault:
    """A vault whose owner deleted a mail that lay in two folders, and a watched file with two versions."""
    mail = take(vault, b"mail", place(1))
    assert take(vault, b"mail", place(2, folder="INBOX")) == mail
    take(vault, b"gone before", place(3))
    vault.catalog.drop_origin("mail:home", place(3).locator)
    file = Origin(source="watch:desk", locator="a.txt", name="a.txt", size=1, mtime_ns=5)
    copy = Origin(source="watch:desk", locator="copy.txt", name="copy.txt", size=1, mtime_ns=6)
    take(vault, b"a", file)
    take(vault, b"a", copy)
    changed = Origin(source="watch:desk", locator="a.txt", name="a.txt", size=2, mtime_ns=7)
    newest = vault.put(io.BytesIO(b"ab"), changed, new_version=True).item
    child = vault.put(io.BytesIO(b"c"), place(9), parent=newest).item
    take(vault, b"c", place(8))
    vault.delete(mail)
    assert not any(vault.delete(newest).residue.values())
    assert vault.catalog.item(child).parent is None
    put(vault, b"dropped", "letter.txt")
    vault.delete(vault.catalog.items()[0].id)
    return vault


def test_what_the_owner_deleted_is_known_by_its_places(deleted: Vault) -> None:
    catalog = deleted.catalog
    assert catalog.deleted_mail_uids("home", FOLDER, 7, [1, 2, 3]) == {1}
    assert catalog.deleted_mail_uids("home", "INBOX", 7, range(2000)) == {2}
    assert catalog.deleted_mail_uids("home", "INBOX", 8, [2]) == set()
    assert catalog.was_deleted(place(1))
    assert not catalog.was_deleted(place(3))
    assert not catalog.was_deleted(place(8))


def test_a_deleted_mail_is_known_by_its_bytes_at_any_place_of_its_account(deleted: Vault) -> None:
    moved, foreign = place(77, folder="Archive"), Origin(source="mail:other", locator="x", name="x")
    dropped = Origin(source="drop", locator="x", name="x")
    given = [
        (b"mail", place(1)),
        (b"mail", moved),
        (b"mail", foreign),
        (b"mail", dropped),
        (b"new", place(9)),
    ]
    assert deleted.were_deleted(given) == [True, True, False, False, False]
    assert deleted.catalog.deleted_mail_uids("home", "Archive", 7, [77]) == {77}


def test_a_file_that_changed_after_its_deletion_comes_again(deleted: Vault) -> None:
    def file(locator: str, size: int, mtime_ns: int) -> bool:
        origin = Origin(source="watch:desk", locator=locator, name="", size=size, mtime_ns=mtime_ns)
        return deleted.catalog.was_deleted(origin)

    assert file("a.txt", 2, 7)  # the newest version
    assert file("copy.txt", 1, 6)  # a version of it, elsewhere
    assert not file("a.txt", 1, 5)  # what was there before is not there any more
    assert not file("a.txt", 2, 8)
    assert not file("a.txt", 3, 7)


def test_what_is_dropped_again_is_wanted_again(deleted: Vault) -> None:
    origin = Origin(source="drop", locator="letter.txt", name="letter.txt", size=7)
    assert not deleted.catalog.was_deleted(origin)


def test_of_a_deleted_place_only_a_digest_stays(deleted: Vault) -> None:
    with deleted._database.read() as connection:
        rows = connection.execute("SELECT * FROM deleted_places").fetchall()
    assert len(rows) == 5  # four places, and the bytes of the mail
    assert all(len(row) == 1 and len(row[0]) == 32 for row in rows)


def test_many_readings_are_saved_together_or_not_at_all(vault: Vault) -> None:
    items = [put(vault, b"%d" % number, str(number)).item for number in range(3)]
    vault.delete(items[1])
    with pytest.raises(StoreError) as refused:
        vault.catalog.save_readings([(item, reading(item)) for item in items])
    assert refused.value.item == items[1]
    assert vault.catalog.text(items[0]) == ""
    vault.catalog.save_readings([(item, reading(item)) for item in (items[0], items[2])])
    assert [vault.catalog.text(item) for item in (items[0], items[2])] == [items[0], items[2]]
    assert vault.ledger.counts()[State.PARSED] == 2
