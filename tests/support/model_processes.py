"""The real model process for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from index.model import ModelProcess
from policy.limits import Limits


@contextmanager
def model_process(arguments: Sequence[str] = ()) -> Iterator[ModelProcess]:
    """Started with these arguments, ready, and ended for good."""
    process = ModelProcess(arguments, Limits())
    process.start()
    try:
        process.wait_ready(120)
        yield process
    finally:
        process.close()
