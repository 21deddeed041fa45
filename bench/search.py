"""Search at one size after another in the same, growing home: queries through the API of the running
service at rest and while it ingests at full speed; ingest time per document; memory; opening from snapshots;
deletion; and how many of the nearest vectors the index finds.

The passages are real ones, multiplied: each copy has some words exchanged for words of others and its vector
turned a little, so that both indexes hold distinct entries. Only the real ones are embedded; their copies
would take hours. Documents of twenty passages, their dates spread over ten years, are put into the store
between two runs of the service, and nothing of their originals is read again.

    python -m bench.search --mbox FILE.mbox.gz --passages 10000 100000 1000000
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from appliance.errors import RequestRefused, ServiceUnavailable
from bench import corpus
from bench.box import Box
from bench.made import Made, Single, real_passages
from bench.queries import KINDS, Asked, mixed
from index.embed import SentenceEmbedder
from index.fulltext import TantivyIndex
from index.vectors import FaissIndex
from policy.limits import Limits
from policy.redact import Private
from store.vault import Vault

_MODES = ("hybrid", "keyword", "semantic")
_QUIET_S = 25.0  # longer than the service waits before a snapshot
_PATIENCE_S = 3600.0
_MAILS = 150  # ingested at each size to tell the time for each
_FLOOD = 1500  # ingested while queries are asked
_DELETED = 1000
_RECALL_QUERIES = 100
_NEAREST = 10
_SAME = 1e-4  # of two cosines


class Row(NamedTuple):
    """What one measurement gave."""

    passages: int
    what: str
    value: float
    unit: str


def main() -> None:
    """Grow, measure, print; `--json` keeps the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    corpus.add_arguments(parser)
    parser.add_argument("--passages", type=int, nargs="+", default=[10_000, 100_000], metavar="N")
    parser.add_argument("--real", type=int, default=4_000, help="how many of them are embedded for real")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--json", type=Path, help="write every figure into this file")
    arguments = parser.parse_args()
    arguments.mails = sys.maxsize
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        bench = Bench(arguments, Path(folder))
        for count in sorted(arguments.passages):
            bench.measure(count)
        if arguments.json:
            arguments.json.write_text(json.dumps([row._asdict() for row in bench.rows], indent=1))


class Bench:
    """One home that grows, and what was measured in it."""

    def __init__(self, arguments: argparse.Namespace, workplace: Path) -> None:
        self.rows: list[Row] = []
        files = corpus.gather(arguments, workplace / "files")
        texts = real_passages(files, arguments.real)
        self._mails = iter([path for path in files if path.suffix == ".eml"])
        self._embedder = SentenceEmbedder()
        began = time.perf_counter()
        self._made = Made(texts, self._embedder.embed_passages(texts).astype(np.float32))
        print(f"{len(texts)} real passages embedded in {time.perf_counter() - began:.0f} s", flush=True)
        self._asked = mixed(texts, arguments.queries)
        self._count = 0  # passages in the home
        self._items: list[str] = []
        self._box = Box(workplace / "box")
        self._box.make()

    def measure(self, count: int) -> None:
        """Grow to so many passages and measure everything there."""
        began = time.perf_counter()
        self._fill(count)
        self._note("fill", time.perf_counter() - began, "s")
        with self._box.running():
            self._note("first start, indexes built", self._until_answering(), "s")
            self._until_quiet()
        with self._box.running():
            self._note("start from snapshots", self._until_answering(), "s")
            self._until_quiet()
            self._memory("")
            for mode in _MODES:
                self._ask(mode, "at rest")
            self._note("ingest of a document", self._ingest(_MAILS) / _MAILS, "s")
            self._flooded()
            self._memory(" after all")
            self._delete()
            self._until_quiet()
        self._opened()

    # --------------------------------------------------------------------------------------------- the store

    def _fill(self, count: int) -> None:
        secret = Private(self._box.key_file.read_bytes().strip())
        vault = Vault.open(self._box.home, secret, limits=Limits(free_disk_bytes=0))
        try:
            self._items += self._made.store(vault, self._embedder.identity, self._count, count)
        finally:
            vault.close()
        self._count = count

    def _opened(self) -> None:
        """How long both indexes take from their snapshots, and of the nearest vectors how many are found."""
        secret = Private(self._box.key_file.read_bytes().strip())
        vault = Vault.open(self._box.home, secret, limits=Limits(free_disk_bytes=0))
        try:
            with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
                text, vectors = vault.snapshots.open("text"), vault.snapshots.open("vectors")
                assert text is not None
                assert vectors is not None
                began = time.perf_counter()
                TantivyIndex.restore(Path(folder), text[1]).close()
                half = time.perf_counter()
                index = FaissIndex.load(vectors[1], self._embedder.dimension)
                self._note("opening the index by word", half - began, "s")
                self._note("opening the index by meaning", time.perf_counter() - half, "s")
            self._recall(index, vault.catalog.vectors_since(self._embedder.identity, 0))
        finally:
            vault.close()

    def _recall(self, index: FaissIndex, rows: Iterator[tuple[int, bytes]]) -> None:
        asked = [asked.query for asked in self._asked if asked.kind == "question"][:_RECALL_QUERIES]
        queries = np.stack([self._embedder.embed_query(question) for question in asked])
        best: list[list[tuple[float, int]]] = [[] for _ in asked]
        for ids, vectors in _stretches(rows):
            for nearest, cosines in zip(best, queries @ vectors.T, strict=True):
                top = np.argpartition(-cosines, min(_NEAREST, len(ids) - 1))[:_NEAREST]
                nearest += zip(cosines[top].tolist(), ids[top].tolist(), strict=True)
                nearest[:] = sorted(nearest)[-_NEAREST:]
        began = time.perf_counter()
        found = [index.search(query, _NEAREST) for query in queries]
        took = (time.perf_counter() - began) / len(asked)
        # Passages that say the same are as near as one another: any of them will do.
        hits = sum(
            sum(cosine >= nearest[0][0] - _SAME for _, cosine in some)
            for some, nearest in zip(found, best, strict=True)
        )
        self._note("recall@10 of the vectors", hits / (_NEAREST * len(asked)), "")
        self._note("vectors alone", 1000 * took, "ms")

    # ------------------------------------------------------------------------------------------- the service

    def _until_answering(self) -> float:
        """Until search by word and by meaning answers; returns the seconds since the start of the service."""
        began = time.perf_counter()
        while True:
            try:
                answer = self._search(Asked("question", "what was the question again"), "hybrid")
                if answer["degraded"] is None:
                    return self._box.start_s + time.perf_counter() - began
            except (ServiceUnavailable, RequestRefused):  # not up yet, or its index is being opened
                pass
            if time.perf_counter() - began > _PATIENCE_S:
                sys.exit("search never answered")
            time.sleep(0.02)

    def _until_quiet(self) -> None:
        """Until hardly any CPU is used for longer than the service waits before it writes snapshots."""
        ends = time.perf_counter() + _PATIENCE_S
        while time.perf_counter() < ends:
            before = self._box.cpu_s()
            time.sleep(_QUIET_S)
            if self._box.cpu_s() - before < 0.05 * _QUIET_S:
                return

    def _search(self, asked: Asked, mode: str) -> Any:
        body = {"query": asked.query, "limit": 10, "mode": mode, "filters": asked.filters}
        return self._box.client.call("POST", "/v1/search", body)

    def _ask(self, mode: str, when: str, asked: Sequence[Asked] | None = None) -> None:
        """Every query once, as seen from outside."""
        took: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for number, query in enumerate([*self._asked[:10], *(asked or self._asked)]):
            began = time.perf_counter()
            self._search(query, mode)
            if number >= 10:  # the first ones warm up
                took[query.kind].append(1000 * (time.perf_counter() - began))
        everything = [time for times in took.values() for time in times]
        for share in (50, 95):
            value = float(np.percentile(everything, share))
            self._note(f"{mode} {when}, p{share}", value, "ms")
        self._say(
            f"    {mode} {when}: "
            + ", ".join(
                f"{kind} {statistics.median(times):.1f}/{np.percentile(times, 95):.1f}"
                for kind, times in took.items()
                if times
            )
        )

    def _ingest(self, count: int) -> float:
        """Seconds until so many new mails are found by word and by meaning."""
        self._box.drop(path for path, _ in zip(self._mails, range(count), strict=False))
        return self._box.wait()["found"]

    def _flooded(self) -> None:
        """Queries while mails come in without a pause."""
        before = self._box.client.call("GET", "/v1/status")["items"]
        flood = threading.Thread(target=self._ingest, args=(_FLOOD,))
        flood.start()
        time.sleep(2)
        for mode in ("hybrid", "keyword"):
            self._ask(mode, "while it ingests")
        if not flood.is_alive():
            self._say("    the mails were all in before the last query was answered")
        flood.join()
        assert self._box.client.call("GET", "/v1/status")["items"] != before

    def _delete(self) -> None:
        """A thousand documents, through the API."""
        doomed = [self._items.pop() for _ in range(min(_DELETED, len(self._items) // 2))]
        began = time.perf_counter()
        self._box.client.call("POST", "/v1/items/delete", {"items": doomed})
        self._note(f"deletion of {len(doomed)} documents", time.perf_counter() - began, "s")
        found = {hit["item"] for asked in self._asked for hit in self._search(asked, "hybrid")["hits"]}
        if found & set(doomed):
            sys.exit("something that was deleted is still found")

    # ------------------------------------------------------------------------------------------- the figures

    def _memory(self, when: str) -> None:
        """MiB of the core: of its own, and in files that lie in memory."""
        pid = next(pid for pid, name in self._box.processes() if name == "strong-core")
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith("Rss")}
        self._note(f"core, resident{when}", sum(sizes.values()), "MiB")
        self._note(f"core, of its own{when}", sizes["RssAnon"], "MiB")
        self._note(f"core, files in memory{when}", sizes["RssShmem"] + sizes["RssFile"], "MiB")

    def _note(self, what: str, value: float, unit: str) -> None:
        self.rows.append(Row(self._count, what, value, unit))
        self._say(f"{self._count:>9}  {what:<44} {value:10.3f} {unit}")

    def _say(self, line: str) -> None:
        print(f"{line}    (load {os.getloadavg()[0]:.1f})" if "p95" in line else line, flush=True)


def _stretches(rows: Iterator[tuple[int, bytes]]) -> Iterator[tuple[np.ndarray, Single]]:
    """Ids and vectors, many at once."""
    while some := list(itertools.islice(rows, 50_000)):
        vectors = np.frombuffer(b"".join(row for _, row in some), "<f2").reshape(len(some), -1)
        yield np.array([id for id, _ in some], np.int64), vectors.astype(np.float32)


if __name__ == "__main__":
    main()
