"""What each file must give, as `fixtures/expected.toml`: gathered from the sources, checked against what was
written (an expectation that its own document does not bear out stops the generator), and put into TOML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from tests.support.office.documents import Document
from tests.support.office.hostile import Trap
from tests.support.office.mail import Letter

Row = dict[str, Any]


def of_letter(letter: Letter, documents: Mapping[str, Document], vocabulary: Mapping[str, Any]) -> Row:
    """The expectation for one mail of `fixtures/mail/`."""
    facts = letter.facts
    people = [letter.sender, *letter.to, *letter.cc]
    seen = " ".join([letter.subject, letter.body, *(person.email for person in people)])
    row = _common(f"mail/{letter.file_name}", facts, facts["language"], letter.new, seen, vocabulary)
    row |= {"message_id": letter.message_id, "thread": letter.thread}
    if letter.parent:
        row["in_reply_to"] = letter.references[-1]
    if letter.attach:
        row["attachments"] = [_attachment(documents[key]) for key in letter.attach]
    for text in row.get("not_actions", []):
        _must_hold(row["path"], text, f"{letter.body} {letter.sender.sign}")
    return row


def _attachment(document: Document) -> Row:
    facts = document.facts
    row: Row = {"name": document.names[0].rpartition("/")[2], "outcome": facts.get("outcome", "read")}
    return row | {key: facts[key] for key in ("reasons", "phrase") if key in facts}


def of_document(document: Document, vocabulary: Mapping[str, Any]) -> list[Row]:
    """The expectations for a document of `fixtures/docs/`, one for each of its names."""
    facts = document.facts
    seen = f"{document.text} {' '.join(document.names)}"
    return [
        _common(f"docs/{name}", facts, facts["language"], document.text, seen, vocabulary)
        for name in document.names
    ]


def of_trap(trap: Trap) -> Row:
    """The expectation for a file of `fixtures/hostile/`."""
    row: Row = {"path": f"hostile/{trap.name}", "why": trap.why, "outcome": trap.outcome}
    if trap.reasons:
        row["reasons"] = list(trap.reasons)
    if trap.phrase:
        row["phrase"] = trap.phrase
    if trap.absent:
        row["absent"] = trap.absent
    return row | {"projects": [], "tags": [], "actions": []}


def _common(
    path: str, facts: Mapping[str, Any], language: str, new: str, seen: str, vocabulary: Mapping[str, Any]
) -> Row:
    row: Row = {"path": path, "outcome": "read"}
    if facts.get("prose", True):
        row["language"] = language
    if "phrase" in facts:
        _must_hold(path, facts["phrase"], new)
        row["phrase"] = facts["phrase"]
    row["projects"] = facts.get("projects", [facts["project"]] if facts["project"] else [])
    row["tags"] = facts.get("tags", [])
    _must_be_provable(row, seen, vocabulary)
    actions = [{"kind": kind, "text": text, "due": due} for kind, text, due in facts.get("actions", [])]
    for action in actions:
        _must_hold(path, action["text"], new)
        if action["due"]:
            date.fromisoformat(action["due"])
    row["actions"] = actions
    if "not_actions" in facts:
        row["not_actions"] = facts["not_actions"]
    if "canary" in facts:
        _must_hold(path, facts["canary"], seen)
    return row


def _must_hold(path: str, part: str, whole: str) -> None:
    if _flat(part) not in _flat(whole):
        raise ValueError(f"{path}: does not hold ‘{part}’")


def _flat(text: str) -> str:
    """White space, line breaks and quotation marks at line starts do not count."""
    return re.sub(r"\s+", " ", re.sub(r"(?m)^[> ]+", "", text))


def _must_be_provable(row: Row, seen: str, vocabulary: Mapping[str, Any]) -> None:
    """Every project and tag that is expected must show itself by one of the owner's own words."""
    folded = _flat(seen).casefold()
    for project in vocabulary["project"]:
        words = [project["name"], *project["aliases"], *project["people"], *project["keywords"]]
        if project["name"] in row["projects"] and not any(word.casefold() in folded for word in words):
            raise ValueError(f"{row['path']}: nothing in it says {project['name']}")
    for tag in vocabulary["tag"]:
        if tag["name"] in row["tags"] and not any(word.casefold() in folded for word in tag["words"]):
            raise ValueError(f"{row['path']}: nothing in it says {tag['name']}")


def toml(head: str, tables: Mapping[str, Iterable[Row]]) -> str:
    """Arrays of tables; strings as JSON writes them, which TOML reads alike."""
    lines = [head]
    for name, rows in tables.items():
        for row in rows:
            lines.append(f"[[{name}]]")
            lines.extend(f"{key} = {_value(value)}" for key, value in row.items())
            lines.append("")
    return "\n".join(lines)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        if any(isinstance(inner, dict) for inner in value):
            return "[\n" + "".join(f"  {_value(inner)},\n" for inner in value) + "]"
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    return json.dumps(value, ensure_ascii=False)
