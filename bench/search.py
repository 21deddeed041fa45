"""Queries against many passages: the appliance through its API and the pipeline of `bench/peers.py` in this
process, by turns, the machine otherwise idle; then memory, and the CPU that the appliance uses at rest.

The passages are real ones, multiplied: each copy has some words exchanged for words of others and its vector
turned a little, so that both indexes hold distinct entries. Only the real ones are embedded; their copies
would take most of an hour. Both sides hold the same texts and vectors.

    python -m bench.search --mbox FILE.mbox.gz --passages 50000
"""

from __future__ import annotations

import argparse
import email
import email.policy
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from bench import corpus
from bench.box import Box
from bench.peers import DoItYourself
from index.chunk import chunk
from index.embed import SentenceEmbedder
from policy.limits import Limits
from policy.redact import Private
from store.records import Element, ElementKind, NewPassage, Origin, Reading
from store.vault import Vault

_PER_ITEM = 20  # passages of one synthetic document
_EXCHANGED = 0.15  # share of words
_TURNED = 0.35  # length of the noise added to a unit vector
_REST_S = 60
_SETTLE_S = 20


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    corpus.add_arguments(parser)
    parser.add_argument("--passages", type=int, default=50_000)
    parser.add_argument("--real", type=int, default=2_000, help="how many of them are embedded for real")
    parser.add_argument("--queries", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        workplace = Path(folder)
        texts = real_passages(corpus.gather(arguments, workplace / "files"), arguments.real)
        print(f"{len(texts)} real passages, multiplied to {arguments.passages}")
        box = Box(workplace / "box")
        box.make()
        pipeline = DoItYourself()
        fill(box, pipeline, texts, arguments.passages)
        with box.running():
            print(f"start with all of them, indexes rebuilt: {box.start_s:.1f} s")
            wait_until_idle(box)
            ask(box, pipeline, questions(texts, arguments.queries))
            rest(box)
        with box.running():
            print(f"start from snapshots: {box.start_s:.1f} s")


def real_passages(files: list[Path], count: int) -> list[str]:
    """Passages of the mails and plain texts among the files."""
    passages: list[str] = []
    for path in files:
        text = _plain(path)
        whole = Element(kind=ElementKind.PARAGRAPH, start=0, end=len(text))
        passages += [passage.text for passage in chunk(text, [whole])] if text.strip() else []
        if len(passages) >= count:
            break
    return passages[:count]


def _plain(path: Path) -> str:
    if path.suffix != ".eml":
        return path.read_text(encoding="utf-8", errors="replace") if path.suffix in {".txt", ".md"} else ""
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = message.get_body(("plain",))
    try:
        return str(body.get_content()) if body else ""
    except LookupError:  # an unknown character set
        return ""


def fill(box: Box, pipeline: DoItYourself, texts: list[str], count: int) -> None:
    """Put the same passages and vectors into the appliance's store and into the pipeline."""
    embedder = SentenceEmbedder()
    vectors = embedder.embed_passages(texts).astype(np.float32)
    secret = Private(box.key_file.read_bytes().strip())
    vault = Vault.open(box.home, secret, limits=Limits())
    try:
        for number, (some, turned) in enumerate(_multiply(texts, vectors, count)):
            _store(vault, embedder.identity, number, some, turned.astype("<f2"))
            pipeline.add(some, turned)
    finally:
        vault.close()


def _multiply(texts: list[str], vectors: np.ndarray, count: int) -> Iterator[tuple[list[str], np.ndarray]]:
    chance, noise = random.Random(1), np.random.default_rng(1)
    words = [word for text in texts for word in text.split()]
    for start in range(0, count, _PER_ITEM):
        numbers = [number % len(texts) for number in range(start, min(start + _PER_ITEM, count))]
        some = [
            " ".join(
                chance.choice(words) if chance.random() < _EXCHANGED else word
                for word in texts[number].split()
            )
            for number in numbers
        ]
        turn = noise.standard_normal((len(numbers), vectors.shape[1]), dtype=np.float32)
        turned = vectors[numbers] + turn * (_TURNED / np.sqrt(vectors.shape[1]))
        yield some, turned / np.linalg.norm(turned, axis=1, keepdims=True)


def _store(vault: Vault, model: str, number: int, texts: list[str], vectors: np.ndarray) -> None:
    text = "\n\n".join(texts)
    name = f"synthetic {number}.txt"
    with tempfile.TemporaryFile() as content:
        content.write(text.encode())
        content.seek(0)
        item = vault.put(content, Origin(source="upload", locator=name, name=name)).item
    passages, at = [], 0
    for part in texts:
        passages.append(NewPassage(start=at, end=at + len(part), text=part))
        at += len(part) + 2
    elements = tuple(
        Element(kind=ElementKind.PARAGRAPH, start=passage.start, end=passage.end) for passage in passages
    )
    vault.catalog.save_reading(item, Reading(media_type="text/plain", text=text, elements=elements))
    ids = vault.catalog.save_passages(item, passages)
    rows = list(zip(ids, (vector.tobytes() for vector in vectors), strict=True))
    vault.catalog.save_vectors(model, rows)


def questions(texts: list[str], count: int) -> list[str]:
    """Stretches of three to eight words of the real passages."""
    chance = random.Random(2)
    asked = []
    while len(asked) < count:
        words = [word for word in chance.choice(texts).split() if word.isalpha()]
        if len(words) > 10:
            start = chance.randrange(len(words) - 8)
            asked.append(" ".join(words[start : start + chance.randint(3, 8)]))
    return asked


def wait_until_idle(box: Box) -> None:
    """Until nothing is left to do: no state changes, and hardly any CPU is used."""
    box.wait()
    while True:
        before = box.cpu_s()
        time.sleep(_SETTLE_S)
        if box.cpu_s() - before < 0.05 * _SETTLE_S:
            return


def ask(box: Box, pipeline: DoItYourself, asked: list[str]) -> None:
    """Each question to both sides, by turns; prints what the answers took, seen from outside."""

    def search(mode: str) -> Callable[[str], object]:
        return lambda question: box.client.call(
            "POST", "/v1/search", {"query": question, "limit": 10, "mode": mode}
        )

    sides: dict[str, Callable[[str], object]] = {
        f"appliance, {mode}": search(mode) for mode in ("hybrid", "keyword", "semantic")
    }
    sides["do it yourself, by meaning"] = pipeline.search
    sides["strongroom search (a new process)"] = lambda question: box.command(
        "search", "--", *question.split()
    )
    took: dict[str, list[float]] = {name: [] for name in sides}
    for number, question in enumerate([*asked[:5], *asked]):  # the first ones warm up and are not counted
        for name, side in sides.items():
            if name.startswith("strongroom") and number % 10:
                continue
            began = time.perf_counter()
            side(question)
            if number >= 5:
                took[name].append(1000 * (time.perf_counter() - began))
    for name, times in took.items():
        print(f"{name}: p50 {statistics.median(times):.1f} ms, p95 {np.quantile(times, 0.95):.1f} ms")


def rest(box: Box) -> None:
    """Memory, and CPU of all processes over a minute in which nobody asks for anything."""
    print("memory: " + ", ".join(f"{role} {size:.0f} MiB" for role, size in box.memory().items()))
    time.sleep(2)
    before = box.cpu_s()
    time.sleep(_REST_S)
    used = box.cpu_s() - before
    print(f"at rest: {100 * used / _REST_S:.2f} % of one core over {_REST_S} s")


if __name__ == "__main__":
    main()
