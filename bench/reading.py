"""Reading, measured: through the real parser pool and back, nothing stored.

    python -m bench.reading --all FOLDER…     what became of every file, and of every file in it

Whatever is measured is read from the folders that are given; nothing of them is printed but names of files.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.reading_ours import Ours, Result

_DEPTH = 5
_SLOWEST = 15


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.reading",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--all", type=Path, nargs="+", metavar="FOLDER", help="what becomes of every file")
    parser.add_argument("--only", metavar="FORMAT", help="of the files only those that end so")
    parser.add_argument("--workers", type=int, default=2, help="of the pool, for --all (default: 2)")
    parser.add_argument("--no-ocr", action="store_true", help="leave pages that are pictures unread")
    arguments = parser.parse_args()
    if arguments.all:
        files = gather(arguments.all, arguments.only)
        sys.exit(outcomes(files, arguments.workers, ocr=not arguments.no_ocr))


def gather(folders: Iterable[Path], only: str | None = None) -> list[Path]:
    """The files below the folders, in one order."""
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [path for path in files if only is None or path.suffix.lower() == f".{only}"]


def outcomes(files: Sequence[Path], workers: int, *, ocr: bool) -> int:
    """Read every file and every file in it; print what became of them. 1 where something is not as it must
    be: a worker died, or nobody knows why a file could not be read.
    """
    began = time.perf_counter()
    with Ours(workers) as ours, ThreadPoolExecutor(workers) as threads:
        tops = list(threads.map(lambda path: _with_children(ours, path, ocr), files))
        seconds = time.perf_counter() - began
    top = [found[0] for found in tops]
    inner = [result for found in tops for result in found[1:]]
    everything = top + inner
    print(f"{len(top)} files and {len(inner)} in them, {seconds:.0f} s, {workers} workers")
    print(f"largest worker {ours.peak_rss >> 20} MiB, after {ours.peak_name}")
    _print_outcomes(top)
    reasons = [result for result in top if result.reading is None]
    print("\nnot read:")
    for (kind, ended, detail), count in sorted(Counter((r.kind, r.ended, r.detail) for r in reasons).items()):
        print(f"  {kind:8} {ended:15} {count:4}  {detail}")
    print("\npartly read:")
    for (kind, detail), count in sorted(
        Counter((r.kind, r.detail) for r in top if r.ended == "partly").items()
    ):
        print(f"  {kind:8} {count:4}  {detail[:140]}")
    print(f"\nslowest {_SLOWEST}:")
    for result in sorted(everything, key=lambda result: -result.seconds)[:_SLOWEST]:
        print(f"  {result.seconds:7.2f} s  {result.kind:6} {result.ended:10} {result.name}")
    bad = [r for r in everything if r.unclassified or r.ended in ("CRASH", "POOL", "TIMEOUT")]
    print(f"\n{len(bad)} that crashed, ran out of time or failed for a reason nobody knows:")
    for result in bad:
        print(f"  {result.ended:12} {result.kind:6} {result.name}: {result.detail}")
    return 1 if bad else 0


def _with_children(ours: Ours, path: Path, ocr: bool) -> list[Result]:
    """What became of a file and of all in it."""
    waiting = [(str(path), path.name, path.read_bytes(), 0)]
    results = []
    while waiting:
        shown, name, content, depth = waiting.pop(0)
        result = ours.read(name, content, ocr=ocr)
        for child_name, child in result.children if depth < _DEPTH else ():
            waiting.append((f"{shown} › {child_name}", child_name, child, depth + 1))
        results.append(result.shown_as(shown))
    return results


def _print_outcomes(results: Sequence[Result]) -> None:
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        by_kind[result.kind][result.ended] += 1
    columns = ["read", "partly", "children"]
    columns += sorted({result.ended for result in results} - set(columns))
    print(f"\n{'format':10}" + "".join(f"{column[:12]:>13}" for column in columns))
    for kind, counts in sorted(by_kind.items()):
        print(f"{kind:10}" + "".join(f"{counts[column] or '':>13}" for column in columns))
    total = Counter(result.ended for result in results)
    print(f"{'all':10}" + "".join(f"{total[column]:>13}" for column in columns))


if __name__ == "__main__":
    main()
