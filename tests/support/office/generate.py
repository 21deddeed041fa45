"""Writes `fixtures/`: `python -m tests.support.office.generate`, run in the project's root.

Everything in the folders mail/, docs/ and hostile/, and expected.toml, is made here from the sources beside
this module; README.md and strongroom.toml of fixtures/ are written by hand.
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

from tests.support.office import expect
from tests.support.office.documents import Document, read_documents
from tests.support.office.hostile import Trap, traps
from tests.support.office.mail import Letter, message, read_letters, read_people

_HERE = Path(__file__).parent
_FIXTURES = _HERE.parents[2] / "fixtures"
_HEAD = """\
# What each file of the invented office must give. Made by `python -m tests.support.office.generate`; the
# meaning of each key is in README.md. Never ingested.
"""


def main() -> int:
    """Write all fixtures anew and say how many there are."""
    vocabulary = _toml(_FIXTURES / "strongroom.toml")
    documents = read_documents(_folder("docs"))
    letters = read_letters(
        _folder("mail", leave_out="people"), read_people(_toml(_HERE / "mail/people.toml"))
    )
    hostile = traps(documents)
    rows = [
        *_write_mail(letters, documents, vocabulary),
        *_write_documents(documents, vocabulary),
        *_write_hostile(hostile),
    ]
    _name_duplicates(rows)
    questions = _toml(_HERE / "questions.toml")
    canaries = _canaries(letters, documents, hostile)
    tables = {"canary": canaries, "search": questions["search"], "file": rows}
    (_FIXTURES / "expected.toml").write_text(expect.toml(_HEAD, tables), "utf-8")
    sys.stdout.write(f"{len(rows)} files, {len(canaries)} canaries, {len(questions['search'])} searches\n")
    return 0


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


def _folder(name: str, leave_out: str = "") -> list[dict[str, Any]]:
    return [_toml(path) for path in sorted((_HERE / name).glob("*.toml")) if path.stem != leave_out]


def _empty(name: str) -> Path:
    folder = _FIXTURES / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _write_mail(
    letters: dict[str, Letter], documents: dict[str, Document], vocabulary: dict[str, Any]
) -> list[expect.Row]:
    folder = _empty("mail")
    attachments = {key: (doc.names[0].rpartition("/")[2], doc.content) for key, doc in documents.items()}
    rows = []
    for letter in sorted(letters.values(), key=lambda one: one.date):
        path = folder / letter.file_name
        if path.exists():
            raise FileExistsError(f"two mails want the name {letter.file_name}")
        path.write_bytes(message(letter, letters, attachments))
        rows.append(expect.of_letter(letter, documents, vocabulary))
    return rows


def _write_documents(documents: dict[str, Document], vocabulary: dict[str, Any]) -> list[expect.Row]:
    folder = _empty("docs")
    rows = []
    for document in documents.values():
        if not document.filed:
            continue
        for name in document.names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(document.content)
        rows += expect.of_document(document, vocabulary)
    return rows


def _write_hostile(hostile: list[Trap]) -> list[expect.Row]:
    folder = _empty("hostile")
    for trap in hostile:
        (folder / trap.name).write_bytes(trap.content)
    return [expect.of_trap(trap) for trap in hostile]


def _name_duplicates(rows: list[expect.Row]) -> None:
    """Files with the same bytes are one item: each names the others."""
    groups: dict[bytes, list[str]] = {}
    for row in rows:
        groups.setdefault((_FIXTURES / row["path"]).read_bytes(), []).append(row["path"])
    for row in rows:
        others = [path for path in groups[(_FIXTURES / row["path"]).read_bytes()] if path != row["path"]]
        if others:
            row["same_bytes_as"] = others


def _canaries(
    letters: dict[str, Letter], documents: dict[str, Document], hostile: list[Trap]
) -> list[expect.Row]:
    """Each distinctive word with the files that hold it."""
    found: dict[str, list[str]] = {}
    for letter in letters.values():
        if "canary" in letter.facts:
            found.setdefault(letter.facts["canary"], []).append(f"mail/{letter.file_name}")
    for document in documents.values():
        if "canary" in document.facts and document.filed:
            paths = [f"docs/{name}" for name in document.names]
            found.setdefault(document.facts["canary"], []).extend(paths)
    for trap in hostile:
        if trap.canary:
            found.setdefault(trap.canary, []).append(f"hostile/{trap.name}")
    return [{"text": text, "files": files} for text, files in found.items()]


if __name__ == "__main__":
    sys.exit(main())
