"""How good the ranking is: nDCG@10 on judged collections, by both indexes, by word and by meaning, and the
mean reciprocal rank of a known message by a paraphrase of its subject and its sender. Nothing is timed.

All of it is the product's own: documents are read into a vault, cut, indexed and embedded by its keepers, and
asked for through its searcher. Gains are the judgements as they stand; the best possible order is that of all
judgements. A conversation is one hit, by its best message: the second line of the mails counts any message of
it as the right one.

    python -m bench.quality --cranfield FOLDER --msmarco FOLDER --mail FILE.mbox.gz
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench import corpus
from bench.filled import LIMITS, Document, filled, read_message
from index.embed import Embedder, SentenceEmbedder
from index.fulltext import TextIndex
from index.query import Mode, Query
from index.search import Searcher
from index.vectors import VectorIndex
from store.records import Element, ElementKind, Reading
from store.vault import Vault

_DEPTH = 10
_SEED = 7
_MODES = (Mode.HYBRID, Mode.KEYWORD, Mode.SEMANTIC)
_WORDS = 3  # of a subject, at least, for its message to be asked for

# Words of mail subjects in other words; what is not here stays as it is.
_OTHERWISE = {
    "problem": "trouble", "problems": "trouble", "error": "failure", "errors": "failures", "bug": "defect",
    "fix": "repair", "fixes": "repairs", "patch": "change", "patches": "changes", "question": "query",
    "questions": "queries", "help": "assistance", "new": "recent", "update": "newer version",
    "add": "include", "remove": "drop", "support": "handling", "build": "compile", "building": "compiling",
    "boot": "start up", "booting": "starting up", "crash": "breakdown", "install": "set up",
    "installing": "setting up", "installation": "setup", "broken": "defective", "missing": "absent",
    "request": "asking", "status": "state", "announce": "announcement", "issue": "trouble",
    "issues": "trouble", "release": "version", "slow": "sluggish", "speed": "performance", "fast": "quick",
    "memory": "RAM", "disk": "drive", "network": "ethernet",
}  # fmt: skip
_ANSWER = re.compile(r"^(?:(?:re|fwd?|aw)(?:\[\d+\])?:\s*|\[[^\]]*\]\s*)+", re.IGNORECASE)

Judged = list[
    tuple[str, Mapping[str, float]]
]  # questions; of each the right documents and how right they are
Search = Callable[[str, Mode], list[str]]
Measure = Callable[[Sequence[str], Mapping[str, float]], float]


class Built(NamedTuple):
    """The two indexes."""

    text: TextIndex | None
    vectors: VectorIndex | None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cranfield", type=Path, help="cran.all.1400.xml, cran.qry.xml, cranqrel.trec.txt")
    parser.add_argument("--msmarco", type=Path, help="corpus.jsonl, queries.jsonl, qrels/test.tsv")
    parser.add_argument("--mail", type=Path, help="an mbox, may be .gz")
    parser.add_argument("--mails", type=int, default=2000, help="how many of its messages")
    parser.add_argument("--known", type=int, default=300, help="how many of them are asked for")
    arguments = parser.parse_args()
    embedder = SentenceEmbedder()
    print(f"{'':24}" + "".join(f"{mode.value:>10}" for mode in _MODES))
    for name, folder, of in (
        ("Cranfield", arguments.cranfield, cranfield),
        ("msmarco5k", arguments.msmarco, msmarco),
    ):
        if folder is not None:
            documents, judged = of(folder)
            with searching(embedder, documents) as (search, _):
                tell(f"{name} nDCG@10", search, judged, ndcg)
    if arguments.mail is not None:
        messages = mails(arguments.mail, arguments.mails)
        with searching(embedder, messages) as (search, vault):
            alone, together = known_items(messages, vault, arguments.known)
            tell("a message, MRR", search, alone, reciprocal_rank)
            tell("a conversation, MRR", search, together, reciprocal_rank)


def tell(name: str, search: Search, judged: Judged, measure: Measure) -> None:
    """One line of the table."""
    means = [
        sum(measure(search(question, mode), right) for question, right in judged) / len(judged)
        for mode in _MODES
    ]
    print(f"{name:24}" + "".join(f"{mean:10.4f}" for mean in means), flush=True)


def ndcg(found: Sequence[str], right: Mapping[str, float]) -> float:
    """Of the first ten (Järvelin, Kekäläinen: "Cumulated gain-based evaluation", TOIS 2002)."""
    best = sorted(right.values(), reverse=True)
    return _discounted([right.get(name, 0.0) for name in found]) / _discounted(best)


def reciprocal_rank(found: Sequence[str], right: Mapping[str, float]) -> float:
    """Of the first right one; 0 if it is not among the first ten."""
    return next((1 / rank for rank, name in enumerate(found, start=1) if name in right), 0.0)


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains[:_DEPTH], start=1))


# ---------------------------------------------------------------------------------------- collections


def cranfield(folder: Path) -> tuple[list[Document], Judged]:
    """Abstracts. Questions are judged by their place in the list, not by the number that stands with them."""
    documents = [
        _text(name.strip(), " ".join(title.split()), text.strip())
        for name, title, text in re.findall(
            r"<docno>(.*?)</docno>.*?<title>(.*?)</title>.*?<text>(.*?)</text>",
            (folder / "cran.all.1400.xml").read_text(),
            re.DOTALL,
        )
    ]
    asked = re.findall(r"<title>(.*?)</title>", (folder / "cran.qry.xml").read_text(), re.DOTALL)
    judgements = (folder / "cranqrel.trec.txt").read_text().splitlines()
    rows = [(number, name, gain) for number, _, name, gain in map(str.split, judgements)]
    return documents, _judged({str(n): " ".join(text.split()) for n, text in enumerate(asked, start=1)}, rows)


def msmarco(folder: Path) -> tuple[list[Document], Judged]:
    """Passages of web pages."""
    documents = [_text(row["_id"], row["title"], row["text"]) for row in _rows(folder / "corpus.jsonl")]
    asked = {row["_id"]: row["text"] for row in _rows(folder / "queries.jsonl")}
    lines = (folder / "qrels" / "test.tsv").read_text().splitlines()
    return documents, _judged(asked, [(number, name, gain) for number, name, gain in map(str.split, lines)])


def _rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def _judged(asked: Mapping[str, str], judgements: Sequence[tuple[str, str, str]]) -> Judged:
    right: dict[str, dict[str, float]] = {}
    for number, name, gain in judgements:
        if float(gain) > 0:
            right.setdefault(number, {})[name] = float(gain)
    return [(asked[number], names) for number, names in right.items() if number in asked]


def _text(name: str, title: str, text: str) -> Document:
    whole = (Element(kind=ElementKind.PARAGRAPH, start=0, end=len(text)),) if text else ()
    reading = Reading(media_type="text/plain", text=text, elements=whole, title=title or None, language="en")
    return Document(name, f"{name}\n{text}".encode(), reading)


def mails(mbox: Path, count: int) -> list[Document]:
    """Messages as the parser reads them."""
    found: list[Document] = []
    for number, content in enumerate(corpus.mails(mbox)[:count]):
        reading = read_message(content)
        if reading is not None:
            found.append(Document(str(number), content, reading))
    return found


def known_items(messages: Sequence[Document], vault: Vault, count: int) -> tuple[Judged, Judged]:
    """Questions for messages, each with what is right: the message, and any message of its conversation."""
    chance = random.Random(_SEED)
    threads: dict[str, set[str]] = {}
    thread_of: dict[str, str] = {}
    items = {item.name: item for item in vault.catalog.items(limit=len(messages))}
    for name, item in items.items():
        thread_of[name] = item.thread or item.id
        threads.setdefault(thread_of[name], set()).add(name)
    alone: Judged = []
    together: Judged = []
    for message in chance.sample(messages, len(messages)):
        question = _paraphrase(message.reading, chance)
        if question is not None and message.name in items and len(alone) < count:
            alone.append((question, {message.name: 1.0}))
            together.append((question, dict.fromkeys(threads[thread_of[message.name]], 1.0)))
    return alone, together


def _paraphrase(reading: Reading, chance: random.Random) -> str | None:
    """The subject in other words and order, one of them forgotten, and the name of the sender."""
    mail = reading.mail
    if mail is None or mail.sender is None:
        return None
    words = re.findall(r"[\w.-]*\w", _ANSWER.sub("", mail.subject))
    if len(words) < _WORDS:
        return None
    words = [_OTHERWISE.get(word.lower(), word) for word in words]
    words.pop(chance.randrange(len(words)))
    half = chance.randrange(len(words))
    return " ".join([*words[half:], *words[:half], mail.sender.name or mail.sender.email])


# -------------------------------------------------------------------------------------- the appliance


@contextmanager
def searching(embedder: Embedder, documents: Sequence[Document]) -> Iterator[tuple[Search, Vault]]:
    """A vault of these documents, both indexes, and what asks them: names, the best first."""
    with filled(embedder, documents) as (vault, items, text, vectors):
        names = dict(zip(reversed(items), (document.name for document in reversed(documents)), strict=True))
        searcher = Searcher(vault.catalog, Built(text.index, vectors.index), embedder, LIMITS)

        def search(question: str, mode: Mode) -> list[str]:
            found = searcher.search(Query(query=question, mode=mode, limit=_DEPTH))
            return [names[hit.item] for hit in found.hits]

        yield search, vault


if __name__ == "__main__":
    main()
