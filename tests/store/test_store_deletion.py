"""Deletion leaves nothing, and nothing of what was ever stored can be read from the home without its keys."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
import zstandard
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from policy.redact import Private
from store.answers import ModelAnswer
from store.corrections import Named
from store.digests import KeptDigest, Line
from store.errors import AttachedItem, NoSuchItem
from store.keys import open_keys
from store.migrate import copy_path
from store.questions import Cited
from store.records import Glimpse, MailHeader, NewPassage, Reason, State
from store.vault import Vault
from tests.support.findings import (
    MODEL,
    VECTOR,
    findings,
    mail_header,
    reading,
    span,
    start_run,
    store_indexed,
    store_read,
)
from tests.support.homes import PASSPHRASE, put

CANARY = "canary-7f3a-heron"


def fill(vault: Vault, canary: str) -> str:
    """An item that has the canary in everything that can hold one; returns it."""
    text = f"{canary} please pay {canary}"
    item = put(vault, text.encode() * 50, f"{canary}.eml", source=f"watch:{canary}").item
    seen = Glimpse(title=canary, author=canary)
    vault.ledger.quarantine(item, Reason.NEEDS_PASSWORD, "it is protected by a password", seen)
    vault.ledger.unlock(item, Private(canary))
    address = f"{canary}@example.org"
    header = mail_header(f"<{address}>", subject=canary, sender=address, to=(address,))
    vault.catalog.save_reading(item, reading(text, mail=header))
    ids = vault.catalog.save_passages(
        item,
        [
            NewPassage(start=0, end=len(text), text=text, heading=canary),
            NewPassage(start=0, end=3, text=text[:3]),
        ],
    )
    vault.catalog.save_vectors(MODEL, [(id, canary.encode()) for id in ids])
    vault.catalog.save_findings(item, start_run(vault), findings(item, text, tag=canary, project=canary))
    vault.catalog.correct(item, Named.TAG, canary, True)
    answer = ModelAnswer(text=canary, read=1)
    vault.catalog.save_model_answer(item, canary.encode(), canary.encode(), answer)
    cited = Cited(item=item, title=canary, evidence=span(text, f"pay {canary}"))
    vault.catalog.remember_question("what is to be paid", [cited], 9)
    (asked,) = vault.catalog.questions()
    vault.catalog.asked_again(asked, date(2026, 3, 10), changed=date(2026, 3, 10), answer=[cited])
    line = Line("answers", canary, frozenset({item}), asked.id)
    vault.catalog.keep_digest(date(2026, 3, 10), KeptDigest(1.0, 2.0, 1, [line]), 9)
    put(vault, f"attached {canary}".encode(), canary, source="attachment", parent=item)
    vault.snapshots.save("index", vault.catalog.generation(), {canary: canary.encode() * 100})
    return item


def holds(home: Path, canary: str) -> list[str]:
    """The files and names of a home that show the canary, plainly or under zstd."""
    shown = [str(path) for path in home.rglob("*") if canary in path.name]
    for path in home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            # UTF-16 as well: some formats and interpreters keep strings so.
            if any(canary.encode(code) in content for code in ("utf-8", "utf-16-le")):
                shown.append(path.name)
            at = content.find(zstandard.FRAME_HEADER)
            if at >= 0 and decompresses(content[at:]):
                shown.append(f"{path.name}: compressed, not encrypted")
    return shown


def decompresses(content: bytes) -> bool:
    """Whether this is zstd, and not four bytes of noise that look like its header."""
    try:
        return bool(zstandard.ZstdDecompressor().decompressobj().decompress(content))
    except zstandard.ZstdError:
        return False


def test_nothing_in_the_home_shows_a_word_while_open_or_closed(vault: Vault) -> None:
    fill(vault, CANARY)
    assert (vault.home / "catalog.db-wal").stat().st_size > 0
    assert holds(vault.home, CANARY) == []
    vault.close()
    assert holds(vault.home, CANARY) == []
    for path in vault.home.rglob("*"):
        if path.is_file() and path.name != "keys":
            assert PASSPHRASE.reveal() not in path.read_bytes()


def test_no_key_lies_in_the_home(vault: Vault) -> None:
    fill(vault, CANARY)
    keys = open_keys(vault.home / "keys", PASSPHRASE)
    vault.close()
    secrets = [keys.catalog, keys.identity, keys.snapshots, keys.audit, keys.epoch(1)]
    for path in (path for path in vault.home.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not any(key.reveal() in content for key in secrets)


def test_a_deletion_leaves_nothing_and_proves_it(vault: Vault) -> None:
    keep = store_indexed(vault, "kept text", "kept.txt")
    item = fill(vault, CANARY)
    attachment = vault.catalog.children(item)[0].id
    receipt = vault.delete(item)
    assert receipt.residue["items"] == 0
    assert not any(receipt.residue.values()), receipt.residue
    once = dict.fromkeys(["tags", "actions", "links", "mentions", "corrections", "children"], 1)
    once |= {"digest_lines": 1}
    twice = dict.fromkeys(["items", "blobs", "passages", "vectors", "origins", "cited"], 2)
    assert receipt.removed == once | twice | {"claims": 0}
    assert receipt.audit_head == vault.audit.head()
    for gone in (item, attachment):
        with pytest.raises(NoSuchItem):
            vault.catalog.item(gone)
        with pytest.raises(NoSuchItem):
            vault.original(gone)
        again = vault.receipt(gone)
        assert again is not None
        assert again.removed == receipt.removed
        assert not any(again.residue.values())
    assert vault.receipt(keep) is None
    assert vault.ledger.counts()[State.DELETED] == 2
    assert [entry.id for entry in vault.catalog.items()] == [keep]
    assert (vault.catalog.tag_counts(), vault.catalog.projects(), vault.catalog.actions()) == ({}, {}, [])
    assert list((vault.home / "snapshots").iterdir()) == []
    assert len(list(vault.home.glob("blobs/*/*"))) == 1
    assert vault.verify().problems == []


def pages(vault: Vault) -> bytes:
    """Every page of the catalog and its log, decrypted, freed ones too: what a thief with the keys would see.

    The format is SQLCipher 4's: a page ends in 16 bytes of IV and 64 of HMAC, the first begins with a salt.
    """
    key = open_keys(vault.home / "keys", PASSPHRASE).catalog.reveal()
    database, log = (vault.home / name for name in ("catalog.db", "catalog.db-wal"))
    content = database.read_bytes()
    raw = [content[at : at + 4096] for at in range(0, len(content), 4096)]
    frames = log.read_bytes()[32:]
    raw += [frames[at + 24 : at + 24 + 4096] for at in range(0, len(frames), 24 + 4096)]
    plain = bytearray()
    for number, page in enumerate(raw):
        begin = 16 if number == 0 or page[:16] == content[:16] else 0
        decryptor = Cipher(algorithms.AES256(key), modes.CBC(page[-80:-64])).decryptor()
        plain += decryptor.update(page[begin:-80]) + decryptor.finalize()
    return bytes(plain)


def test_not_even_with_the_keys_is_a_word_left_in_any_page(vault: Vault) -> None:
    store_indexed(vault, "kept text", "kept.txt")
    item = fill(vault, CANARY)
    shown = pages(vault)
    assert b"kept.txt" in shown
    assert CANARY.encode() in shown
    vault.delete(item)
    left = pages(vault)
    assert b"kept.txt" in left
    assert CANARY.encode() not in left
    # Only the receipt and the audit log still name the random id.
    with vault._database.read() as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in tables}
    assert {name for name in rows if item in repr(rows[name])} == {"audit", "receipts"}


def test_the_whole_family_goes_and_what_others_hold_stays(vault: Vault) -> None:
    old = store_indexed(vault, "version one", "plan.txt")
    new = put(vault, b"version two", "plan.txt", new_version=True).item
    mail = store_read(vault, "a mail", "mail.eml")
    for parent in (new, mail):
        shared = put(vault, b"shared", "s.pdf", source="attachment", parent=parent).item
    own = put(vault, b"own", "o.pdf", source="attachment", parent=old).item
    inner = put(vault, b"inner", "i.pdf", source="attachment", parent=own).item
    assert vault.delete(new).removed["items"] == 4
    assert {item.id for item in vault.catalog.items(include_superseded=True)} == {mail, shared}
    assert vault.catalog.item(shared).parent == mail
    assert [item.id for item in vault.catalog.children(mail)] == [shared]
    assert all(vault.receipt(item) for item in (old, new, own, inner))
    assert vault.verify().problems == []


def test_an_attachment_that_is_also_a_file_of_its_own_stays_as_that(vault: Vault) -> None:
    mail = store_read(vault, "a mail", "mail.eml")
    item = put(vault, b"bytes", "a.pdf", source="attachment", parent=mail).item
    put(vault, b"bytes", "a.pdf")
    vault.delete(mail)
    assert vault.catalog.item(item).parent is None
    assert [origin.source for origin in vault.catalog.origins(item)] == ["drop"]


def test_an_attachment_alone_is_not_deleted_since_its_mail_still_holds_it(vault: Vault) -> None:
    mail = store_read(vault, "a mail", "mail.eml")
    item = put(vault, b"bytes", "a.pdf", source="attachment", parent=mail).item
    with pytest.raises(AttachedItem, match=mail):
        vault.delete(item)
    assert vault.catalog.item(item)


def test_several_go_all_or_none(vault: Vault) -> None:
    items = [fill(vault, f"{CANARY}-{number}") for number in range(3)]
    keep = store_indexed(vault, "kept text", "kept.txt")
    before = vault.audit.head()
    with pytest.raises(NoSuchItem, match="no such item"):
        vault.delete_together([*items, "00" * 8])
    assert vault.audit.head() == before
    assert {item.id for item in vault.catalog.items()} >= {*items, keep}
    receipts = vault.delete_together(items)
    assert [receipt.item for receipt in receipts] == items
    assert all(receipt.removed["items"] == 2 and not any(receipt.residue.values()) for receipt in receipts)
    assert [entry.id for entry in vault.catalog.items()] == [keep]
    assert CANARY.encode() not in pages(vault)
    assert len(list(vault.home.glob("blobs/*/*"))) == 1
    assert vault.delete_together([]) == []
    assert vault.verify().problems == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_an_attachment_goes_with_all_the_mails_that_hold_it(
    vault: Vault, order: tuple[int, int, int]
) -> None:
    mails = [store_read(vault, name, f"{name}.eml") for name in ("one", "two")]
    for mail in mails:
        shared = put(vault, b"shared", "s.pdf", source="attachment", parent=mail).item
    with pytest.raises(AttachedItem, match=mails[1]):
        vault.delete_together([shared, mails[0]])
    asked = [[*mails, shared][number] for number in order]
    receipts = vault.delete_together(asked)
    assert [receipt.item for receipt in receipts] == asked
    assert not any(any(receipt.residue.values()) for receipt in receipts)
    assert vault.catalog.items() == []
    assert vault.verify().problems == []


def test_a_conversation_goes_on_without_its_first_mail(vault: Vault) -> None:
    def mail(name: str, parent: str | None = None) -> str:
        header: MailHeader = mail_header(f"<{name}>", in_reply_to=parent)
        return store_read(vault, name, f"{name}.eml", mail=header)

    root, reply, deep = mail("root"), mail("reply", "<root>"), mail("deep", "<reply>")
    assert vault.catalog.item(deep).thread == root
    vault.delete(root)
    assert vault.catalog.item(deep).thread == vault.catalog.item(reply).thread == reply


def test_the_same_bytes_may_come_back_as_a_new_item(vault: Vault) -> None:
    first = put(vault, b"letter").item
    vault.delete(first)
    second = put(vault, b"letter")
    assert second.created
    assert second.item != first
    descriptor = vault.original(second.item)
    assert os.read(descriptor, 99) == b"letter"
    os.close(descriptor)
    vault.delete(second.item)
    assert [vault.receipt(item) is not None for item in (first, second.item)] == [True, True]


def test_work_on_an_item_that_was_deleted_meanwhile_is_refused(vault: Vault) -> None:
    item = store_read(vault, "text", "a")
    unread = put(vault, b"other", "b").item
    (id,) = vault.catalog.save_passages(item, [NewPassage(start=0, end=4, text="text")])
    for each in (item, unread):
        vault.delete(each)
    with pytest.raises(NoSuchItem):
        vault.catalog.save_reading(unread, reading("x"))
    with pytest.raises(NoSuchItem):
        vault.catalog.save_passages(item, [])
    with pytest.raises(NoSuchItem):
        vault.catalog.save_findings(item, start_run(vault), findings(item, "x"))
    with pytest.raises(NoSuchItem):
        put(vault, b"child", "c", source="attachment", parent=item)
    with pytest.raises(NoSuchItem):
        vault.delete(item)
    vault.catalog.save_vectors(MODEL, [(id, VECTOR)])
    receipt = vault.receipt(item)
    assert receipt is not None
    assert not any(receipt.residue.values())


def test_the_copy_of_an_older_catalog_goes_with_the_first_deletion(vault: Vault) -> None:
    copy_path(vault.home / "catalog.db").write_bytes(b"holds what is deleted now")
    vault.delete(put(vault, b"x").item)
    assert not copy_path(vault.home / "catalog.db").exists()
