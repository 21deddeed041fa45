"""A small home with something in every part of it, what it answers, and what is said of it after it was
harmed: for the tests that damage, exchange or roll back its files.
"""

from __future__ import annotations

import io
import random
import shutil
from pathlib import Path
from typing import NamedTuple

from store.errors import NoSuchItem, StoreError
from store.vault import Vault
from tests.support.findings import findings, start_run, store_indexed
from tests.support.homes import make_home, open_vault, put

Snapshots = dict[str, dict[str, bytes]]
SNAPSHOTS: Snapshots = {
    "words": {"meta": b"{}", "segment": b"words " * 900},
    "vectors": {"faiss": b"vectors " * 900},
}

Answer = tuple[bytes, str, tuple[str, ...], str]  # original, text, passages, name
Answers = dict[str, Answer]


class Verdict(NamedTuple):
    """What became of a harmed home."""

    opened: bool
    said: list[str]  # every line that tells of the harm
    is_wrong: bool  # something was answered that was never stored
    answers: Answers  # what could be read


def letter(number: int) -> str:
    """A text that hardly compresses, so that it has many bytes on the disk."""
    return f"Letter {number} is about the heron. {random.Random(number).randbytes(700).hex()}"


def fill(vault: Vault) -> None:
    """Letters with all that is derived from them, one that was deleted, a version, a token, snapshots."""
    items = [store_indexed(vault, letter(number), f"{number}.txt") for number in range(6)]
    run = start_run(vault)
    for item in items:
        vault.catalog.save_findings(item, run, findings(item, vault.catalog.text(item)))
    put(vault, b"attached " * 99, "a.bin", source="attachment", parent=items[0])
    put(vault, b"the second letter, again", "1.txt", new_version=True)
    vault.delete(items[5])  # leaves free pages, a receipt and a doubled audit head
    for name, files in SNAPSHOTS.items():
        vault.snapshots.save(name, vault.catalog.generation(), files)
    vault.catalog.create_token("tests", ("read",))


def closed_home(home: Path) -> Path:
    """A home that was filled and closed."""
    vault = open_vault(make_home(home))
    fill(vault)
    vault.close()
    return home


def killed_home(home: Path, closed: Path) -> Path:
    """What a kill leaves of `closed` after it was opened and worked on: a head of an open home, and a log."""
    live = shutil.copytree(closed, home.with_name(home.name + " live"))
    vault = open_vault(live)
    store_indexed(vault, letter(6), "last.txt")
    vault.catalog.create_token("more", ("read",))
    shutil.copytree(live, home)
    vault.close()
    shutil.rmtree(live)
    (home / "catalog.db-shm").unlink()  # in memory, but for its name
    return home


def answers(vault: Vault) -> Answers:
    """All that can be read of the current items; what is refused is left out."""
    found = Answers()
    for item in vault.catalog.items(limit=200):
        try:
            with io.FileIO(vault.original(item.id)) as file:
                original = file.read()
            passages = tuple(passage.text for passage in vault.catalog.passages_of(item.id))
            found[item.id] = (original, _text(vault, item.id), passages, item.name)
        except StoreError:
            continue
    return found


def _text(vault: Vault, item: str) -> str:
    try:
        return vault.catalog.text(item)
    except NoSuchItem:  # it was not read
        return ""


def examine(home: Path, truth: Answers, snapshots: Snapshots = SNAPSHOTS) -> Verdict:
    """Open a harmed home, verify it, read all of it and its snapshots.

    Any error but the store's own is a fault of the store and passes through.
    """
    try:
        vault = open_vault(home)
    except StoreError as error:
        return Verdict(False, [f"open: {error}"], False, {})
    try:
        said = [f"verify: {line}" for line in vault.verify().problems]
        try:
            found = answers(vault)
        except StoreError as error:
            said.append(f"read: {error}")
            found = {}
        is_wrong = any(not _is_part_of(answer, truth.get(item)) for item, answer in found.items())
        for name, files in snapshots.items():
            loaded = _snapshot(vault, name, said)
            is_wrong |= loaded is not None and loaded != files
        return Verdict(True, said, is_wrong, found)
    finally:
        vault.close()


def _is_part_of(answer: Answer, true: Answer | None) -> bool:
    """Less than the truth is what a letter says before it is read; other than the truth is wrong."""
    if true is None:
        return False
    return all(part in (whole, type(whole)()) for part, whole in zip(answer, true, strict=True))


def _snapshot(vault: Vault, name: str, said: list[str]) -> dict[str, bytes] | None:
    try:
        loaded = vault.snapshots.load(name)
    except StoreError as error:
        said.append(f"snapshot {name}: {error}")
        return None
    if loaded is None:
        said.append(f"snapshot {name}: not whole")
        return None
    return loaded[1]
