"""What confinement and encryption cost: the same appliance with both, with either and with neither (see
`bare.py`), all running at once and each taking its turn, so that what else the machine does meets all alike.

    python -m bench.protection --docs FOLDER --mbox FILE.mbox.gz --mails 1000
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import corpus
from bench.bare import CONFINEMENT, ENCRYPTION
from bench.box import Box
from bench.made import real_passages
from bench.queries import questions

_WITHOUT = {
    "neither": (CONFINEMENT, ENCRYPTION),
    "confinement": (ENCRYPTION,),
    "encryption": (CONFINEMENT,),
    "both": (),
}
_REAL = 500  # passages that questions are taken from
_WARMING = 5  # questions that are not counted
_REST_S = 25  # longer than the indexes wait before they write a snapshot

Boxes = dict[str, Box]
Figures = dict[str, list[float]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.protection",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    corpus.add_arguments(parser)
    parser.add_argument("--batches", type=int, default=10, help="in how many turns the files are taken in")
    parser.add_argument("--queries", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder, contextlib.ExitStack() as running:
        workplace = Path(folder)
        files = corpus.gather(arguments, workplace / "files")
        boxes = {side: Box(workplace / side, without) for side, without in _WITHOUT.items()}
        for box in boxes.values():
            box.make()
            running.enter_context(box.running())
        for side, box in boxes.items():
            assert in_force(box) == (set(_WITHOUT["neither"]) - set(_WITHOUT[side])), side
        print(f"{len(files)} files, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        ingest(boxes, [files[start :: arguments.batches] for start in range(arguments.batches)])
        ask(boxes, questions(real_passages(files, _REAL), arguments.queries))


def in_force(box: Box) -> set[str]:
    """What protects a running box, as its processes and its catalog show."""
    found = set()
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid, role in box.processes() if role != "guard"]
    if any("Seccomp:\t2" in status for status in statuses):
        found.add(CONFINEMENT)
    if not (box.home / "catalog.db").read_bytes().startswith(b"SQLite format 3\0"):
        found.add(ENCRYPTION)
    return found


def ingest(boxes: Boxes, batches: Sequence[Sequence[Path]]) -> None:
    """Each batch to each side in turn; the first one warms up and is not counted."""
    took: Figures = {side: [] for side in boxes}
    used: Figures = {side: [] for side in boxes}
    began: dict[str, float] = {}
    for number, batch in enumerate(batches):
        for side in _turned(list(boxes), number):
            box = boxes[side]
            before = box.cpu_s()
            began.setdefault(side, before)
            box.drop(batch)
            took[side].append(box.wait()["found"])
            used[side].append(box.cpu_s() - before)
    time.sleep(_REST_S)
    states = [box.client.call("GET", "/v1/status")["items"] for box in boxes.values()]
    if any(state != states[0] for state in states):
        sys.exit(f"not the same was done: {dict(zip(boxes, states, strict=True))}")
    print(f"items {states[0]}")
    _compare("seconds until found by meaning", {side: times[1:] for side, times in took.items()})
    _compare("CPU seconds until all is done", {side: times[1:] for side, times in used.items()})
    _compare(
        "CPU seconds with the snapshots", {side: [box.cpu_s() - began[side]] for side, box in boxes.items()}
    )


def ask(boxes: Boxes, asked: Sequence[str]) -> None:
    """Each question to each side in turn; prints what the answers took, seen from outside."""
    for mode in ("hybrid", "keyword"):
        took: Figures = {side: [] for side in boxes}
        for number, question in enumerate([*asked[:_WARMING], *asked]):
            for side in _turned(list(boxes), number):
                began = time.perf_counter()
                boxes[side].client.call("POST", "/v1/search", {"query": question, "limit": 10, "mode": mode})
                if number >= _WARMING:
                    took[side].append(1000 * (time.perf_counter() - began))
        print(f"query, {mode}: neither p50 {statistics.median(took['neither']):.2f} ms")
        for side, times in took.items():
            if side != "neither":
                more = [mine - bare for mine, bare in zip(times, took["neither"], strict=True)]
                print(f"  {side}: p50 {statistics.median(times):.2f} ms, {statistics.median(more):+.2f} ms")


def _turned(sides: list[str], number: int) -> Iterator[str]:
    """Every side is as often first as last, and as often after each of the others."""
    at = number % len(sides)
    order = sides[at:] + sides[:at]
    return iter(order if number // len(sides) % 2 == 0 else order[::-1])


def _compare(what: str, figures: Figures) -> None:
    """Sums, their ratios to the bare side, and the median of the ratios turn by turn."""
    bare = figures["neither"]
    print(f"{what}: neither {sum(bare):.2f}")
    for side, values in figures.items():
        if side != "neither":
            turns = [mine / other for mine, other in zip(values, bare, strict=True)]
            print(
                f"  {side}: {sum(values):.2f}, {100 * (sum(values) / sum(bare) - 1):+.1f} %"
                f" (median of the turns {100 * (statistics.median(turns) - 1):+.1f} %)"
            )


if __name__ == "__main__":
    main()
