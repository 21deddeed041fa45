"""The built-in reader against what the fixtures' mails must give: how much it finds, how much it invents."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from enrich.reader import BuiltinReader
from enrich.schema import ProjectSpec, TagSpec, Vocabulary
from store.proof import holds
from store.records import Findings
from tests.support.documents import document_of, read_file

FIXTURES = Path(__file__).parents[2] / "fixtures"


class Case(NamedTuple):
    """One mail: what must be said of it, and what was."""

    expected: dict[str, Any]
    findings: Findings


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    configuration = tomllib.loads((FIXTURES / "strongroom.toml").read_text(encoding="utf-8"))
    vocabulary = Vocabulary(
        tags=msgspec.convert(configuration["tag"], tuple[TagSpec, ...]),
        projects=msgspec.convert(configuration["project"], tuple[ProjectSpec, ...]),
    )
    reader = BuiltinReader(vocabulary)
    found = []
    for expected in tomllib.loads((FIXTURES / "expected.toml").read_text(encoding="utf-8"))["file"]:
        if expected["path"].startswith("mail/"):
            path = FIXTURES / expected["path"]
            document = document_of(read_file(path.read_bytes()), path.name)
            findings = reader.read(document)
            for said in (*findings.tags, *findings.actions, *findings.links):
                assert holds(document.text, said.evidence)
            found.append(Case(expected, findings))
    assert len(found) >= 60
    return found


def _precision_recall(pairs: list[tuple[set[str], set[str]]]) -> tuple[float, float]:
    right = sum(len(said & meant) for said, meant in pairs)
    return right / sum(len(said) for said, _ in pairs), right / sum(len(meant) for _, meant in pairs)


def _plain(sentence: str) -> str:
    return " ".join(sentence.split()).replace("’", "'")


def test_request_sentences(cases: list[Case]) -> None:
    pairs = [
        (
            {_plain(a.what) for a in case.findings.actions},
            {_plain(a["text"]) for a in case.expected["actions"]},
        )
        for case in cases
    ]
    precision, recall = _precision_recall(pairs)
    print(f"actions: precision {precision:.3f} recall {recall:.3f}")
    assert precision >= 0.8
    assert recall >= 0.9


def test_due_dates_are_right_or_left_open(cases: list[Case]) -> None:
    resolved = 0
    for case in cases:
        meant = {_plain(action["text"]): action["due"] for action in case.expected["actions"]}
        for action in case.findings.actions:
            if action.due and _plain(action.what) in meant:
                assert action.due == meant[_plain(action.what)]
                resolved += 1
    assert resolved >= 50


def test_tags_and_links(cases: list[Case]) -> None:
    tags = [({tag.name for tag in case.findings.tags}, set(case.expected["tags"])) for case in cases]
    links = [
        ({link.project for link in case.findings.links}, set(case.expected["projects"])) for case in cases
    ]
    for name, pairs, precise, complete in (("tags", tags, 0.9, 0.65), ("links", links, 0.95, 0.85)):
        precision, recall = _precision_recall(pairs)
        print(f"{name}: precision {precision:.3f} recall {recall:.3f}")
        assert precision >= precise
        assert recall >= complete
