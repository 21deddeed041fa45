"""What is measured on: documents of a folder and mails of an mbox, copied flat into one folder, the same for
everyone who takes part.
"""

from __future__ import annotations

import argparse
import gzip
import mailbox
import random
import shutil
import tempfile
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]
_SEED = 7

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say which files."""
    parser.add_argument("--docs", type=Path, default=ROOT / "fixtures" / "docs", help="a folder of documents")
    parser.add_argument("--mbox", type=Path, help="an mbox, may be .gz (default: fixtures/mail)")
    parser.add_argument("--mails", type=int, default=1000, help="how many mails of it")
    parser.add_argument("--sample", type=int, metavar="N", help="take only N documents and N mails")


def gather(arguments: argparse.Namespace, into: Path) -> list[Path]:
    """Copy the chosen files into a new folder; returns them, mails last."""
    into.mkdir(parents=True)
    documents = sorted(path for path in arguments.docs.rglob("*") if path.is_file())
    documents = _some(documents, arguments.sample)
    for number, path in enumerate(documents):
        shutil.copyfile(path, into / f"{number:04} {path.name}")
    chosen = mails(arguments.mbox)[: arguments.mails]
    for number, mail in enumerate(_some(chosen, arguments.sample)):
        (into / f"mail {number:05}.eml").write_bytes(mail)
    return sorted(into.iterdir())


def mails(mbox: Path | None) -> list[bytes]:
    """The messages of an mbox, or those of the fixtures."""
    if mbox is None:
        return [path.read_bytes() for path in sorted((ROOT / "fixtures" / "mail").rglob("*.eml"))]
    with tempfile.NamedTemporaryFile() as plain:
        with gzip.open(mbox) if mbox.suffix == ".gz" else mbox.open("rb") as packed:
            shutil.copyfileobj(packed, plain)
        plain.flush()
        box = mailbox.mbox(plain.name, create=False)
        return [box.get_bytes(key) for key in box.keys()]  # noqa: SIM118 - a mailbox iterates over messages


def _some(everything: list[T], count: int | None) -> list[T]:
    if count is None or count >= len(everything):
        return everything
    chosen = random.Random(_SEED).sample(range(len(everything)), count)
    return [everything[number] for number in sorted(chosen)]
