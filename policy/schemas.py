"""Makes msgspec learn the kinds of messages and records before there are threads.

It learns each at its first use, and publishes what it knows of one half done, so that kinds may hold
themselves: a second thread that meets the same kind in that moment crashes the process (0.22.0).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


def learn() -> None:
    """Every kind of `msgspec.Struct` that was imported. Call it before any thread decodes or converts."""
    for kind in _kinds(msgspec.Struct):
        msgspec.json.Decoder(kind)


def _kinds(base: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)
