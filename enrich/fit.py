"""A model's file before it is loaded: which one it is, how much memory it takes, and how many sequences, of
how many tokens, fit beside what else runs. What loads it is `enrich/llama.py`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from enrich.errors import ModelAway, ModelRefused

_MEMINFO = Path("/proc/meminfo")
_GIB = 2**30
_WORK = 256 * 2**20  # of computing, beside weights and keys and values
_SLACK = 1.05  # of the weights: what is laid out anew for the processor
_LEFT = _GIB  # of memory for all others, at least; of a small machine a twentieth
_SHARE_LEFT = 20
_SHARE_OF_GPU = 0.9
_SEQUENCES = (8, 4, 2, 1)

ALL_LAYERS = -1
OTHERS = 2  # sequences besides: the question's, and the prompt's beginning that all documents share


class Size(NamedTuple):
    """What is known of a model before it is loaded."""

    weights: int  # bytes
    layers: int  # at least 1
    context: int  # tokens that it was trained for
    place: int  # bytes of keys and values for one token


class Memory(NamedTuple):
    """Of the machine, in bytes."""

    total: int
    available: int  # can be taken without swapping


class Fit(NamedTuple):
    """How a model is loaded."""

    sequences: int  # documents side by side
    context: int  # tokens of each sequence
    gpu_layers: int  # ALL_LAYERS: every one


def identity(gguf: Path) -> str:
    """Tells one model from another: by its file, since reading tens of gigabytes takes minutes."""
    try:
        found = gguf.stat()
    except OSError:
        return gguf.name
    return f"{gguf.name} {found.st_size} {found.st_mtime_ns}"


def memory() -> Memory | None:
    """As the kernel says it, which on a machine whose GPU shares it is the only one to say it; None where it
    does not.
    """
    try:
        text = _MEMINFO.read_text()
    except OSError:
        return None
    found = [re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE) for name in ("MemTotal", "MemAvailable")]
    return Memory(*(int(each[1]) * 1024 for each in found if each)) if all(found) else None


def pressed(now: Memory | None) -> bool:
    """Whether so little memory is left that a model has to make room."""
    return now is not None and now.available < left_to_others(now)


def left_to_others(now: Memory) -> int:
    """Bytes that a model leaves."""
    return min(_LEFT, now.total // _SHARE_LEFT)


def fit(name: str, size: Size, now: Memory | None, gpu: int | None, most_context: int) -> Fit:
    """The most sequences that fit, and the longest context with which at least one does.

    Args:
        name: of the model, for the error.
        now: None: not known, so all fits.
        gpu: bytes free on a GPU with memory of its own; None: there is none, or it shares the machine's.

    Raises:
        ModelRefused: this machine could not hold it if nothing else ran.
        ModelAway: it does not fit now.
    """
    context = min(most_context, size.context or most_context)
    for tokens in (context, context // 2):
        for sequences in _SEQUENCES:
            cache = (sequences + OTHERS) * tokens * size.place
            layers = _on_gpu(size, cache, gpu)
            there = 0.0 if gpu is None else layers / size.layers
            need = int((size.weights * _SLACK + cache) * (1 - there)) + _WORK
            if now is None or need <= now.available - left_to_others(now):
                return Fit(sequences, tokens, layers if layers < size.layers else ALL_LAYERS)
    assert now is not None
    told = f"needs about {need / _GIB:.1f} GiB beside what is left to others, and {{}} GiB are {{}}"
    if need > now.total - left_to_others(now):
        raise ModelRefused(
            told.format(f"{now.total / _GIB:.1f}", "all there are"), item=name, remedy="bring a smaller model"
        )
    raise ModelAway(told.format(f"{now.available / _GIB:.1f}", "free"), item=name, remedy="free some memory")


def _on_gpu(size: Size, cache: int, gpu: int | None) -> int:
    """How many layers, with their keys and values. All, where it shares the machine's memory; where there is
    none, the number says nothing.
    """
    each = (size.weights + cache) / size.layers
    return size.layers if gpu is None else min(size.layers, int(gpu * _SHARE_OF_GPU / each))
