"""What a GPU brings: passages embedded end to end by the service (from the catalog through the model process
into catalog and index), and how busy it was meanwhile; search by vectors on it beside the processor.

It needs torch and FAISS that are built for it: `faiss-gpu` in place of `faiss-cpu`, and a torch with CUDA.
Where there is none, this says so and measures the processor's side, at a small size. Passages and vectors
are made of real ones as for `bench.search` and `bench.vectors`.

    python -m bench.gpu --mbox FILE.mbox.gz --passages 1000000 10000000
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import faiss
import numpy as np

from bench import corpus, vectors
from bench.box import Box
from bench.made import Made, real_passages
from bench.queries import questions
from index.embed import GPU, SentenceEmbedder, device
from index.gpu import flat_on_gpu
from index.vectors import FaissIndex
from policy.limits import Limits
from policy.redact import Private
from store.vault import Vault

_SMI = "nvidia-smi"
_SAMPLE_MS = 200
_LOOK_S = 0.05
_PATIENCE_S = 1800.0
_ANOTHER_MODEL = "f" * 64  # whose vectors lie there already, so that all passages wait to be embedded
_BUSY_WANTED = 70  # percent


def main() -> None:
    """Say what there is, measure, print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    there = is_there()
    corpus.add_arguments(parser)
    sizes = [1_000_000, 10_000_000] if there else [10_000]
    parser.add_argument("--passages", type=int, nargs="+", default=sizes, help="that are searched")
    parser.add_argument("--embedded", type=int, default=100_000 if there else 300)
    parser.add_argument("--real", type=int, default=2_000 if there else 100, help="passages embedded before")
    parser.add_argument("--queries", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder:
        texts = real_passages(corpus.gather(arguments, Path(folder, "files")), arguments.real)
        embedder = SentenceEmbedder()
        real = embedder.embed_passages(texts).astype(np.float32)
        asked = np.stack([embedder.embed_query(text) for text in questions(texts, arguments.queries)])
        del embedder
        embed(Made(texts, real), arguments.embedded, Path(folder, "box"))
        for count in arguments.passages:
            search(vectors.Setting(real, asked, count))


def is_there() -> bool:
    """Whether this machine has an NVIDIA GPU; says so, and who can use it."""
    if shutil.which(_SMI) is None:
        print("there is no NVIDIA GPU on this machine: the processor's side alone is measured")
        return False
    told = subprocess.run(
        [_SMI, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
    )
    print(told.stdout.strip() or "the driver answers with no GPU")
    for name, able in (("torch", device() == GPU), ("FAISS", flat_on_gpu(faiss) is not None)):
        print(f"{name} {'computes on it' if able else 'cannot use it: the processor computes in its place'}")
    return told.returncode == 0 and bool(told.stdout.strip())


def embed(made: Made, count: int, workplace: Path) -> None:
    """Let the real service embed passages that it has in its catalog."""
    box = Box(workplace)
    box.make()
    vault = Vault.open(box.home, Private(box.key_file.read_bytes().strip()), limits=Limits(free_disk_bytes=0))
    try:
        made.store(vault, _ANOTHER_MODEL, 0, count)
    finally:
        vault.close()
    with box.running(), busy() as samples:
        _until(box, waiting=True)
        del samples[:]
        began = time.perf_counter()
        _until(box, waiting=False)
        took = time.perf_counter() - began
        each = list(samples)
    vectors.said("embedded end to end, passages a second", count / took, "")
    if each:
        share = statistics.mean(each)
        vectors.said(f"GPU busy meanwhile (wanted: {_BUSY_WANTED})", share, f"% of {len(each)} looks")


def _until(box: Box, *, waiting: bool) -> None:
    """Until passages wait to be embedded, or until none does."""
    deadline = time.perf_counter() + _PATIENCE_S
    while bool(box.client.call("GET", "/v1/status")["unembedded"]) is not waiting:
        if time.perf_counter() > deadline:
            raise TimeoutError("nothing is embedded")
        time.sleep(_LOOK_S)


@contextlib.contextmanager
def busy() -> Iterator[list[float]]:
    """How busy the GPU is, in percent, a number for each look; the list grows until the end of the block.

    It is the share of a look's time in which the GPU computed anything, as its driver has it (NVML,
    nvmlUtilization_t).
    """
    samples: list[float] = []
    if shutil.which(_SMI) is None:
        yield samples
        return
    command = [_SMI, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--id=0"]
    with subprocess.Popen(
        [*command, f"--loop-ms={_SAMPLE_MS}"], stdout=subprocess.PIPE, text=True, bufsize=1
    ) as looking:
        assert looking.stdout is not None
        reading = threading.Thread(target=_read, args=(looking.stdout, samples))
        reading.start()
        try:
            yield samples
        finally:
            looking.terminate()
            reading.join()


def _read(lines: Iterator[str], samples: list[float]) -> None:
    for line in lines:
        with contextlib.suppress(ValueError):  # "[N/A]", and complaints
            samples.append(float(line))


def search(setting: vectors.Setting) -> None:
    """One size: all compared by the processor, divided into cells, and all compared by the GPU."""
    print(f"\n{setting.passages:,} vectors around {len(setting.real):,} real ones", flush=True)
    index = FaissIndex(setting.real.shape[1])
    vectors.said("added, passages a second", setting.passages / vectors.fill(index, setting), "")
    truth: Sequence[set[int]] = setting.truth({"all": None})["all"]
    vectors.ask(index, setting, "processor, all compared", None, truth)
    if index.outgrown:
        vectors.timed("divided in", index.grow)
        vectors.ask(index, setting, f"processor, {index.cells} cells", None, truth)
    vectors.on_gpu(index, setting, truth)


if __name__ == "__main__":
    main()
