"""The messages between the pool and its zygote: the parent of all workers, which never sees a document."""

from __future__ import annotations

import msgspec


class Ready(msgspec.Struct, frozen=True):
    """The zygote's first word: it is warm and confined, or why it is not."""

    layers: tuple[str, ...] = ()
    refused: str | None = None
    remedy: str | None = None


class Order(msgspec.Struct, frozen=True):
    """Fork a worker on the one descriptor that comes along, or say how a worker that was told to end did."""

    reap: int | None = None  # pid


class Forked(msgspec.Struct, frozen=True):
    """A worker runs. Its pidfd comes along, taken before anybody could reap it: it names no other process."""

    pid: int


class Ended(msgspec.Struct, frozen=True):
    """How a worker ended: its exit code, negative for a signal, and what it used."""

    code: int
    cpu_s: float
    peak: int  # bytes resident at the most
