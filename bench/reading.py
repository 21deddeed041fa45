"""Reading, measured: through the real parser pool and back, nothing stored.

    python -m bench.reading --all FOLDER…                       what becomes of every file, and of those in it
    python -m bench.reading --truth FOLDER --peers PYTHON       how much of a known text is read
    python -m bench.reading --scans FOLDER…                     the same of pages drawn as a scanner sees them
    python -m bench.reading --speed FOLDER… --peers PYTHON      seconds, by turns, of files that both read
    python -m bench.reading --pages 1000                        one long PDF

PYTHON is an interpreter that has unstructured and markitdown; without it ours are the only figures. Nothing
of what is read is printed but the names of files, except where --losses says where to.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench import reading_made
from bench.reading_ours import Ours, Result
from bench.reading_peers import NAMES, Peers
from bench.reading_truth import Score, Truth, Words, differences, mean, score, truths, words

_DEPTH = 5
_SLOWEST = 15
_UNREAD = Score(0, 0)
_WHO = {(True, False): "only ours", (False, True): "only theirs", (False, False): "neither"}

Scores = dict[str, Score | None]  # by who read; None: nothing was read


class Turn(NamedTuple):
    """What reading one file once took each side."""

    ours_s: float
    our_cpu_s: float
    theirs_s: float
    their_cpu_s: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.reading",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--all", type=Path, nargs="+", metavar="FOLDER", help="what becomes of every file")
    parser.add_argument("--truth", type=Path, metavar="FOLDER", help="documents with their text beside them")
    parser.add_argument("--scans", type=Path, nargs="+", metavar="FOLDER", help="PDFs to make scans of")
    parser.add_argument("--speed", type=Path, nargs="+", metavar="FOLDER", help="files to read by turns")
    parser.add_argument("--pages", type=int, help="read a PDF of so many pages")
    parser.add_argument("--peers", type=Path, metavar="PYTHON", help="whose unstructured and markitdown")
    parser.add_argument("--only", metavar="FORMAT", help="only the files that end so, or that row of --truth")
    parser.add_argument("--workers", type=int, default=2, help="of the pool, for --all (default: 2)")
    parser.add_argument("--rounds", type=int, default=1, help="of --speed (default: 1)")
    parser.add_argument("--count", type=int, default=30, help="of --scans (default: 30)")
    parser.add_argument("--no-ocr", action="store_true", help="with --all, leave pictures unread")
    parser.add_argument("--losses", type=Path, help="with --truth, write there which words differ")
    arguments = parser.parse_args()
    bad = False
    if arguments.speed and not arguments.peers:
        parser.error("--speed needs --peers")
    with ExitStack() as stack:
        peers = stack.enter_context(Peers(arguments.peers)) if arguments.peers else None
        if arguments.all:
            files = gather(arguments.all, arguments.only)
            bad |= outcomes(files, arguments.workers, ocr=not arguments.no_ocr)
        if arguments.truth:
            truth(truths(arguments.truth, arguments.only), peers, arguments.losses)
        if arguments.scans:
            scans(gather(arguments.scans, "pdf"), arguments.count)
        if arguments.speed and peers:
            speed(gather(arguments.speed, arguments.only), peers, arguments.rounds)
        if arguments.pages:
            long_document(arguments.pages)
    sys.exit(bad)


def gather(folders: Iterable[Path], only: str | None = None) -> list[Path]:
    """The files below the folders, in one order."""
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [path for path in files if only is None or path.suffix.lower() == f".{only}"]


def outcomes(files: Sequence[Path], workers: int, *, ocr: bool) -> bool:
    """Read every file and every file in it; print what became of them. True where something is not as it must
    be: a worker died, or nobody knows why a file could not be read.
    """
    began = time.perf_counter()
    with Ours(workers) as ours, ThreadPoolExecutor(workers) as threads:
        found = list(threads.map(lambda path: _with_children(ours, path, ocr), files))
    top = [results[0] for results in found]
    everything = [result for results in found for result in results]
    print(f"{len(top)} files and {len(everything) - len(top)} in them, {time.perf_counter() - began:.0f} s")
    print(f"{workers} workers, the largest {ours.peak_rss >> 20} MiB, over {ours.peak_name}")
    _print_outcomes(top)
    _print_counts("not read", [r for r in top if r.reading is None])
    _print_counts("partly read", [r for r in top if r.ended == "partly"])
    print(f"\nslowest {_SLOWEST}:")
    for result in sorted(everything, key=lambda result: -result.seconds)[:_SLOWEST]:
        first = f"(without pictures {result.first_s:.2f} s)"
        print(f"  {result.seconds:7.2f} s {first:30} {result.kind:6} {result.ended:10} {result.name}")
    for title, bad in (
        ("over which a worker died", [r for r in everything if r.crashed]),
        ("that failed for a reason nobody knows", [r for r in everything if r.unclassified]),
        ("that took too long", [r for r in everything if r.ended == "TIMEOUT"]),
    ):
        print(f"\n{len(bad)} {title}")
        for result in bad:
            print(f"  {result.ended:12} {result.kind:6} {result.name}: {result.detail}")
    return any(result.crashed or result.unclassified for result in everything)


def truth(known: Sequence[Truth], peers: Peers | None, losses: Path | None) -> None:
    """Recall and precision of each row, of ours and of the peers; a document that is not read counts as 0."""
    names = ("ours", *(NAMES if peers else ()))
    rows: dict[str, list[Scores]] = defaultdict(list)
    means: dict[str, set[str]] = {"mean of born-digital rows": set(), "mean of scans": set()}
    notes: list[str] = []
    with Ours(1) as ours:
        for document in known:
            read = {"ours": words(ours.read(document.source.name, document.source.read_bytes()).text)}
            if peers:
                read |= {name: words(peers.read(name, document.source, ocr=True).text) for name in NAMES}
            scores = {name: score(document.words, read[name]) if read[name] else None for name in names}
            kind = document.kind if document.vouched else f"({document.kind}, one engine)"
            rows[kind].append(scores)
            if document.vouched:
                means["mean of scans" if document.scan else "mean of born-digital rows"].add(kind)
            notes += _differences(document, read, scores)
    print(f"\n{'recall / precision':26} {'n':>3} " + "".join(f"{name:>26}" for name in names))
    for kind, documents in sorted(rows.items()):
        _print_scores(kind, len(documents), [[row[name] for row in documents] for name in names])
    for title, kinds in means.items():
        columns = [[mean([row[name] or _UNREAD for row in rows[kind]]) for kind in kinds] for name in names]
        _print_scores(title, len(kinds), columns)
    if losses:
        losses.write_text("\n".join(notes) + "\n")


def scans(pdfs: Sequence[Path], count: int) -> None:
    """Recall and precision of text recognition, by resolution."""
    found: dict[int, list[Score]] = defaultdict(list)
    seconds: dict[int, list[float]] = defaultdict(list)
    poor = []
    with Ours(1) as ours:
        for scan in reading_made.scans(pdfs, count):
            result = ours.read("scan.jpg", scan.picture)
            got = score(scan.words, words(result.text))
            found[scan.dpi].append(got)
            seconds[scan.dpi].append(result.seconds)
            if got.recall < 0.9:
                poor.append(f"  {got.recall:.3f} {got.precision:.3f} {scan.dpi} dpi {scan.name}")
    print(f"\n{'scans':8} {'n':>3} {'recall':>8} {'precision':>10} {'seconds a page':>15}")
    for dpi, scores in sorted(found.items()):
        average = mean(scores)
        print(
            f"{dpi:4} dpi {len(scores):3} {average.recall:8.3f} {average.precision:10.3f}"
            f" {statistics.mean(seconds[dpi]):15.2f}"
        )
    print("\n".join(["of less than 0.9:", *poor]))


def speed(files: Sequence[Path], peers: Peers, rounds: int) -> None:
    """Seconds of reading without text recognition, file by file and by turns, of the files that both read."""
    turns: dict[Path, list[Turn]] = defaultdict(list)
    only: dict[str, list[Path]] = defaultdict(list)
    kinds: dict[Path, str] = {}
    with Ours(1) as ours:
        _warm(files, ours, peers)
        for number in range(rounds):
            for path in files if number == 0 else turns:
                content, cpu_s = path.read_bytes(), ours.cpu_s()
                result = ours.read(path.name, content, ocr=False)
                cpu_s = ours.cpu_s() - cpu_s
                answer = peers.read("unstructured", path)
                who = (bool(result.text), bool(answer.text.strip()))
                if all(who):
                    turns[path].append(Turn(result.first_s, cpu_s, answer.seconds, answer.cpu_s))
                    kinds[path] = result.kind
                elif number == 0:
                    only[_WHO[who]].append(path)
    by_kind: dict[str, list[Turn]] = defaultdict(list)
    for path, measured in turns.items():
        by_kind[kinds[path]] += measured
    everything = [turn for measured in turns.values() for turn in measured]
    print(
        f"\n{len(files)} files; both read {len(turns)}; "
        + ", ".join(f"{w} {len(p)}" for w, p in only.items())
    )
    print(f"{'':6} {'n':>4} {'ours s':>9} {'theirs s':>9} {'ratio':>7} {'median':>7} {'of CPU':>7}")
    for kind, measured in [*sorted(by_kind.items()), ("all", everything)]:
        _print_turns(kind, measured)
    print(f"ours with two workers: {_together(list(turns), 2):.2f} s a round")
    slowest = sorted(turns, key=lambda path: -sum(turn.ours_s for turn in turns[path]))[:_SLOWEST]
    print("slowest of ours, and theirs:")
    for path in slowest:
        print(f"  {turns[path][0].ours_s:7.3f} {turns[path][0].theirs_s:7.3f} {path}")
    print("\n".join([f"read by unstructured only: {path}" for path in only["only theirs"]]))


def long_document(pages: int) -> None:
    """One long PDF: seconds and the worker's memory."""
    content = reading_made.long_pdf(pages)
    with Ours(1) as ours:
        ours.read("short.pdf", reading_made.long_pdf(1))
        told: list[int] = []
        result = ours.read("long.pdf", content, tell=lambda done, total: told.append(done))
        peak = ours.peak_rss >> 20
    print(f"\n{pages} pages: {result.ended} in {result.seconds:.2f} s, worker's peak {peak} MiB, {told=}")


def _together(files: Sequence[Path], workers: int) -> float:
    """Seconds for all files by several workers at once."""
    contents = [(path.name, path.read_bytes()) for path in files]
    with Ours(workers) as ours, ThreadPoolExecutor(workers) as threads:
        began = time.perf_counter()
        list(threads.map(lambda file: ours.read(*file, ocr=False), contents))
        return time.perf_counter() - began


def _warm(files: Sequence[Path], ours: Ours, peers: Peers) -> None:
    """The first file of each ending, untimed."""
    for path in {path.suffix.lower(): path for path in reversed(files)}.values():
        ours.read(path.name, path.read_bytes(), ocr=False)
        peers.read("unstructured", path)


def _print_turns(kind: str, turns: Sequence[Turn]) -> None:
    ours_s, theirs_s = sum(turn.ours_s for turn in turns), sum(turn.theirs_s for turn in turns)
    cpu = sum(turn.our_cpu_s for turn in turns) / max(sum(turn.their_cpu_s for turn in turns), 0.01)
    median = statistics.median(turn.ours_s / turn.theirs_s for turn in turns)
    ratio = ours_s / theirs_s
    print(f"{kind:6} {len(turns):4} {ours_s:9.3f} {theirs_s:9.3f} {ratio:7.3f} {median:7.3f} {cpu:7.3f}")


def _differences(document: Truth, read: dict[str, Words], scores: Scores) -> list[str]:
    """What differs from the truth, for each who read a document."""
    notes = [f"\n{document.kind} {document.source}: {document.words.total()} words"]
    for name, found in scores.items():
        if found is None:
            notes.append(f"  {name}: nothing")
            continue
        missing, extra = differences(document.words, read[name])
        notes.append(f"  {name}: recall {found.recall:.3f} precision {found.precision:.3f}")
        notes += [f"    missing {missing}", f"    extra   {extra}"]
    return notes


def _print_scores(title: str, count: int, columns: Sequence[Sequence[Score | None]]) -> None:
    cells = []
    for scores in columns:
        read = [found for found in scores if found is not None]
        average = mean([found or _UNREAD for found in scores])
        unread = f" ({len(scores) - len(read)} unread)" if len(read) < len(scores) else ""
        cells.append(f"{average.recall:.3f} / {average.precision:.3f}{unread}" if read else "none read")
    print(f"{title:26} {count:3} " + "".join(f"{cell:>26}" for cell in cells))


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
        by_kind["other" if result.kind.startswith("?") else result.kind][result.ended] += 1
        by_kind["~ all"][result.ended] += 1
    columns = ["read", "partly", "children"]
    columns += sorted(by_kind["~ all"].keys() - set(columns))
    print(f"\n{'format':10}" + "".join(f"{column[:14]:>15}" for column in columns))
    for kind, counts in sorted(by_kind.items()):
        print(f"{kind:10}" + "".join(f"{counts[column] or '':>15}" for column in columns))


def _print_counts(title: str, results: Iterable[Result]) -> None:
    print(f"\n{title}:")
    groups: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for result in results:
        groups[result.ended, result.detail][result.kind] += 1
    for (ended, detail), kinds in sorted(groups.items()):
        listed = ", ".join(f"{kind.lstrip('?') or '(none)'} {count}" for kind, count in sorted(kinds.items()))
        print(f"  {ended:15} {kinds.total():4}  {detail}  [{listed}]")


if __name__ == "__main__":
    main()
