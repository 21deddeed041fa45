"""Trains the head that tells action items from other sentences, and measures it by cross-validation.

    python -m bench.tasks --mails lin-enron-tasks.csv --intents parakweet-intent.csv [--write]

No mail, and no sentence where mails are not known, is in two folds. Each fold's threshold is the best one of
a cross-validation within its training part. `--write` trains on all sentences of mails and writes what the
appliance ships. Needs scikit-learn, which comes with the embedder.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

import enrich
from enrich import task_head
from enrich.judge import by_rules, judge, opinion

_FOLDS = 5
C = 4.0
LEAST = 2  # sentences that an n-gram must occur in: half the weights, and no worse
_THRESHOLDS = np.arange(0.2, 0.7, 0.01)

Labels = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
Chances = npt.NDArray[np.float64]


class Sentences(NamedTuple):
    """One judged collection."""

    name: str
    texts: list[str]
    tasks: Labels
    groups: Rows  # the same for what must not be parted


class Score(NamedTuple):
    """Of those said to be tasks, and of those that are."""

    precision: float
    recall: float
    f1: float  # the harmonic mean of both


class Trained(NamedTuple):
    """A model, and which features its columns are."""

    columns: dict[int | str, int]
    model: LogisticRegression


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.tasks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mails", type=Path, required=True, help="mail,sentence,task")
    parser.add_argument("--intents", type=Path, required=True, help="intent,sentence")
    parser.add_argument("--c", type=float, default=C, help="how freely it learns")
    parser.add_argument("--least", type=int, default=LEAST, help="sentences that an n-gram must occur in")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    mails = read(arguments.mails, "task", "mail")
    for each in (mails, read(arguments.intents, "intent", "sentence")):
        ruled = np.array([by_rules(text) is not None for text in each.texts])
        say(f"{each.name}: rules alone", score(each.tasks, ruled))
        say(f"{each.name}: with the head", validate(each, arguments.least, arguments.c))
    if arguments.write:
        write(mails, arguments.least, arguments.c)
    began = time.perf_counter()
    for text in mails.texts:
        judge(text)
    print(f"{len(mails.texts) / (time.perf_counter() - began):.0f} sentences a second, on one core")


def read(path: Path, label: str, group: str) -> Sentences:
    """A table with the columns `sentence`, the label, and what must not be parted."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers: dict[str, int] = {}
    return Sentences(
        path.stem,
        [row["sentence"] for row in rows],
        np.array([row[label] == "1" for row in rows]),
        np.array([numbers.setdefault(row[group], len(numbers)) for row in rows]),
    )


def validate(of: Sentences, least: int, c: float) -> Score:
    """By cross-validation."""
    return score(of.tasks, judged(of, least, c))


def judged(of: Sentences, least: int, c: float) -> Labels:
    """What is said by models, and with thresholds, that the judged fold had no part in."""
    said = np.zeros(len(of.texts), dtype=bool)
    for train, test in folds(of, np.arange(len(of.texts))):
        threshold = best_threshold(of.tasks[train], across(of, train, least, c)[train])
        said[test] = chances(fit(of, train, least, c), of, test) >= threshold
    return said


def across(of: Sentences, rows: Rows, least: int, c: float) -> Chances:
    """The chance of each of the rows, by a model of the other folds of them."""
    found = np.zeros(len(of.texts))
    for train, test in folds(of, rows):
        found[test] = chances(fit(of, train, least, c), of, test)
    return found


def folds(of: Sentences, rows: Rows) -> Iterator[tuple[Rows, Rows]]:
    """(training rows, other rows), `_FOLDS` times."""
    for train, test in GroupKFold(_FOLDS).split(rows, groups=of.groups[rows]):
        yield rows[train], rows[test]


def fit(of: Sentences, rows: Rows, least: int, c: float) -> Trained:
    """A model of some rows."""
    texts = [of.texts[row] for row in rows]
    counts = Counter(key for text in texts for key in features(text))
    columns = {key: n for n, key in enumerate(key for key, count in counts.items() if count >= least)}
    model = LogisticRegression(C=c, solver="liblinear", tol=1e-3)
    return Trained(columns, model.fit(matrix(columns, texts), of.tasks[rows]))


def chances(trained: Trained, of: Sentences, rows: Rows) -> Chances:
    """Of being a task."""
    texts = [of.texts[row] for row in rows]
    found: Chances = trained.model.predict_proba(matrix(trained.columns, texts))[:, 1]
    return found


def matrix(columns: Mapping[int | str, int], texts: Sequence[str]) -> csr_matrix:
    """(texts, columns)."""
    values, places, ends = array("f"), array("i"), [0]
    for text in texts:
        known = {columns[key]: value for key, value in features(text).items() if key in columns}
        places.extend(known.keys())
        values.extend(known.values())
        ends.append(len(values))
    return csr_matrix((values, places, ends), shape=(len(texts), len(columns)))


@cache
def features(text: str) -> Mapping[int | str, float]:
    """What the head sees of a sentence."""
    return {**task_head.features(task_head.tokens(text)), **opinion(by_rules(text))}


def best_threshold(tasks: Labels, found: Chances) -> float:
    """With the best F1."""
    return float(max(_THRESHOLDS, key=lambda threshold: score(tasks, found >= threshold).f1))


def score(tasks: Labels, said: Labels) -> Score:
    """Of what was said."""
    right = int((tasks & said).sum())
    precision, recall = right / max(1, int(said.sum())), right / max(1, int(tasks.sum()))
    return Score(precision, recall, 2 * right / max(1, int(said.sum()) + int(tasks.sum())))


def write(of: Sentences, least: int, c: float) -> None:
    """What the appliance ships."""
    every = np.arange(len(of.texts))
    threshold = best_threshold(of.tasks, across(of, every, least, c))
    columns, model = fit(of, every, least, c)
    weight = {key: float(model.coef_[0, column]) for key, column in columns.items()}
    grams = sorted(key for key in weight if isinstance(key, int))
    weights = task_head.Weights(
        trained_on=f"{of.name}, {len(every)} sentences of {len(set(of.groups.tolist()))} mails",
        bias=float(model.intercept_[0] - math.log(threshold / (1 - threshold))),
        rules={key: value for key, value in weight.items() if isinstance(key, str)},
        grams=np.array(grams, "<u4").tobytes(),
        weights=np.array([weight[gram] for gram in grams], "<f4").tobytes(),
    )
    path = Path(enrich.__path__[0]) / task_head.WEIGHTS
    path.write_bytes(msgspec.msgpack.encode(weights))
    size = path.stat().st_size / 2**10
    print(f"wrote {path.name}: {size:.0f} KiB, {len(grams)} n-grams, threshold {threshold:.2f}")


def say(what: str, found: Score) -> None:
    """One line."""
    print(f"{what:40} P {found.precision:.3f}  R {found.recall:.3f}  F1 {found.f1:.3f}", flush=True)


if __name__ == "__main__":
    main()
