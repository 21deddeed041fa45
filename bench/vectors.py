"""The index of vectors as it grows: exact and divided into cells, at several sizes, on one core; how much of
the exact answer the divided one finds, under filters too; what growing, adding, deleting, a snapshot and an
opening take, and how much memory.

The vectors are drawn around real ones, since embedding a million passages takes hours. Each is a real vector
turned in a direction in which real vectors differ (the difference of two others, chosen anew for each) and
by a length between 0.2 and 1: some lie close to their origin, some closer to others. (A fixed small turn in
any direction makes tight heaps that no other vector comes near: there every division finds everything.)
The questions are real ones: stretches of real passages, embedded
as queries are, so they stand further from the passages than these from each other.

    python -m bench.vectors --mbox FILE.mbox.gz --passages 10000 100000
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import faiss
import numpy as np
import numpy.typing as npt

from bench import corpus
from bench.box import Box
from bench.made import real_passages
from bench.queries import questions
from index.allowed import Allowed
from index.cells import Half
from index.embed import SentenceEmbedder
from index.gpu import flat_on_gpu
from index.vectors import FaissIndex
from policy.limits import Limits
from policy.redact import Private
from store.vault import Vault

Single = npt.NDArray[np.float32]

_PER_ITEM = 20  # passages of one item
_TURNED = (0.2, 1.0)  # least and greatest length of a turn
_DRAWN = 20_000  # vectors at once
_ADDED = 64  # passages added at once, as the embedder gives them
_LIMIT = 10
_SHARES = (0.001, 0.01, 0.1, 0.5)
_DELETED = 1_000  # items


class Setting(NamedTuple):
    """What is asked of which vectors."""

    real: Single
    asked: Single
    passages: int

    def vectors(self) -> Iterator[Half]:
        """All of them, some at a time, the same each time."""
        chance = np.random.default_rng(1)
        for start in range(0, self.passages, _DRAWN):
            number = min(_DRAWN, self.passages - start)
            first, one, other = chance.integers(len(self.real), size=(3, number))
            turn = self.real[one] - self.real[other]
            turn *= (chance.uniform(*_TURNED, number) / (np.linalg.norm(turn, axis=1) + 1e-6))[:, None]
            drawn = self.real[first] + turn
            yield (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float16)

    def items(self) -> npt.NDArray[np.int32]:
        """The item of each passage; the ids of the passages are 1, 2, 3…"""
        return (np.arange(self.passages) // _PER_ITEM + 1).astype(np.int32)

    def allowed(self, share: float) -> Allowed:
        """A share of the items, drawn evenly."""
        items = np.arange(1, self.passages // _PER_ITEM + 1)
        chosen = np.random.default_rng(2).random(len(items)) < share
        return Allowed(items[chosen].tolist())

    def truth(self, filters: Mapping[str, Allowed | None]) -> dict[str, list[set[int]]]:
        """The nearest of each question under each filter, by comparison with all, without FAISS."""
        best = {name: Best(len(self.asked)) for name in filters}
        items, start = self.items(), 0
        for some in self.vectors():
            scores = self.asked @ some.astype(np.float32).T
            for name, allowed in filters.items():
                held = slice(None) if allowed is None else allowed.hold(items[start : start + len(some)])
                ids = np.arange(start + 1, start + len(some) + 1)[held]
                best[name].add(scores[:, held], ids)
            start += len(some)
        return {name: each.sets() for name, each in best.items()}


class Best:
    """The best of each question so far."""

    def __init__(self, questions: int) -> None:
        self._scores: Single = np.empty((questions, 0), np.float32)
        self._ids: npt.NDArray[np.int64] = np.empty((questions, 0), np.int64)

    def add(self, scores: Single, ids: npt.NDArray[np.int64]) -> None:
        """Take in the scores (questions, passages) of some passages."""
        top = np.argsort(-scores, axis=1)[:, :_LIMIT]
        scores = np.concatenate([self._scores, np.take_along_axis(scores, top, 1)], axis=1)
        both = np.concatenate([self._ids, ids[top]], axis=1)
        order = np.argsort(-scores, axis=1)[:, :_LIMIT]
        self._scores, self._ids = np.take_along_axis(scores, order, 1), np.take_along_axis(both, order, 1)

    def sets(self) -> list[set[int]]:
        """The ids, for each question."""
        return [set(row.tolist()) for row in self._ids]


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.vectors",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    corpus.add_arguments(parser)
    parser.add_argument("--passages", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--real", type=int, default=2_000, help="how many passages are embedded for real")
    parser.add_argument("--queries", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        workplace = Path(folder)
        texts = real_passages(corpus.gather(arguments, workplace / "files"), arguments.real)
        embedder = SentenceEmbedder()
        real = embedder.embed_passages(texts).astype(np.float32)
        asked = np.stack([embedder.embed_query(text) for text in questions(texts, arguments.queries)])
        del embedder
        for count in arguments.passages:
            print(f"\n{count:,} vectors around {len(real):,} real ones, {len(asked)} questions", flush=True)
            measure(Setting(real, asked, count), workplace / str(count))


def measure(setting: Setting, workplace: Path) -> None:
    """One size, from an empty index to an opened snapshot; prints as it goes."""
    empty = memory()
    index = FaissIndex(setting.real.shape[1])
    filled = fill(index, setting)
    said("added, passages a second", setting.passages / filled, "")
    said("memory, exact", memory() - empty, "MiB")
    filters: dict[str, Allowed | None] = {"all": None}
    filters |= {f"{100 * share:g} % allowed": setting.allowed(share) for share in _SHARES}
    truths = setting.truth(filters)
    for name, allowed in filters.items():
        ask(index, setting, f"exact, {name}", allowed, truths[name])
    grow(index, setting, empty)
    if index.cells > 1:
        for name, allowed in filters.items():
            ask(index, setting, f"{index.cells} cells, {name}", allowed, truths[name])
    snapshot(index, setting, workplace, empty)
    on_gpu(index, setting, truths["all"])
    delete(index)


def fill(index: FaissIndex, setting: Setting) -> float:
    """Add all, as many at once as the embedder gives; seconds of it, without the drawing."""
    items, start, took = setting.items(), 0, 0.0
    for some in setting.vectors():
        began = time.perf_counter()
        for first in range(0, len(some), _ADDED):
            rows = some[first : first + _ADDED]
            at = start + first
            index.add(range(at + 1, at + len(rows) + 1), items[at : at + len(rows)].tolist(), rows)
        took += time.perf_counter() - began
        start += len(some)
    return took


def ask(
    index: FaissIndex, setting: Setting, name: str, allowed: Allowed | None, truth: Sequence[set[int]]
) -> None:
    """Each question once; how long it took and how much of the truth it found."""
    took, used, found = list[float](), list[float](), 0
    for number, vector in enumerate(setting.asked):
        began, began_cpu = time.perf_counter(), time.thread_time()
        hits = index.search(vector, 5 * _LIMIT, allowed)
        took.append(1000 * (time.perf_counter() - began))
        used.append(1000 * (time.thread_time() - began_cpu))
        found += len(truth[number] & {id for id, _ in hits[:_LIMIT]})
    recall = found / max(1, sum(map(len, truth)))
    print(
        f"{name:32} p50 {statistics.median(took):7.2f} ms  p95 {np.quantile(took, 0.95):7.2f} ms"
        f" (CPU {statistics.median(used):6.2f}, {np.quantile(used, 0.95):6.2f}) recall@{_LIMIT} {recall:.4f}",
        flush=True,
    )


def grow(index: FaissIndex, setting: Setting, empty: float) -> None:
    """Let it grow while somebody asks all the time."""
    if not index.outgrown:
        return
    took, done = list[float](), threading.Event()

    def search() -> None:
        while not done.is_set():
            for vector in setting.asked:
                began = time.perf_counter()
                index.search(vector, 5 * _LIMIT)
                took.append(1000 * (time.perf_counter() - began))
                done.wait(0.02)

    asking = threading.Thread(target=search)
    asking.start()
    forget_peak()
    timed("grown in", index.grow)
    done.set()
    asking.join()
    print(f"{'cells, and looked into':40} {index.cells:,} {index._cells.probes}")
    said("memory, at most while growing", memory("VmHWM") - empty, "MiB")
    said("memory, grown", memory() - empty, "MiB")
    print(f"{'asked meanwhile':40} p95 {np.quantile(took, 0.95):7.2f} ms  longest {max(took):7.2f} ms")


def snapshot(index: FaissIndex, setting: Setting, workplace: Path, empty: float) -> None:
    """Write it to a real home, write it again after one more passage, and open it."""
    box = Box(workplace)
    box.make()
    vault = Vault.open(box.home, Private(box.key_file.read_bytes().strip()), limits=Limits())

    def save() -> None:
        files = index.dump()
        immutable = [name for name in files if name != "meta"]
        vault.snapshots.save("vectors", 0, files, immutable=immutable)

    def load() -> FaissIndex:
        found = vault.snapshots.open("vectors")
        assert found is not None
        return FaissIndex.load(found[1], setting.real.shape[1])

    try:
        forget_peak()
        timed("snapshot written in", save)
        said("memory, at most while writing", memory("VmHWM") - empty, "MiB")
        index.add([setting.passages + 1], [1], setting.real[:1].astype(np.float16))
        timed("written again after one more passage", save)
        timed("opened in", load)
        opened = load()
        same = [opened.search(vector, _LIMIT) == index.search(vector, _LIMIT) for vector in setting.asked]
        print(f"{'answers as before':40} {sum(same)} of {len(same)}")
    finally:
        vault.close()


def on_gpu(index: FaissIndex, setting: Setting, truth: Sequence[set[int]]) -> None:
    """The same vectors on the GPU, if there is one that FAISS can use."""
    if (gpu := flat_on_gpu(faiss)) is None:
        print("no GPU, or faiss-cpu: nothing is measured on one")
        return
    mirrored = FaissIndex.load(index.dump(), setting.real.shape[1], gpu=gpu)
    timed("copied to the GPU in", mirrored.grow)
    ask(mirrored, setting, "on the GPU, all", None, truth)


def delete(index: FaissIndex) -> None:
    """Take out the passages of many items, and look whether one is found."""
    gone = range(1, min(_DELETED * _PER_ITEM, len(index) // 2) + 1)
    vectors = index.get(list(gone)[::1000])
    timed(f"{len(gone):,} passages deleted in", lambda: index.remove(gone))
    for vector in vectors.values():
        assert not set(gone) & {id for id, _ in index.search(vector.astype(np.float32), 100)}


def timed(name: str, act: Callable[[], object]) -> None:
    """A line of the table: what something takes, and of CPU in all threads, which a busy machine makes no
    longer.
    """
    began, began_cpu = time.perf_counter(), time.process_time()
    act()
    took, used = time.perf_counter() - began, time.process_time() - began_cpu
    print(f"{name:40} {took:,.2f} s (CPU {used:,.2f})", flush=True)


def memory(which: str = "VmRSS") -> float:
    """MiB of this process."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith(which))
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    """Let VmHWM begin anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def said(name: str, value: float, unit: str) -> None:
    """A line of the table."""
    print(f"{name:40} {value:,.2f} {unit}", flush=True)


if __name__ == "__main__":
    main()
