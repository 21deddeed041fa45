"""The vectors of all passages in memory: compared all while they are few, later those of the nearest cells.
It knows numbers only; text, models and disks are others' concern.
"""

from __future__ import annotations

import ctypes
import logging
import math
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from typing import Protocol

import msgspec
import numpy as np

from index.allowed import Allowed
from index.cells import (
    DEPTHS,
    Cells,
    Content,
    Half,
    Numbers,
    Single,
    least_cosine,
    one_core,
    probes_for,
    sample_for,
    train,
)
from index.errors import IndexDamaged
from index.gpu import MakeFlat, Mirror
from index.segment import Rows, Segment

log = logging.getLogger("strongroom.index")

MUTABLE = "meta"  # the one file of a dump whose content changes under its name
_COPIED = 4096  # passages copied under the lock at once: some MiB, a millisecond
_ADDED = 4096  # vectors taken in under the lock at once
_ASSIGNED = 8192  # vectors turned to single precision at once
_LOOKED_AT = 16  # wanted passages of each cell, to see which cells hold any
_MEASURED = 16_384  # passages by which it is told which are far
_TURNED = 3.0  # length of the noise that makes a question of a passage: as real ones, it is near none
_SEED = 2


class VectorIndex(Protocol):
    """Nearest passages by inner product."""

    def add(self, ids: Sequence[int], items: Sequence[int], vectors: Half) -> None:
        """Add passages, the numbers of their items and unit vectors (n, dimension); an id that is in is
        replaced.
        """

    def remove(self, ids: Collection[int]) -> None:
        """Remove passages; ids that are not in are passed over."""

    def search(self, vector: Single, limit: int, allowed: Allowed | None = None) -> list[tuple[int, float]]:
        """The `limit` nearest passages (id, cosine), best first; of the allowed items only, if given."""

    def get(self, ids: Collection[int]) -> dict[int, Half]:
        """The vectors of those passages that are in."""

    def owners(self, ids: Collection[int]) -> dict[int, int]:
        """The numbers of the items of those passages that are in."""

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Growth:
    """When and how an index grows."""

    exact: int = 32_768  # passages that are compared all, of all or of the newest: some 2 ms on one core
    again: int = 4  # times as many passages as the cells were trained on: they are trained anew
    segment: int = 131_072  # passages: what is held thrice while it moves to other cells, and written anew
    recall: float = 0.985  # share of the nearest that lie in the cells looked into; 1: all are
    asked: int = 128  # passages that this is measured with


class _Meta(msgspec.Struct):
    dimension: int
    cells: list[str]  # the last ones are those that full segments move to
    segments: list[tuple[str, str]]  # and the cells of each


class FaissIndex:
    """Thread-safe: one call at a time, each of a few milliseconds. One thread adds; any may search and
    remove; `grow` may run beside all of them, in one thread.

    The passages stand in segments, each with the FAISS index of its own vectors. What is new goes into the
    last one, which is compared wholly, until it is full: what comes in after cells were trained lies
    otherwise than what they were trained on. Then `grow` moves it to the cells that all others share, one
    segment at a time, each searched where it is until its copy takes its place. So growth never holds more
    than one segment twice, and a snapshot has a part for each, written anew only if it has changed.

    Where there is a GPU, it has a copy of all vectors and answers searches without a filter, by comparison
    with all. The copy takes in what is added; when something is removed it is thrown away at once and made
    anew by `grow`, and until then memory answers as ever.

    Memory: 2 bytes per dimension and some 50 more per passage.

    Args:
        gpu: makes an empty index on the GPU, if there is one.
    """

    def __init__(self, dimension: int, growth: Growth | None = None, gpu: MakeFlat | None = None) -> None:
        self._dimension = dimension
        self._growth = growth or Growth()
        self._gpu = gpu
        self._mirror: Mirror | None = None
        self._lock = threading.Lock()  # of all that a search reads
        self._adding = threading.Lock()  # held by who adds, before the other
        self._cells = self._undivided = Cells.undivided(dimension)
        self._segments: list[Segment] = []
        self._moving: list[Numbers] | None = None  # what was removed since a segment began to be copied

    @classmethod
    def load(
        cls,
        files: Mapping[str, Content],
        dimension: int,
        growth: Growth | None = None,
        gpu: MakeFlat | None = None,
    ) -> FaissIndex:
        """What `dump` gave. Each file is looked up once, one ahead of the one that is taken in.

        Raises:
            IndexDamaged: the parts do not fit together or have another dimension.
        """
        index = cls(dimension, growth, gpu)
        try:
            meta = msgspec.json.decode(files[MUTABLE], type=_Meta)
            if meta.dimension != dimension:
                raise IndexDamaged("the snapshot of the vectors has another dimension")
            cells = {name: Cells.load(files[name], dimension, name) for name in meta.cells}
            index._cells = cells[meta.cells[-1]]
            undivided = (some for some in cells.values() if not some.trained_on)
            index._undivided = next(undivided, index._undivided)
            with ThreadPoolExecutor(2) as readers:
                waiting = (readers.submit(files.__getitem__, name) for name, _ in meta.segments)
                ahead = list(islice(waiting, 2))
                for name, of in meta.segments:
                    content = ahead.pop(0)
                    ahead += islice(waiting, 1)
                    index._segments.append(Segment.load(content.result(), cells[of], name))
                    del content
        except (KeyError, IndexError, msgspec.DecodeError) as error:
            raise IndexDamaged("the snapshot of the vectors cannot be read") from error
        return index

    def add(self, ids: Sequence[int], items: Sequence[int], vectors: Half) -> None:
        """See VectorIndex."""
        step = min(_ADDED, self._growth.segment)
        for start in range(0, len(ids), step):
            some = slice(start, start + step)
            rows = Rows(np.asarray(ids[some], np.int64), np.asarray(items[some], np.int64), vectors[some])
            with self._adding, self._lock:
                one_core()
                self._remove(rows.passages, self._segments)
                self._open().add(rows)
                if self._mirror is not None:
                    self._mirror.add(rows.passages, rows.vectors)

    def remove(self, ids: Collection[int]) -> None:
        """See VectorIndex."""
        passages = np.fromiter(ids, np.int64, len(ids))
        with self._lock:
            one_core()
            self._remove(passages, self._segments)

    def search(self, vector: Single, limit: int, allowed: Allowed | None = None) -> list[tuple[int, float]]:
        """See VectorIndex."""
        question = np.ascontiguousarray(vector, np.float32)
        with self._lock:
            one_core()
            if self._mirror is not None and allowed is None:
                found = self._mirror.search(question, limit)
            else:
                found = self._search(question, limit, allowed)
        passages, scores = found
        return list(zip(passages.tolist(), scores.tolist(), strict=True))

    def get(self, ids: Collection[int]) -> dict[int, Half]:
        """See VectorIndex."""
        passages = np.fromiter(ids, np.int64, len(ids))
        with self._lock:
            return {id: vector for segment in self._segments for id, vector in segment.get(passages)}

    def owners(self, ids: Collection[int]) -> dict[int, int]:
        """See VectorIndex."""
        passages = np.fromiter(ids, np.int64, len(ids))
        with self._lock:
            return {id: owner for segment in self._segments for id, owner in segment.owners(passages)}

    def __len__(self) -> int:
        return sum(len(segment) for segment in self._segments)

    def _search(self, vector: Single, limit: int, allowed: Allowed | None) -> tuple[Numbers, Single]:
        found = [(np.empty(0, np.int64), np.empty(0, np.float32))]
        for cells, group in groupby(self._segments, lambda segment: segment.cells):
            segments = list(group)
            total = sum(map(len, segments))
            if allowed is None:
                probed = cells.probed(vector, None, total, total)
                found += [segment.search(vector, limit, probed, None) for segment in segments]
                continue
            masks = [segment.held(allowed) for segment in segments]
            wanted = sum(map(np.count_nonzero, masks))
            step = max(1, wanted // (_LOOKED_AT * len(cells)))
            held = [segment.cells_of(mask, step) for segment, mask in zip(segments, masks, strict=True)]
            probed = cells.probed(vector, np.any(held, axis=0), wanted, total)
            found += [
                segment.search(vector, limit, probed[here[probed]] if step == 1 else probed, mask)
                for segment, mask, here in zip(segments, masks, held, strict=True)
            ]
        passages, scores = (np.concatenate(column) for column in zip(*found, strict=True))
        best = np.argsort(-scores, kind="stable")[:limit]
        return passages[best], scores[best]

    def _remove(self, passages: Numbers, segments: Sequence[Segment]) -> None:
        removed = [segment.remove(passages) for segment in segments]
        if any(removed):
            self._mirror = None
        if self._moving is not None:
            self._moving.append(passages)

    def _open(self) -> Segment:
        """The segment that takes what is new."""
        if not self._takes_more():
            self._segments.append(Segment(self._undivided))
        return self._segments[-1]

    def _takes_more(self) -> bool:
        """Whether the last segment does."""
        if not self._segments or self._segments[-1].cells is not self._undivided:
            return False
        return self._segments[-1].rows < min(self._growth.exact, self._growth.segment)

    # ------------------------------------------------------------------ growth

    @property
    def cells(self) -> int:
        """Into how many cells the passages are divided; 1: all are compared."""
        return len(self._cells) if self._cells.trained_on else 1

    @property
    def outgrown(self) -> bool:
        """Whether `grow` has anything to do."""
        with self._lock:
            return self._wants_cells() or bool(self._next_to_move()) or self._wants_mirror()

    def grow(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Divide what has become too much to be compared all, and put in order what additions and removals
        left: segments that are nearly empty become one, lists give back the room that they do not need.

        Takes from seconds to minutes, while all else goes on. Stopped, it goes on where it was next time.
        """
        if self._wants_cells() and (cells := self._trained(stopped)) is not None:
            with self._lock:
                self._cells = cells
        while not stopped():
            with self._lock:
                segments = self._next_to_move()
            if segments:
                self._move(segments)
                del segments  # else they stay until the next ones
                _give_back_memory()
            elif self._wants_mirror():
                self._reflect()
            else:
                return

    def _wants_cells(self) -> bool:
        passages = len(self)
        return passages > self._growth.exact and passages >= self._growth.again * self._cells.trained_on

    def _trained(self, stopped: Callable[[], bool]) -> Cells | None:
        passages = len(self)
        chance = np.random.default_rng(_SEED)
        sample = self._sample(sample_for(passages) / passages, chance)
        if not len(sample):  # all was removed meanwhile
            return None
        asked = sample[:: max(1, len(sample) // self._growth.asked)].copy()
        centres = train(sample, passages, stopped)
        if centres is None:
            return None
        least = least_cosine(centres, sample[:: max(1, len(sample) // _MEASURED)])
        del sample
        probes = probes_for(centres, least, self._answered(asked, chance, stopped), self._growth.recall)
        return None if stopped() else Cells(centres, probes, passages, least)

    def _sample(self, share: float, chance: np.random.Generator) -> Single:
        """A share of the vectors, each passage as likely as any other."""
        some: list[Half] = [np.empty((0, self._dimension), np.float16)]
        for segment in list(self._segments):
            for rows, _ in self._copied(segment):
                some.append(rows.vectors[chance.random(len(rows.vectors)) < share])
        return np.concatenate(some).astype(np.float32)

    def _answered(
        self, asked: Single, chance: np.random.Generator, stopped: Callable[[], bool]
    ) -> Iterator[tuple[Single, Single]]:
        """Questions made of these passages, each with the vectors of what is truly nearest.

        Passages would be poor questions: the nearest of a passage are in its own cell. Turned until the best
        cosine is 0.3, they want as many cells as real questions do, whose best cosines are 0.3 to 0.5. So
        measured on 100,000 vectors in 2,048 cells: a share of 0.97 wants 2 cells for passages turned by 0.5,
        37 for those turned by 3, and 27 for real questions; 0.99 wants 2, 94 and 52.
        """
        for vector in asked:
            if stopped():
                return
            turn = chance.standard_normal(len(vector), np.float32) * (_TURNED / math.sqrt(len(vector)))
            question = (vector + turn) / np.linalg.norm(vector + turn)
            ids = self._exact(question, DEPTHS[-1])
            found = self.get(ids)
            if found:
                yield question, np.stack([found[id] for id in ids if id in found]).astype(np.float32)

    def _exact(self, vector: Single, limit: int) -> list[int]:
        """The nearest by comparison with all, a segment at a time."""
        one_core()
        found: list[tuple[float, int]] = []
        for segment in list(self._segments):
            with self._lock:
                passages, scores = segment.search(vector, limit, np.arange(len(segment.cells)), None)
            found += zip(scores.tolist(), passages.tolist(), strict=True)
        return [passage for _, passage in sorted(found, reverse=True)[:limit]]

    def _next_to_move(self) -> list[Segment]:
        """Some segments whose passages want another one."""
        full = self._segments[:-1] if self._takes_more() else self._segments
        for segment in full:
            if segment.cells is not self._cells or segment.loose:
                return [segment]
        few = [segment for segment in full if len(segment) < self._growth.segment // 2]
        return few[:2] if len(few) > 1 else []

    def _move(self, segments: list[Segment]) -> None:
        """Copy some segments to one of the present cells, then put it in their place.

        Safety: the copy reads list by list under the lock. What is removed from a list before it is read is
        not in the copy; what is removed later is in `_moving`, and taken out of the copy before it is seen.
        Nothing is added to these segments: only the last one takes anything, until it is full.
        """
        with self._lock:
            self._moving = []
        try:
            copy = self._copy(segments)
            with self._lock:
                one_core()
                for passages in self._moving:
                    copy.remove(passages)
                kept = [segment for segment in self._segments if segment not in segments]
                self._segments = [copy, *kept] if len(copy) else kept
        finally:
            self._moving = None

    def _copy(self, segments: list[Segment]) -> Segment:
        rows = Rows.joined([rows for segment in segments for rows, _ in self._copied(segment)])
        cells = [
            self._cells.assign(rows.vectors[start : start + _ASSIGNED].astype(np.float32))
            for start in range(0, len(rows.passages), _ASSIGNED)
        ]
        copy = Segment(self._cells)
        copy.fill(rows, np.concatenate([np.empty(0, np.int64), *cells]))
        return copy

    def _wants_mirror(self) -> bool:
        return self._gpu is not None and self._mirror is None and len(self) > 0

    def _reflect(self) -> None:
        """Copy all vectors to the GPU, while nothing is added; unless something is removed meanwhile."""
        assert self._gpu is not None
        with self._adding:
            with self._lock:
                self._moving = []
            try:
                mirror = Mirror(self._gpu(self._dimension))
                for segment in list(self._segments):
                    for rows, _ in self._copied(segment):
                        mirror.add(rows.passages, rows.vectors)
                with self._lock:
                    self._mirror = None if self._moving else mirror
            except RuntimeError as error:  # how FAISS reports CUDA's errors
                log.warning("the GPU cannot take the vectors (%s)", type(error).__name__)
                self._gpu = None
            finally:
                self._moving = None

    def _copied(self, segment: Segment) -> Iterator[tuple[Rows, Numbers]]:
        step = max(1, _COPIED * len(segment.cells) // max(1, segment.rows))
        for first in range(0, len(segment.cells), step):
            with self._lock:
                part = segment.lists(first, first + step)
            yield part

    # ------------------------------------------------------------------ snapshots

    def dump(self, also: Mapping[str, bytes] | None = None) -> Mapping[str, bytes]:
        """Everything, as named byte strings that are made when they are looked up, once. A file keeps its
        name as long as its content is the same, but for `MUTABLE`.

        Args:
            also: further ones that are to go with it.

        What is added or removed after this call may be in the files or not.
        """
        with self._lock:
            segments = {segment.name: segment for segment in self._segments}
            cells = {segment.cells.name: segment.cells for segment in self._segments}
            cells[self._cells.name] = cells.pop(self._cells.name, self._cells)
            meta = _Meta(
                self._dimension,
                list(cells),
                [(name, segment.cells.name) for name, segment in segments.items()],
            )
        return _Files(
            {
                MUTABLE: partial(msgspec.json.encode, meta),
                **{name: partial(bytes, content) for name, content in (also or {}).items()},
                **{name: some.dump for name, some in cells.items()},
                **{name: partial(self._content, segment) for name, segment in segments.items()},
            }
        )

    def _content(self, segment: Segment) -> bytes:
        rows, sizes = zip(*self._copied(segment), strict=True)
        passages, owners, vectors = zip(*rows, strict=True)
        return b"".join((*sizes, *passages, *owners, *vectors))


class _Files(Mapping[str, bytes]):
    """Each can be looked up once: a segment that was replaced is not kept longer than until then."""

    def __init__(self, makers: dict[str, Callable[[], bytes]]) -> None:
        self._makers = makers
        self._names = tuple(makers)

    def __getitem__(self, name: str) -> bytes:
        return self._makers.pop(name)()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _give_back_memory() -> None:
    """Let the system have what was freed. Lists of all sizes leave holes between those that stay, which glibc
    keeps: after a million passages had moved, a third of the memory was holes.
    """
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
