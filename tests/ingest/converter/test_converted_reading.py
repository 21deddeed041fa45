"""Old documents through the whole of reading: a real vault, the real parser, the real LibreOffice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.converter import libreoffice
from ingest.parse import ParseStage
from ingest.sandbox.pool import Pool
from policy import box, mode
from policy.limits import Limits
from policy.redact import Private
from store.records import Item, Reason, State
from store.vault import Vault
from tests.support.converting import (
    converting,
    needs_a_box,  # noqa: F401 a fixture
)
from tests.support.homes import put, throwaway_vault
from tests.support.old_office import made

LIMITS = Limits(convert_wall_s=120.0, parse_wall_s=120.0, free_disk_bytes=0)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path, LIMITS) as opened:
        yield opened


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    started = Pool(1, LIMITS)
    yield started
    started.close()


@pytest.fixture
def stage(vault: Vault, pool: Pool, tmp_path: Path) -> Iterator[ParseStage]:
    with converting(tmp_path, LIMITS) as made:
        yield ParseStage(vault, pool, LIMITS, converter=made.converter)


def step(stage: ParseStage, vault: Vault, content: bytes, name: str) -> Item:
    stored = put(vault, content, name)
    stage.step(vault.catalog.item(stored.item))
    return vault.catalog.item(stored.item)


def test_an_old_document_is_read_under_its_own_name(stage: ParseStage, vault: Vault) -> None:
    item = step(stage, vault, made("doc"), "Tagebuch.doc")
    assert item.state is State.PARSED
    assert item.media_type == "application/msword"
    assert item.title == "Tagebuch"
    assert "412" in vault.catalog.text(item.id)
    assert "Bild 1: Mole" in vault.catalog.text(item.id), "what is counted is counted without being drawn"
    slides = step(stage, vault, made("ppt"), "no ending")
    assert slides.media_type == "application/vnd.ms-powerpoint"
    assert "Three buoys drifted" in vault.catalog.text(slides.id)


def test_a_locked_one_waits_for_its_password(stage: ParseStage, vault: Vault) -> None:
    locked = made("doc", "geheim")
    item = step(stage, vault, locked, "locked.doc")
    assert (item.state, item.reason) == (State.QUARANTINED, Reason.NEEDS_PASSWORD)
    vault.ledger.unlock(item.id, Private("falsch"))
    stage.step(item)
    item = vault.catalog.item(item.id)
    assert (item.reason, item.detail) == (Reason.NEEDS_PASSWORD, "the password does not open it")
    vault.ledger.unlock(item.id, Private("geheim"))
    stage.step(item)
    assert "Leuchtturm" in vault.catalog.text(item.id)


def test_without_libreoffice_the_reason_names_it(
    stage: ParseStage, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = made("ppt")
    monkeypatch.setattr(libreoffice, "PROGRAM", tmp_path)
    item = step(stage, vault, content, "a.ppt")
    assert (item.state, item.reason) == (State.QUARANTINED, Reason.UNSUPPORTED)
    assert item.detail is not None
    assert "libreoffice-impress-nogui" in item.detail
    assert "strongroom retry" in item.detail


def test_without_a_box_the_reason_names_the_remedy_and_others_are_read(
    stage: ParseStage, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = made("doc")
    monkeypatch.setattr(mode, "here", lambda: mode.Mode.SHELL)
    monkeypatch.setattr(box, "PROGRAM", str(tmp_path / "bwrap"))
    item = step(stage, vault, content, "a.doc")
    assert (item.state, item.reason) == (State.QUARANTINED, Reason.UNSUPPORTED)
    assert item.detail == "bubblewrap is not installed (install the Debian package bubblewrap)"
    assert step(stage, vault, b"plain words", "a.txt").state is State.PARSED


def test_what_libreoffice_cannot_open_is_damaged(stage: ParseStage, vault: Vault) -> None:
    content = bytearray(made("doc"))
    at = content.index(b"\xec\xa5")  # the first words of its text, which tell what it is
    content[at : at + 2] = b"\0\0"
    item = step(stage, vault, bytes(content), "a.doc")
    assert (item.state, item.reason) == (State.QUARANTINED, Reason.TRUNCATED)
