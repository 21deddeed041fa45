"""A model process that embeds honestly, in four dimensions, and ranks as it was asked, but for texts that are
the name of a lie.
"""

from __future__ import annotations

import math
import os
import socket
import struct
import threading
from collections.abc import Callable

import msgspec
import numpy as np

from index.model import EmbedPassages, EmbedQuery, Opening, Ready, Rerank, Scores, Vectors
from policy import children
from policy.wire import PeerClosed, Wire

DIMENSION = 4


def _rows(*numbers: float) -> bytes:
    return msgspec.msgpack.encode(Vectors(rows=np.array(numbers, "<f4").tobytes()))


LIES: dict[str, Callable[[], bytes]] = {
    "none": lambda: _rows(),
    "a number too few": lambda: _rows(1, 0, 0),
    "a row too many": lambda: _rows(1, 0, 0, 0, 1, 0, 0, 0),
    "half a number": lambda: msgspec.msgpack.encode(Vectors(rows=bytes(15))),
    "of no length": lambda: _rows(0, 0, 0, 0),
    "too long": lambda: _rows(1, 1, 0, 0),
    "not a number": lambda: _rows(math.nan, 0, 0, 1),
    "endless": lambda: _rows(math.inf, 0, 0, 0),
    "huge": lambda: _rows(3e38, 3e38, 0, 0),
    "a list": lambda: msgspec.msgpack.encode({"type": "vectors", "rows": [1.0, 0.0, 0.0, 0.0]}),
    "another kind": lambda: msgspec.msgpack.encode({"type": "generated", "text": "x"}),
    "too deep": lambda: msgspec.msgpack.encode({"x": msgspec.Raw(b"\x91" * 100_000 + b"\xc0")}),
    "no msgpack": lambda: b"\xc1",
}


SCORES: dict[str, Callable[[int], list[float]]] = {
    "a score too few": lambda count: [0.0] * (count - 1),
    "a score too many": lambda count: [0.0] * (count + 1),
    "not a number": lambda count: [math.nan] * count,
    "endless": lambda count: [math.inf] * count,
}


def serve(sock: socket.socket) -> None:
    """Answer on one wire."""
    wire = Wire(sock, 1 << 20)
    while True:
        try:
            asked = wire.receive_alone(EmbedQuery | EmbedPassages | Rerank)  # type: ignore[arg-type]
        except PeerClosed:
            return
        if isinstance(asked, Rerank):
            honest_scores = [float(-number) for number in range(len(asked.passages))]
            lied = SCORES[asked.question](len(asked.passages)) if asked.question in SCORES else honest_scores
            wire.send(Scores(scores=lied))
            continue
        texts = [asked.text] if isinstance(asked, EmbedQuery) else asked.texts
        kind = "<f4" if isinstance(asked, EmbedQuery) else "<f2"
        honest = np.tile(np.array([1, 0, 0, 0], kind), (len(texts), 1)).tobytes()
        said = next((LIES[text]() for text in texts if text in LIES), None)
        if "descriptors" in texts:
            body = msgspec.msgpack.encode(Vectors(rows=honest))
            socket.send_fds(sock, [struct.pack(">I", len(body)) + body], [0, 1])
        elif said is not None:
            sock.sendall(struct.pack(">I", len(said)) + said)
        else:
            wire.send(Vectors(rows=honest))


if __name__ == "__main__":
    wires = children.inherited().wires
    ready = Ready(identity="0" * 64, dimension=DIMENSION, batch=64, precision="fp32")
    Wire(wires[0], 1 << 20).send(Opening(said=ready))
    for each in wires:
        threading.Thread(target=serve, args=(each,), daemon=True).start()
    threading.Event().wait()
    os._exit(0)
