"""What a language model that the owner brings makes of task sentences and due dates, beside the built-in
reader; and how it is asked. Its links and tags: `bench/meaning.py`, whose command this is a part of.

Both readers get the same sample. The model reads as in the appliance (`enrich/llm_reader.py`), in this
process, as many documents at once as there; it is told names and descriptions and learns nothing. Where it
gives no answer it has found nothing, and how often that was is said.
"""

from __future__ import annotations

import csv
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np

from bench import tasks
from enrich.actions import written_on
from enrich.dates import find_due
from enrich.document import Document
from enrich.errors import EnrichError, ModelRefused
from enrich.llama import LlamaCpp
from enrich.llm import Llm
from enrich.llm_reader import LlmReader
from enrich.reader import BuiltinReader
from enrich.schema import Vocabulary
from store.records import Element, ElementKind, Findings, Item, State
from tests.support.kept_answers import KeptAnswers

_APART = "\n\n"


class OwnersModel:
    """Reads samples.

    Args:
        sample: documents of each collection.
    """

    def __init__(self, llm: Llm, sample: int) -> None:
        self.name = f"llm:{llm.name}"
        self._llm = llm
        self._sample = sample

    def sample(self, some: Sequence[str]) -> list[str]:
        """The same ones whenever it is drawn from the same."""
        return random.Random(0).sample(some, min(self._sample, len(some)))

    def read(
        self, what: str, vocabulary: Vocabulary, documents: Mapping[str, Document]
    ) -> dict[str, Findings]:
        """What it finds in each document, with progress; nothing in any if it is refused."""
        reader = LlmReader(self._llm, vocabulary, KeptAnswers())
        found = {key: Findings() for key in documents}
        missing = Counter[str]()
        began = time.monotonic()
        with ThreadPoolExecutor(reader.at_once) as pool:
            waiting = {pool.submit(reader.read, document): key for key, document in documents.items()}
            for done, each in enumerate(as_completed(waiting), start=1):
                try:
                    found[waiting[each]] = each.result()
                except ModelRefused as error:
                    pool.shutdown(cancel_futures=True)
                    print(f"{what}: {self.name} is refused: {error.what}", flush=True)
                    return found
                except EnrichError as error:
                    missing[type(error).__name__] += 1
                _progress(what, done, len(documents), time.monotonic() - began)
        took = time.monotonic() - began
        without = "".join(f", {count} without an answer ({kind})" for kind, count in missing.items())
        print(f"{what}: {self.name} read {len(found)}, {took / len(found):.2f} s each{without}", flush=True)
        return found


@contextmanager
def loaded(gguf: Path | None, sample: int) -> Iterator[OwnersModel | None]:
    """A model that reads samples of this size; None for none."""
    if gguf is None:
        yield None
        return
    try:
        llm = LlamaCpp(gguf)
    except EnrichError as error:
        raise SystemExit(str(error)) from error
    try:
        yield OwnersModel(llm, sample)
    finally:
        llm.close()


def measure_tasks(path: Path, label: str, group: str, model: OwnersModel) -> None:
    """Which sentences are action items: of a sample of mails, read whole, or of sentences by themselves. The
    built-in reader is judged by cross-validation over all, since its head was trained on such mails.
    """
    of = tasks.read(path, label, group)
    builtin = tasks.judged(of, tasks.LEAST, tasks.C)
    rows: dict[str, list[int]] = {}
    for row, of_group in enumerate(of.groups.tolist()):
        rows.setdefault(str(of_group), []).append(row)
    sample = model.sample(list(rows))
    documents = {key: paper(key, [of.texts[row] for row in rows[key]]) for key in sample}
    found = model.read(of.name, Vocabulary(), documents)
    said = np.zeros(len(of.texts), dtype=bool)
    for key, document in documents.items():
        for row, element in zip(rows[key], document.elements, strict=True):
            said[row] = any(
                action.evidence.start < element.end and element.start < action.evidence.end
                for action in found[key].actions
            )
    judged = np.array([row for key in sample for row in rows[key]])
    what = f"{of.name}, {len(judged)} sentences"
    tasks.say(f"{what}: builtin", tasks.score(of.tasks[judged], builtin[judged]))
    tasks.say(f"{what}: {model.name}", tasks.score(of.tasks[judged], said[judged]))


def measure_dues(path: Path, model: OwnersModel) -> None:
    """Days by which something is due, each of a sentence that is a document by itself: how many are right,
    how many left out although there is one, and how many wrong. "rules" resolves without asking whether the
    sentence is an action item, which both readers do.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = {str(number): row for number, row in enumerate(csv.DictReader(file))}
    documents = {key: _dated(key, rows[key]) for key in model.sample(list(rows))}
    builtin = BuiltinReader(Vocabulary())
    said = {
        "rules": {key: _ruled(document) for key, document in documents.items()},
        "builtin": {key: _due(builtin.read(document)) for key, document in documents.items()},
    }
    found = model.read(path.stem, Vocabulary(), documents)
    said[model.name] = {key: _due(findings) for key, findings in found.items()}
    for name, days in said.items():
        right = sum(day == rows[key]["due"] for key, day in days.items())
        wrong = sum(day not in ("", rows[key]["due"]) for key, day in days.items())
        shares = f"right {right / len(days):.3f}  left out {1 - (right + wrong) / len(days):.3f}"
        print(f"{f'{path.stem}: {name}':40} {shares}  wrong {wrong / len(days):.3f}", flush=True)


def paper(
    key: str, texts: Sequence[str], created_at: float | None = None, zone: int | None = None
) -> Document:
    """A document of these paragraphs."""
    elements, at = [], 0
    for text in texts:
        elements.append(Element(kind=ElementKind.PARAGRAPH, start=at, end=at + len(text)))
        at += len(text) + len(_APART)
    item = Item(
        id=key,
        name="m.eml",
        state=State.INDEXED,
        size=1,
        stored_at=0,
        family=key,
        created_at=created_at,
        zone=zone,
    )
    return Document(item=item, text=_APART.join(texts), elements=tuple(elements))


def _dated(key: str, row: Mapping[str, str]) -> Document:
    if not row["written"]:
        return paper(key, [row["sentence"]])
    moment = datetime.fromisoformat(row["written"])
    offset = moment.utcoffset()
    zone = int(offset.total_seconds()) // 60 if offset is not None else None
    return paper(key, [row["sentence"]], moment.timestamp(), zone)


def _ruled(document: Document) -> str:
    due = find_due(document.text, written_on(document.item, document.text))
    return due.day.isoformat() if due else ""


def _due(findings: Findings) -> str:
    """Of the first action item that has one."""
    return next((action.due for action in findings.actions if action.due), "")


def _progress(what: str, done: int, of: int, took: float) -> None:
    left = took / done * (of - done)
    told = f"{what}: {done} of {of}, {done / took:.2f} a second, {left / 60:.1f} minutes left"
    print(f"\r{told:78}", end="\n" if done == of else "", file=sys.stderr, flush=True)
