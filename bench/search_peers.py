"""Search beside its peers, in one run and by turns:

- txtai: hybrid search with the same model over the same passages, and the way of the same texts into it;
- notmuch: search by word over the same mail, each query a call of its command, unencrypted.

The appliance is asked through its API, with all encryption and confinement on. What is many is made as
`bench.search` makes it; both sides hold the same texts and vectors.

    python -m bench.search_peers --mbox FILE.mbox.gz --passages 50000 --txtai PEERS/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from appliance.errors import RequestRefused
from bench import corpus
from bench.box import Box
from bench.made import PER_ITEM, Made, real_passages
from bench.mail import notmuch
from bench.queries import questions
from index.embed import SentenceEmbedder, embedded_folder
from policy.limits import Limits
from policy.redact import Private
from store.vault import Vault

_REAL = 1_000
_WARM = 5
_MODES = ("hybrid", "keyword")
_OPERATORS = frozenset(("and", "or", "not", "xor", "near", "adj"))  # of notmuch, in either case


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.search_peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mbox", type=Path, required=True, help="an mbox, may be .gz")
    parser.add_argument("--txtai", type=Path, required=True, help="an interpreter that has txtai")
    parser.add_argument("--passages", type=int, default=50_000)
    parser.add_argument("--ingested", type=int, default=1_000, help="passages that both sides embed")
    parser.add_argument("--mails", type=int, default=1_500, help="beside notmuch")
    parser.add_argument("--queries", type=int, default=200)
    arguments = parser.parse_args()
    mails = corpus.mails(arguments.mbox)
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        workplace = Path(folder)
        files = workplace / "files"
        files.mkdir()
        for number, mail in enumerate(mails):
            (files / f"{number:05}.eml").write_bytes(mail)
        texts = real_passages(sorted(files.iterdir()), _REAL)
        beside_txtai(workplace, texts, arguments)
        beside_notmuch(workplace, mails[: arguments.mails], questions(texts, arguments.queries))


def beside_txtai(workplace: Path, texts: Sequence[str], arguments: argparse.Namespace) -> None:
    """The same passages and vectors on both sides."""
    embedder = SentenceEmbedder()
    made = Made(texts, embedder.embed_passages(texts).astype(np.float32))
    many = [passage for _, some, _ in made.documents(0, arguments.passages) for passage in some]
    (workplace / "texts.json").write_text(json.dumps(many))
    vectors = np.concatenate([rows for _, _, rows in made.documents(0, arguments.passages)])
    np.save(workplace / "vectors.npy", vectors)
    box = Box(workplace / "box")
    box.make()
    secret = Private(box.key_file.read_bytes().strip())
    vault = Vault.open(box.home, secret, limits=Limits(free_disk_bytes=0))
    try:
        made.store(vault, embedder.identity, 0, arguments.passages)
    finally:
        vault.close()
    given = (embedded_folder(), workplace / "texts.json", workplace / "vectors.npy", arguments.ingested)
    command = [str(arguments.txtai), "-m", "bench.txtai_peer", *map(str, given)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
        theirs = _told(peer)["ingest_s"]
        assert _told(peer)["passages"] == arguments.passages
        with box.running():
            _wait(box)
            _by_turns(
                {
                    **{f"appliance, {mode}": _through(box, mode) for mode in _MODES},
                    "txtai, hybrid": lambda query: float(_ask(peer, query)["ms"]),
                },
                questions(texts, arguments.queries),
            )
        assert peer.stdin is not None
        peer.stdin.close()
    ours = _ingest(workplace / "fresh", many[: arguments.ingested])
    print(
        f"{arguments.ingested} passages taken in: appliance {ours:.1f} s, txtai {theirs:.1f} s,"
        f" ratio {theirs / ours:.2f}"
    )


def beside_notmuch(workplace: Path, mails: Sequence[bytes], asked: Sequence[str]) -> None:
    """The same mail on both sides, by word."""
    maildir = workplace / "maildir"
    for part in ("cur", "new", "tmp"):
        (maildir / part).mkdir(parents=True)
    for number, mail in enumerate(mails):
        (maildir / "cur" / f"{number}:2,S").write_bytes(mail)
    notmuch(workplace / "notmuch", maildir)
    environment = os.environ | {"NOTMUCH_CONFIG": str(workplace / "notmuch" / "config")}

    def theirs(query: str) -> float:
        words = " ".join(word for word in query.split() if word.lower() not in _OPERATORS)
        began = time.perf_counter()
        command = ["notmuch", "search", "--output=messages", "--limit=10", words]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        return 1000 * (time.perf_counter() - began)

    box = Box(workplace / "mail")
    box.make()
    with box.running():
        box.drop(maildir.joinpath("cur").iterdir())
        box.wait()
        _by_turns({"appliance, keyword": _through(box, "keyword"), "notmuch, its command": theirs}, asked)


def _ingest(home: Path, passages: Sequence[str]) -> float:
    """Seconds from the drop of the texts, as documents, until all are found by word and by meaning."""
    box = Box(home)
    box.make()
    documents = home.parent / "documents"
    documents.mkdir()
    for start in range(0, len(passages), PER_ITEM):
        text = "\n\n".join(passages[start : start + PER_ITEM])
        (documents / f"{start}.txt").write_text(text)
    with box.running():
        box.drop(sorted(documents.iterdir()))
        return box.wait()["found"]


def _through(box: Box, mode: str) -> Callable[[str], float]:
    def search(query: str) -> float:
        began = time.perf_counter()
        box.client.call("POST", "/v1/search", {"query": query, "limit": 10, "mode": mode})
        return 1000 * (time.perf_counter() - began)

    return search


def _by_turns(sides: dict[str, Callable[[str], float]], asked: Sequence[str]) -> None:
    took: dict[str, list[float]] = {name: [] for name in sides}
    for number, query in enumerate([*asked[:_WARM], *asked]):
        for name, search in sides.items():
            ms = search(query)
            if number >= _WARM:
                took[name].append(ms)
    for name, times in took.items():
        p95 = np.percentile(times, 95)
        print(
            f"{name}: p50 {statistics.median(times):.1f} ms, p95 {p95:.1f} ms (load {os.getloadavg()[0]:.1f})"
        )


def _wait(box: Box) -> None:
    """Until both indexes answer."""
    question = {"query": "what was the question", "limit": 1}
    while True:
        try:
            if not box.client.call("POST", "/v1/search", question)["degraded"]:
                return
        except RequestRefused:  # its index is being opened
            pass
        time.sleep(0.1)


def _ask(peer: subprocess.Popen[str], query: str) -> Any:
    assert peer.stdin is not None
    peer.stdin.write(json.dumps(query) + "\n")
    peer.stdin.flush()
    return _told(peer)


def _told(peer: subprocess.Popen[str]) -> Any:
    assert peer.stdout is not None
    line = peer.stdout.readline()
    return json.loads(line) if line else sys.exit("txtai's process ended")


if __name__ == "__main__":
    main()
