"""Locked documents on a real vault and real workers: the owner's password opens them, and is said nowhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from ingest.parse import ParseStage
from ingest.sandbox.messages import Job
from ingest.sandbox.pool import Pool
from policy.limits import Limits
from policy.redact import Private
from store.records import Item, Reason, State
from store.vault import Vault
from tests.support.homes import fast_folder, put, throwaway_vault

LIMITS = Limits(free_disk_bytes=0)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    started = Pool(1, LIMITS, module="tests.support.evil_worker")
    started.start()
    yield started
    started.close()


@pytest.fixture
def vault() -> Iterator[Vault]:
    with fast_folder() as folder, throwaway_vault(folder, LIMITS) as opened:
        yield opened


def work(vault: Vault, pool: Pool) -> None:
    """Read until nothing waits."""
    stage = ParseStage(vault, pool, LIMITS)
    while items := vault.ledger.pending(State.STORED, 1):
        stage.step(items[0])


def given(vault: Vault, pool: Pool, content: str) -> Item:
    item = put(vault, content.encode(), "Plans/attic.zip").item
    work(vault, pool)
    return vault.catalog.item(item)


def test_a_password_opens_a_document_and_what_is_in_it(
    vault: Vault, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    item = given(vault, pool, "locked heron locked heron locked raven The rafters are sound.")
    assert (item.reason, item.detail) == (Reason.NEEDS_PASSWORD, "it is protected by a password")
    assert (item.title, item.media_type) == ("Plans", "application/zip")
    vault.ledger.unlock(item.id, Private("heron"))
    work(vault, pool)
    assert vault.catalog.text(item.id) == "unlocked"
    (child,) = vault.catalog.children(item.id)
    assert vault.catalog.text(child.id) == "unlocked", "its parent's password was tried"
    (grandchild,) = vault.catalog.children(child.id)
    assert grandchild.reason is Reason.NEEDS_PASSWORD
    vault.ledger.unlock(grandchild.id, Private("raven"))
    work(vault, pool)
    (inmost,) = vault.catalog.children(grandchild.id)
    assert vault.catalog.text(inmost.id) == "The rafters are sound."
    assert "heron" not in caplog.text
    assert "raven" not in caplog.text
    assert not any(vault.delete(item.id).residue.values())


def test_a_wrong_password_is_said_to_be_one_and_forgotten(vault: Vault, pool: Pool) -> None:
    item = given(vault, pool, "locked heron text")
    vault.ledger.unlock(item.id, Private("stork"))
    work(vault, pool)
    again = vault.catalog.item(item.id)
    assert (again.state, again.reason) == (State.QUARANTINED, Reason.NEEDS_PASSWORD)
    assert again.detail == "the password does not open it"
    assert vault.catalog.item_password(item.id) is None


def test_a_job_does_not_show_its_password() -> None:
    job = Job(name="a.pdf", password="heron")
    assert "heron" not in f"{job} {job!r} {[job]}"
