"""Passwords of documents: kept with their item, tried on what is in it, forgotten when they open nothing."""

from __future__ import annotations

import pytest

from policy.redact import Private
from store.errors import IllegalStep, NoSuchItem
from store.records import Reason, State
from store.vault import Vault
from tests.support.findings import store_indexed
from tests.support.homes import put


def locked(vault: Vault, name: str, parent: str | None = None) -> str:
    item = put(vault, name.encode(), name, source="attachment" if parent else "drop", parent=parent).item
    vault.ledger.quarantine(item, Reason.NEEDS_PASSWORD, "it is protected by a password")
    return item


def password(vault: Vault, item: str) -> str | None:
    kept = vault.catalog.item_password(item)
    return kept.reveal() if kept else None


def test_a_password_is_kept_and_the_item_read_again(vault: Vault) -> None:
    item = locked(vault, "a.pdf")
    assert password(vault, item) is None
    vault.ledger.unlock(item, Private("höhle-heron"))
    assert vault.catalog.item(item).state is State.STORED
    assert password(vault, item) == "höhle-heron"
    assert "heron" not in repr(vault.catalog.item_password(item))


def test_a_password_that_opens_nothing_is_forgotten(vault: Vault) -> None:
    item = locked(vault, "a.pdf")
    vault.ledger.unlock(item, Private("wrong"))
    vault.ledger.quarantine(item, Reason.NEEDS_PASSWORD, "the password does not open it")
    held = vault.catalog.item(item)
    assert (held.state, held.reason, held.detail) == (
        State.QUARANTINED,
        Reason.NEEDS_PASSWORD,
        "the password does not open it",
    )
    assert password(vault, item) is None


def test_a_password_outlives_every_other_failure(vault: Vault) -> None:
    item = locked(vault, "a.pdf")
    vault.ledger.unlock(item, Private("right"))
    vault.ledger.quarantine(item, Reason.TIMEOUT, "it took too long")
    assert password(vault, item) == "right"


def test_what_was_read_in_part_can_be_unlocked_and_what_waits_cannot(vault: Vault) -> None:
    item = store_indexed(vault, "three members, two of them locked", "a.zip")
    vault.ledger.unlock(item, Private("one"))
    assert vault.catalog.item(item).state is State.STORED
    with pytest.raises(IllegalStep):
        vault.ledger.unlock(item, Private("two"))
    assert password(vault, item) == "one"
    with pytest.raises(NoSuchItem):
        vault.ledger.unlock("0123456789abcdef", Private("three"))


def test_the_password_of_an_archive_is_tried_on_all_in_it_that_needs_one(vault: Vault) -> None:
    top = locked(vault, "top.zip")
    middle = locked(vault, "middle.zip", top)
    inner, own = locked(vault, "inner.pdf", middle), locked(vault, "own.pdf", middle)
    stranger = locked(vault, "stranger.pdf")
    damaged = put(vault, b"damaged", "damaged.pdf", source="attachment", parent=middle).item
    vault.ledger.quarantine(damaged, Reason.TRUNCATED, "it is cut off")
    vault.ledger.unlock(own, Private("its own"))
    vault.ledger.unlock(top, Private("the top's"))
    assert [password(vault, item) for item in (top, middle, inner, own, stranger)] == [
        "the top's",
        "the top's",
        "the top's",
        "its own",
        None,
    ]
    waiting = {item.id for item in vault.ledger.pending(State.STORED, 9)}
    assert waiting == {top, middle, inner, own}
    # One that its parent's password does not open leaves that to the others.
    vault.ledger.quarantine(inner, Reason.NEEDS_PASSWORD, "the password does not open it")
    assert password(vault, middle) == "the top's"


def test_passwords_go_with_their_item(vault: Vault) -> None:
    item = locked(vault, "a.pdf")
    vault.ledger.unlock(item, Private("right"))
    assert vault.delete(item).residue["item_passwords"] == 0
    with vault._database.read() as connection:
        assert connection.execute("SELECT count(*) FROM item_passwords").fetchone()[0] == 0
