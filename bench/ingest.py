"""Ingest, end to end: the appliance with all its encryption and confinement, and the pipeline of
`bench/peers.py`, on the same files, by turns. Both are started and warm before the clock runs.

    python -m bench.ingest --docs FOLDER --mbox FILE.mbox.gz --mails 1000
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import corpus
from bench.box import Box

Json = dict[str, Any]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.ingest",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    corpus.add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=1, help="how often each takes its turn")
    parser.add_argument("--only", choices=["appliance", "peers"], help="leave the other one out")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        workplace = Path(folder)
        files = corpus.gather(arguments, workplace / "files")
        runs: dict[str, list[Json]] = {"peers": [], "appliance": []}
        for number in range(arguments.rounds):
            if arguments.only != "appliance":
                runs["peers"].append(peers(workplace / "files"))
            if arguments.only != "peers":
                runs["appliance"].append(appliance(workplace / f"box {number}", files))
    if arguments.json:
        json.dump(runs, sys.stdout, indent=2)
    else:
        tell(len(files), runs)


def peers(folder: Path) -> Json:
    """One run of the pipeline in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.peers", str(folder)],
        cwd=corpus.ROOT,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    run: Json = json.loads(done.stdout.splitlines()[-1])
    return run


def appliance(workplace: Path, files: list[Path]) -> Json:
    """One run of the appliance in a home of its own."""
    box = Box(workplace)
    box.make()
    with box.running():
        cpu = box.cpu_s()
        box.drop(files)
        run: Json = {f"{stage}_s": seconds for stage, seconds in box.wait().items()}
        run |= {"cpu_s": box.cpu_s() - cpu, "start_s": box.start_s, "peaks_mib": box.peaks}
        status = box.client.call("GET", "/v1/status")
        run |= {"items": status["items"], "reasons": status["reasons"], "egress": status["egress"]}
    run["home_mib"] = sum(path.stat().st_size for path in box.home.rglob("*") if path.is_file()) / 2**20
    return run


def tell(files: int, runs: dict[str, list[Json]]) -> None:
    """Print the figures of both, and the ratio."""
    print(f"{files} files, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for run in runs["peers"]:
        print(
            f"do it yourself: {run['ingest_s']:.1f} s (reading {run['read_s']:.1f}, embedding"
            f" {run['embed_s']:.1f}), {run['cpu_s']:.1f} s of CPU, {run['passages']} passages of"
            f" {run['chars'] // max(run['passages'], 1)} characters, {run['tokens']} tokens, of which"
            f" {run['tokens_lost']} do not fit the model's window and are lost, peak"
            f" {run['peak_mib']:.0f} MiB, start {run['start_s']:.1f} s, unread {run['unread']}"
        )
    for run in runs["appliance"]:
        print(
            f"appliance: {run['found_s']:.1f} s until all is found by meaning (read {run['read_s']:.1f},"
            f" enriched {run['enriched_s']:.1f}), {run['cpu_s']:.1f} s of CPU, start {run['start_s']:.1f} s,"
            f" home {run['home_mib']:.0f} MiB\n  items {run['items']}, quarantined {run['reasons']}\n  peaks "
            + ", ".join(f"{role} {size:.0f} MiB" for role, size in run["peaks_mib"].items())
        )
    if runs["peers"] and runs["appliance"]:
        theirs = sum(run["ingest_s"] for run in runs["peers"])
        ours = sum(run["found_s"] for run in runs["appliance"])
        print(f"ratio: the appliance is {theirs / ours:.2f} times as fast")


if __name__ == "__main__":
    main()
