"""How well tags and project links are learned from what the owner says, beside a nearest neighbour's.

Everything is the product's own: messages are read, cut and embedded into a vault, the owner's word is kept
there, and what counts is what the built-in reader says then. It sees the words of all items, as in an owner's
box, and the labels of none but those that the owner gave.

    python -m bench.meaning --projects FOLDER --tags FOLDER

With `--gguf MODEL` a model that the owner brings is measured instead, beside the built-in reader and on a
sample of the same data: its links and tags, and with `--mails`, `--intents` and `--dues` (the tables of
`bench.tasks` and of the tests) its action items and days (`bench/owners_model.py`).
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench.filled import Document as Filed
from bench.filled import filled, read_message
from bench.owners_model import OwnersModel, loaded, measure_dues, measure_tasks
from enrich.document import Document
from enrich.documents import Documents
from enrich.lessons import Lessons
from enrich.reader import BuiltinReader
from enrich.schema import ProjectSpec, TagSpec, Vocabulary
from enrich.taught import Taught
from index.embed import SentenceEmbedder
from store.catalog import Catalog
from store.corrections import Named
from store.records import Findings, Link
from store.vault import Vault

# All that is left of a post's header: the others name the group, or its moderators.
_KEPT = re.compile(rb"(?:From|Subject|Date|Message-ID|References)$", re.IGNORECASE)

Labels = Mapping[str, frozenset[str]]  # item → what is true of it


class Collected(NamedTuple):
    """A home with its documents and the truth about them."""

    vault: Vault
    embedder: SentenceEmbedder
    documents: Mapping[str, Document]  # by item
    labels: Labels


@contextmanager
def taken_in(
    embedder: SentenceEmbedder, messages: Iterable[tuple[bytes, frozenset[str]]]
) -> Iterator[Collected]:
    """A vault of these messages."""
    read: list[Filed] = []
    names: list[frozenset[str]] = []
    for number, (content, its) in enumerate(messages):
        reading = read_message(content)
        if reading is not None:
            read.append(Filed(f"{number}.eml", content, reading))
            names.append(its)
    with filled(embedder, read) as (vault, items, _, _):
        labels: dict[str, frozenset[str]] = {}
        for item, its in zip(items, names, strict=True):  # one item may have been filed under several
            labels[item] = labels.get(item, frozenset()) | its
        documents = Documents(vault.catalog, embedder)
        run = vault.catalog.run_by("nobody", "0", 0.0).id
        for item in labels:  # the lessons look at what was read
            vault.catalog.save_findings(item, run, Findings())
        loaded = {item: documents.load(vault.catalog.item(item)) for item in labels}
        yield Collected(vault, embedder, loaded, labels)


def posts(folder: Path) -> Iterator[tuple[bytes, frozenset[str]]]:
    """Posts of newsgroups, with what remains of their headers, and their group."""
    for path in sorted(path for path in folder.glob("*/*") if path.is_file()):
        head, _, body = path.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
        lines = re.split(rb"\n(?![ \t])", head)
        kept = [line for line in lines if _KEPT.match(line.partition(b":")[0])]
        yield b"\n".join([*kept, b"", body]), frozenset({path.parent.name})


def mails(folder: Path) -> Iterator[tuple[bytes, frozenset[str]]]:
    """Mails with their categories, `top.sub`, of whatever number of annotators."""
    for path in sorted(folder.rglob("*.txt")):
        said = path.with_suffix(".cats")
        if said.exists():
            rows = [line.split(",") for line in said.read_text().split()]
            yield path.read_bytes(), frozenset(f"{top}.{sub}" for top, sub, _ in rows)


# -------------------------------------------------------------------------------------------- projects

_SEEDS = 8  # posts of each project that the owner linked
_CORRECTIONS = 50
_NO_STRANGERS, _FEWER = 20, (10, 5)  # groups that are projects
_BANDS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.01)  # of confidence

Truth = Mapping[str, str | None]  # item → its project; None: it is a stranger
Said = Mapping[str, Link | None]  # item → its surest link


class Learned(NamedTuple):
    """What the reader says after the seeds, and after corrections."""

    before: Said  # of all items but the seeds
    after: Said  # of the half of them in which nothing was corrected


def measure_projects(collected: Collected, draws: int) -> None:
    """Macro-F1 of the surest link, of a nearest neighbour and of the reader, and how many of the links are
    right; what share of the posts of no project is linked to one; both again before and after corrections.

    The posts that are not seeds are parted in two: in one half the owner corrects links that are wrong or
    missing, on the other both the state before and the one after are measured. First every group is a
    project; then only some are, and the posts of the others are strangers. Then how sure the links said they
    were, and how many of them were right.
    """
    names = sorted(set().union(*collected.labels.values()))
    # Numbers for names: a text that names its group is no help.
    called = {name: f"project {number}" for number, name in enumerate(names)}
    group = {item: called[min(some)] for item, some in collected.labels.items()}
    columns = ("neighbour", "ours", "right", "strangers", "before", "after", "strangers", "after")
    print(f"{'projects, macro-F1':24}" + "".join(f"{column:>10}" for column in columns))
    for count in (_NO_STRANGERS, *_FEWER):
        rows: list[list[float]] = []
        links: list[tuple[float, bool]] = []
        for draw in range(draws):
            chance = random.Random(draw)
            seeds, met, kept = _parted(group, chance)
            some = set(chance.sample(sorted(called.values()), min(count, len(called))))
            truth = {item: name if name in some else None for item, name in group.items()}
            seeds = [item for item in seeds if truth[item]]
            said = _learned(collected, truth, seeds, met, kept)
            near = _nearest(collected, seeds, [*met, *kept], truth)
            rows.append(_row(truth, near, said, kept))
            _tell(f"{count} projects, draw {draw}", rows[-1])
            links += [
                (one.confidence, one.project == truth[item]) for item, one in said.before.items() if one
            ]
        _tell(f"{count} projects, mean", list(np.mean(rows, axis=0)))
        _tell_sureness(links)


def _row(truth: Truth, near: Mapping[str, str | None], said: Learned, kept: Collection[str]) -> list[float]:
    first, before, after = map(_named, (said.before, {item: said.before[item] for item in kept}, said.after))
    given = [item for item, name in first.items() if name]
    return [
        *(_macro(truth, some) for some in (near, first)),
        sum(first[item] == truth[item] for item in given) / len(given),
        _strangers(truth, first),
        *(_macro(truth, some) for some in (before, after)),
        *(_strangers(truth, some) for some in (before, after)),
    ]


def _learned(
    collected: Collected, truth: Truth, seeds: Sequence[str], met: Sequence[str], kept: Sequence[str]
) -> Learned:
    """The owner links the seeds, then corrects in one half what is wrong there."""
    names = sorted({name for name in truth.values() if name})
    with taught(collected, _projects(names)) as (owner, reader, learned):
        for item in seeds:
            owner.correct(item, Named.PROJECT, truth[item] or "", True)
        before = _links(reader, learned(), collected.documents, [*met, *kept])
        said = {item: link.project if link else None for item, link in before.items()}
        for item in [item for item in met if said[item] != truth[item]][:_CORRECTIONS]:
            for name, holds in ((said[item], False), (truth[item], True)):
                if name is not None:
                    owner.correct(item, Named.PROJECT, name, holds)
        return Learned(before, _links(reader, learned(), collected.documents, kept))


def _strangers(truth: Truth, said: Mapping[str, str | None]) -> float:
    """What share of them is linked."""
    given = [said[item] is not None for item in said if truth[item] is None]
    return sum(given) / max(1, len(given))


def _tell_sureness(links: Sequence[tuple[float, bool]]) -> None:
    for least, most in pairwise(_BANDS):
        right = [was for confidence, was in links if least <= confidence < most]
        if right:
            told = f"{sum(right) / len(right):10.3f} of {len(right)} are right"
            print(f"  confidence {least:.1f} to {min(most, 1.0):.1f}{told}")


def _projects(names: Iterable[str]) -> Vocabulary:
    return Vocabulary(projects=tuple(ProjectSpec(name=name) for name in names))


def _parted(truth: Mapping[str, str], chance: random.Random) -> tuple[list[str], list[str], list[str]]:
    """Seeds of each project, and the rest in two halves."""
    items = chance.sample(list(truth), len(truth))
    seeds = [
        item
        for name in sorted(set(truth.values()))
        for item in [i for i in items if truth[i] == name][:_SEEDS]
    ]
    rest = [item for item in items if item not in set(seeds)]
    return seeds, rest[: len(rest) // 2], rest[len(rest) // 2 :]


def _links(
    reader: BuiltinReader, learned: Taught | None, documents: Mapping[str, Document], items: Iterable[str]
) -> Said:
    """The surest link of each item."""
    return {item: next(iter(reader.links(documents[item], learned)), None) for item in items}


def _named(said: Said) -> dict[str, str | None]:
    """The project of each link."""
    return {item: link.project if link else None for item, link in said.items()}


def _macro(truth: Truth, said: Mapping[str, str | None]) -> float:
    """The mean over projects of the harmonic mean of precision and recall."""
    scores = []
    for name in {name for name in truth.values() if name}:
        right = sum(said[item] == name == truth[item] for item in said)
        given = sum(said[item] == name for item in said)
        there = sum(truth[item] == name for item in said)
        scores.append(2 * right / max(1, given + there))
    return sum(scores) / len(scores)


# ------------------------------------------------------------------------------------------------ tags

_LEAST = 40  # mails of a category that is a tag
_FOLDS = 5
_NEIGHBOURS = (1, 3, 5, 10, 20)


def measure_tags(collected: Collected, draws: int) -> None:
    """Micro-F1 by cross-validation: of the best of several majorities of neighbours, and of the reader."""
    counts = Counter(name for some in collected.labels.values() for name in some)
    names = sorted(name for name, count in counts.items() if count >= _LEAST)
    vocabulary = Vocabulary(tags=tuple(TagSpec(name=f"tag {name}") for name in names))
    truth = {
        item: frozenset(f"tag {name}" for name in some if name in names)
        for item, some in collected.labels.items()
    }
    print(
        f"{f'tags ({len(names)}), micro-F1':32}{'neighbour':>10}{'ours':>10}{'precision':>10}{'recall':>10}"
    )
    every: list[list[float]] = []
    for draw in range(draws):
        items = random.Random(draw).sample(list(truth), len(truth))
        said: dict[str, frozenset[str]] = {}
        near: dict[int, dict[str, frozenset[str]]] = {count: {} for count in _NEIGHBOURS}
        for fold in range(_FOLDS):
            tested = items[fold::_FOLDS]
            known = [item for item in items if item not in set(tested)]
            with taught(collected, vocabulary) as (owner, reader, learned):
                for item in known:
                    for name in sorted(truth[item]):
                        owner.correct(item, Named.TAG, name, True)
                heads = learned()
                for item in tested:
                    tags = reader.tags(collected.documents[item], heads)
                    said[item] = frozenset(tag.name for tag in tags)
            for count, of in near.items():
                of |= _majority(collected, known, tested, truth, count)
        best = max(_micro(truth, of)[0] for of in near.values())
        every.append([best, *_micro(truth, said)])
        _tell(f"draw {draw}", every[-1])
    _tell("mean", list(np.mean(every, axis=0)))


def _micro(truth: Mapping[str, Collection[str]], said: Mapping[str, Collection[str]]) -> list[float]:
    """F1, precision and recall over all tags of all items."""
    right = sum(len({*said[item]} & {*truth[item]}) for item in said)
    given, there = sum(map(len, said.values())), sum(len(truth[item]) for item in said)
    return [2 * right / max(1, given + there), right / max(1, given), right / max(1, there)]


# ------------------------------------------------------------------------------ a model that he brings

_LEGEND = re.compile(r"(\d+\.\d+) (.+?)(?= \d+\.\d+ |$)", re.MULTILINE)


def compare_projects(collected: Collected, model: OwnersModel) -> None:
    """Macro-F1 of the surest link, over the projects of a sample. The built-in reader learns from the seeds
    and knows no name; the model knows the names, and learns nothing.
    """
    names = sorted(set().union(*collected.labels.values()))
    called = {name: f"project {number}" for number, name in enumerate(names)}
    truth = {item: called[min(some)] for item, some in collected.labels.items()}
    seeds, *rest = _parted(truth, random.Random(0))
    sample = model.sample([item for half in rest for item in half])
    with taught(collected, _projects(called.values())) as (owner, reader, learned):
        for item in seeds:
            owner.correct(item, Named.PROJECT, truth[item], True)
        ours = _named(_links(reader, learned(), collected.documents, sample))
    specs = [ProjectSpec(name=to, aliases=(name.replace(".", " "),)) for name, to in called.items()]
    documents = {item: collected.documents[item] for item in sample}
    found = model.read("projects", Vocabulary(projects=tuple(specs)), documents)
    theirs = {item: one.links[0].project if one.links else None for item, one in found.items()}
    there = {item: truth[item] for item in sample}
    print(f"projects, {len(sample)} posts, macro-F1")
    _tell("builtin", [_macro(there, ours)])
    _tell(model.name, [_macro(there, theirs)])


def compare_tags(collected: Collected, model: OwnersModel, legend: str) -> None:
    """Micro-F1, precision and recall on a sample. The built-in reader learns from all other mails and knows
    no name; the model knows what the legend says of each tag, and learns nothing.
    """
    counts = Counter(name for some in collected.labels.values() for name in some)
    names = {name: f"tag {name}" for name, count in sorted(counts.items()) if count >= _LEAST}
    truth = {
        item: frozenset(names[name] for name in some if name in names)
        for item, some in collected.labels.items()
    }
    sample = model.sample(list(truth))
    with taught(collected, Vocabulary(tags=tuple(TagSpec(name=to) for to in names.values()))) as (
        owner,
        reader,
        learned,
    ):
        for item in truth.keys() - set(sample):
            for name in sorted(truth[item]):
                owner.correct(item, Named.TAG, name, True)
        heads = learned()
        ours = {item: {tag.name for tag in reader.tags(collected.documents[item], heads)} for item in sample}
    means = dict(_LEGEND.findall(legend))
    specs = [TagSpec(name=to, description=means.get(name, "")) for name, to in names.items()]
    documents = {item: collected.documents[item] for item in sample}
    found = model.read("tags", Vocabulary(tags=tuple(specs)), documents)
    theirs = {item: {tag.name for tag in one.tags} for item, one in found.items()}
    print(f"tags ({len(names)}), {len(sample)} mails, micro-F1, precision, recall")
    _tell("builtin", _micro(truth, ours))
    _tell(model.name, _micro(truth, theirs))


# ------------------------------------------------------------------------------ the owner and his reader


@contextmanager
def taught(
    collected: Collected, vocabulary: Vocabulary
) -> Iterator[tuple[Catalog, BuiltinReader, Callable[[], Taught | None]]]:
    """A catalog that takes the owner's words, the reader, and what was learned of them by then. In the end
    they are taken back.
    """
    catalog = collected.vault.catalog
    lessons = Lessons(catalog, Documents(catalog, collected.embedder), vocabulary)
    yield catalog, BuiltinReader(vocabulary, collected.embedder), lessons.taught
    for said in catalog.corrections(catalog.count() * len(Named) * 100):
        catalog.correct(said.item, said.kind, said.name, None)


def _vectors(collected: Collected, items: Sequence[str]) -> npt.NDArray[np.float32]:
    """Of each item the mean of its passages' vectors, unit length; zeros where it has none."""
    rows = []
    for item in items:
        vectors = list(collected.documents[item].vectors.values())
        mean = np.mean(vectors, axis=0) if vectors else np.zeros(collected.embedder.dimension)
        rows.append(mean / (np.linalg.norm(mean) or 1.0))
    return np.array(rows, np.float32)


def _nearest(
    collected: Collected, seeds: Sequence[str], items: Sequence[str], truth: Truth
) -> dict[str, str | None]:
    """The project of the seed that is nearest by meaning."""
    nearest = (_vectors(collected, items) @ _vectors(collected, seeds).T).argmax(axis=1)
    return {item: truth[seeds[at]] for item, at in zip(items, nearest, strict=True)}


def _majority(
    collected: Collected,
    known: Sequence[str],
    items: Sequence[str],
    truth: Mapping[str, frozenset[str]],
    count: int,
) -> dict[str, frozenset[str]]:
    """What at least half of the nearest by meaning have."""
    order = np.argsort(-(_vectors(collected, items) @ _vectors(collected, known).T), axis=1)[:, :count]
    found: dict[str, frozenset[str]] = {}
    for item, nearest in zip(items, order, strict=True):
        votes = Counter(name for at in nearest for name in truth[known[at]])
        found[item] = frozenset(name for name, votes_for in votes.items() if 2 * votes_for >= count)
    return found


def _tell(name: str, values: Sequence[float]) -> None:
    print(f"{name:24}" + "".join(f"{value:10.3f}" for value in values), flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.meaning",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--projects", type=Path, help="a folder of posts for each newsgroup")
    parser.add_argument("--tags", type=Path, help="mails with their categories beside them (.txt, .cats)")
    parser.add_argument("--draws", type=int, default=5, help="how often what the owner says is drawn")
    parser.add_argument("--gguf", type=Path, help="a model to measure, beside the built-in reader")
    parser.add_argument("--sample", type=int, default=100, help="documents of each kind that it reads")
    parser.add_argument("--mails", type=Path, help="mail,sentence,task; for a model")
    parser.add_argument("--intents", type=Path, help="intent,sentence; for a model")
    parser.add_argument("--dues", type=Path, help="written,sentence,due; for a model")
    arguments = parser.parse_args()
    with loaded(arguments.gguf, arguments.sample) as model:
        if model is None:
            _measure(arguments)
        else:
            _compare(arguments, model)


def _measure(arguments: argparse.Namespace) -> None:
    embedder = SentenceEmbedder()
    for folder, of, measure in (
        (arguments.projects, posts, measure_projects),
        (arguments.tags, mails, measure_tags),
    ):
        if folder is not None:
            with taken_in(embedder, of(folder)) as collected:
                measure(collected, arguments.draws)


def _compare(arguments: argparse.Namespace, model: OwnersModel) -> None:
    if arguments.mails is not None:
        measure_tasks(arguments.mails, "task", "mail", model)
    if arguments.intents is not None:
        measure_tasks(arguments.intents, "intent", "sentence", model)
    if arguments.dues is not None:
        measure_dues(arguments.dues, model)
    if arguments.projects is not None:
        with taken_in(SentenceEmbedder(), posts(arguments.projects)) as collected:
            compare_projects(collected, model)
    if arguments.tags is not None:
        legend = next((file.read_text() for file in sorted(arguments.tags.glob("*LEGEND*"))), "")
        with taken_in(SentenceEmbedder(), mails(arguments.tags)) as collected:
            compare_tags(collected, model, legend)


if __name__ == "__main__":
    main()
