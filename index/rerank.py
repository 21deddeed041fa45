"""Reading a question and a passage together: what a cross-encoder of the owner's must be, and the real model,
which runs in the model process.

The core's client of that process is `index/model.py`; what a score counts for is said in `index/fuse.py`.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
import numpy as np
from msgspec import Meta

from index.embed import CPU, GPU, OFFLINE, WEIGHTS, Single, device
from index.errors import ModelRejected, RerankerDown
from policy.limits import MIB

MOST = 20  # passages that are read for one query, the first ones
CHARS = 800  # of each: a passage has about 1,000, and what it is about stands in front
QUESTION_CHARS = 400
SECONDS = 2.0  # that somebody waits for it; a model of 22 million parameters takes 1.5 s of one core

_CONFIG, _MODULES = "config.json", "modules.json"
_CONFIG_BYTES = 4 * MIB
_HEADER_BYTES = 100 * MIB  # of safetensors, as its library has it
_NUMBER = 4  # bytes: it computes in single precision
_WORK = 256 * MIB  # of computing, beside the weights
_PASS = {CPU: 5, GPU: MOST}  # pairs at most: after each the clock is looked at
_SAMPLE = ("Who pays?", ("The buyer pays on Friday.", "A tower."))


class Reranker(Protocol):
    """Says how well passages answer a question. Thread-safe."""

    def scores(self, question: str, passages: Sequence[str]) -> Sequence[float]:
        """One for each passage, the higher the better; of what scale is the model's affair.

        Raises:
            RerankerDown: it is away or slow, or cannot be used. Nobody waits longer than `SECONDS` for that.
        """
        ...


class _Config(msgspec.Struct):
    """What is read of a model's `config.json`, which has more."""

    architectures: tuple[str, ...] | None = None
    auto_map: dict[str, msgspec.Raw] | None = None
    id2label: dict[str, msgspec.Raw] | None = None
    num_labels: int | None = None

    @property
    def labels(self) -> int:
        """As transformers counts them."""
        return len(self.id2label) if self.id2label is not None else self.num_labels or 2


class _Tensor(msgspec.Struct):
    """An entry of the header of safetensors (huggingface.co/docs/safetensors)."""

    shape: tuple[Annotated[int, Meta(ge=0)], ...]
    data_offsets: tuple[Annotated[int, Meta(ge=0)], Annotated[int, Meta(ge=0)]]


def check_reranker(folder: Path, room: int | None) -> None:
    """Look at a cross-encoder before anything of it is loaded.

    Args:
        room: bytes of memory that it may take; None: not known.

    Raises:
        ModelRejected: it is of another kind, its weights are not whole or only there as a program, or it does
            not fit.
    """
    with _readable(folder):
        config = msgspec.json.decode(_bytes(folder / _CONFIG, _CONFIG_BYTES), type=_Config)
        modules = folder / _MODULES
        parts = msgspec.json.decode(_bytes(modules, _CONFIG_BYTES), type=list) if modules.exists() else []
    kinds = config.architectures or ()
    if not kinds or not all(kind.endswith("ForSequenceClassification") for kind in kinds) or len(parts) > 1:
        raise _rejected(folder, "it classifies no sequences", "name the folder of a cross-encoder")
    if config.labels != 1:
        raise _rejected(folder, f"it has {config.labels} labels and not one", "bring one made for ranking")
    if config.auto_map:
        raise _rejected(folder, "it needs code of its own, which is never run", "bring another model")
    need = _parameters(folder) * _NUMBER + _WORK
    if room is not None and need > room:
        told = f"it needs {need // MIB} MiB, and {max(0, room) // MIB} MiB can be spared"
        raise _rejected(folder, told, "bring a smaller model, or free some memory, and restart the service")


def _parameters(folder: Path) -> int:
    """How many numbers the weights are, if their file is as long as it says."""
    weights = folder / WEIGHTS
    with _readable(folder):
        if not weights.exists() and any(folder.glob("*.bin")):
            why = f"its weights are a program (pickle), and there is no {WEIGHTS}"
            raise _rejected(folder, why, "convert them to safetensors")
        with open(weights, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = msgspec.json.decode(file.read(min(length, _HEADER_BYTES)), type=dict[str, msgspec.Raw])
            size = os.fstat(file.fileno()).st_size
        header.pop("__metadata__", None)
        tensors = [msgspec.json.decode(raw, type=_Tensor) for raw in header.values()]
    told = 8 + length + max((tensor.data_offsets[1] for tensor in tensors), default=0)
    if size != told:
        raise _rejected(folder, f"its {WEIGHTS} has {size} of {told} bytes", "fetch it again")
    return sum(math.prod(tensor.shape) for tensor in tensors)


def _bytes(path: Path, most: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(most)


@contextlib.contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = f"its files cannot be read: {error.strerror}"
        raise _rejected(folder, why, "name the folder of a cross-encoder") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _rejected(folder, "its description is damaged", "fetch it again") from error


def _rejected(folder: Path, what: str, remedy: str) -> ModelRejected:
    return ModelRejected(f"the cross-encoder cannot be used: {what}", item=str(folder), remedy=remedy)


class CrossReranker:
    """A cross-encoder from a local folder. One call at a time.

    On a processor each pass runs on one core, and as many side by side as there are cores: a product that is
    shared between cores waits for each of them (docs/adr/0004).

    Args:
        room: see `check_reranker`.

    Raises:
        ModelRejected: see `check_reranker`; or the library cannot load it, or it computes no numbers.
    """

    def __init__(self, folder: Path, room: int | None = None) -> None:
        check_reranker(folder, room)
        os.environ.update(OFFLINE)
        with _foreign(folder, "sentence-transformers cannot load it"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the libraries' own deprecations
            import torch
            from sentence_transformers import CrossEncoder
            from transformers.utils import logging as library_log

            library_log.disable_progress_bar()  # type: ignore[no-untyped-call]
            self._where = device()
            self._model = CrossEncoder(
                str(folder),
                device=self._where,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True, "dtype": torch.float32},
            ).eval()
        there = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
        self._count = there if self._where == CPU else 1
        one_core = partial(torch.set_num_threads, 1)
        self._cores = ThreadPoolExecutor(self._count, "rerank", initializer=one_core)
        self._turn = threading.Lock()  # the library's tokenizer serves one thread at a time
        with _foreign(folder, "it cannot read a sentence"):
            self.scores(*_SAMPLE, seconds=60.0)

    def scores(self, question: str, passages: Sequence[str], seconds: float) -> Single:
        """One for each passage: what the model says before any scale is put on it.

        Raises:
            RerankerDown: not all of them within the time, or the model fails on them.
        """
        until = time.monotonic() + seconds
        order = sorted(range(len(passages)), key=lambda number: -len(passages[number]))
        step = max(1, min(_PASS[self._where], math.ceil(len(passages) / self._count)))
        passes = [order[start : start + step] for start in range(0, len(order), step)]
        scores: Single = np.full(len(passages), np.nan, np.float32)

        def run(rows: list[int]) -> bool:
            in_time = time.monotonic() < until
            if in_time:
                scores[rows] = self._read([(question, passages[row]) for row in rows])
            return in_time

        try:
            in_time = all(list(self._cores.map(run, passes)))
        except Exception as error:  # tokenizers raises nothing narrower
            raise RerankerDown("it fails on what was found") from error
        if not in_time:
            raise RerankerDown("it took too long")
        if not np.isfinite(scores).all():
            raise RerankerDown("it computes no numbers")
        return scores

    def _read(self, pairs: list[tuple[str, str]]) -> Single:
        import torch
        from sentence_transformers.util import batch_to_device

        with self._turn:
            features = self._model.preprocess(pairs)
        with torch.inference_mode():
            found = self._model(batch_to_device(features, torch.device(self._where)))["scores"]
        scores: Single = found.float().cpu().numpy().reshape(-1)
        return scores


@contextlib.contextmanager
def _foreign(folder: Path, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # tokenizers raises nothing narrower
        raise _rejected(folder, what, "bring another model") from error
