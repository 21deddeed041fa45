"""The model process as the core sees it: started, watched, started again, and asked over its wires.

The program that answers is `enrich/model_worker.py`. What comes back is checked here: that process reads
documents' text, so it may one day say anything.
"""

from __future__ import annotations

import contextlib
import logging
import math
import select
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Annotated, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from index.embed import Half, Single
from index.errors import EmbedderDown, RerankerDown
from index.rerank import CHARS, MOST, QUESTION_CHARS, SECONDS
from policy.children import spawn
from policy.errors import StrongroomError
from policy.limits import Limits
from policy.wire import PeerClosed, Wire, WireError

log = logging.getLogger("strongroom.index")

PROGRAM = "enrich.model_worker"

# One wire for each kind of work, so that a person's query never waits for a batch and neither for a sentence;
# of those for sentences one for a person's question, and as many for documents as are read at once.
INTERACTIVE, BULK, RERANK, QUESTION = range(4)
AT_ONCE = 8
GENERATE = range(4, 4 + AT_ONCE)
_WIRES = 4 + AT_ONCE
# Longer silence means that it hangs. A cross-encoder is loaded before it answers the first time.
_PATIENCE_S = {INTERACTIVE: 10.0, BULK: 300.0, RERANK: 300.0}
_LONG_PATIENCE_S = 3900.0  # of the others: a model has to be loaded, and others are decoded first

_START_S = 180.0  # a large model from a slow disk
_BACK_OFF_S = (1.0, 2.0, 5.0, 15.0, 60.0)
_STEADY_S = 120.0  # after living this long a death counts as the first again

_UNIT = 0.01  # how far from 1 the length of a half-precision unit vector may be

_REST_S = 30.0  # in which a cross-encoder that was too slow is not asked again

_LOOK_S = 0.2  # between two looks whether somebody still waits for a reply

Reply = TypeVar("Reply")
Withdraw = tuple[threading.Event, object]
Number = TypeVar("Number", np.float16, np.float32)


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """Loaded and confined."""

    identity: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    dimension: Annotated[int, Meta(ge=1, le=8192)]
    batch: Annotated[int, Meta(ge=1, le=4096)]
    precision: Annotated[str, Meta(max_length=40)]
    layers: Annotated[tuple[Annotated[str, Meta(max_length=40)], ...], Meta(max_length=20)] = ()


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """Instead of `Ready`: the model cannot be used, for this reason."""

    reason: Annotated[str, Meta(max_length=2000)]


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """How the process begins on the interactive wire."""

    said: Ready | Refused


class EmbedPassages(msgspec.Struct, frozen=True, kw_only=True, tag="passages"):
    """Answered by `Vectors`."""

    texts: list[str]


class EmbedQuery(msgspec.Struct, frozen=True, kw_only=True, tag="query"):
    """Answered by `Vectors` with one row."""

    text: str


class Vectors(msgspec.Struct, frozen=True, kw_only=True, tag="vectors"):
    """Rows of little-endian numbers: fp16 for passages, fp32 for a query."""

    rows: bytes


class Rerank(msgspec.Struct, frozen=True, kw_only=True, tag="rerank"):
    """Answered by `Scores`, soon after the time is over."""

    question: Annotated[str, Meta(max_length=QUESTION_CHARS)]
    passages: Annotated[list[Annotated[str, Meta(max_length=CHARS)]], Meta(max_length=MOST)]
    seconds: Annotated[float, Meta(ge=0, le=SECONDS)]


class Scores(msgspec.Struct, frozen=True, kw_only=True, tag="scores"):
    """One for each passage, or why there is none."""

    scores: Annotated[list[float], Meta(max_length=MOST)] = []
    failed: Annotated[str, Meta(max_length=1000)] | None = None  # this time
    refused: Annotated[str, Meta(max_length=2000)] | None = None  # the model cannot be used at all


class _Unusable(WireError):
    retryable = False


class ModelProcess:
    """Starts the model process, and starts it again with growing pauses when it dies.

    Asking while it is away fails at once; nobody waits for a start but who says so. A process that hangs or
    sends what it may not is killed: its conversations cannot be taken up again.

    Args:
        arguments: of the program: `--model FOLDER`, `--reranker FOLDER`, `--gguf FILE`.
        watched: see `policy.children.spawn`.
    """

    def __init__(self, arguments: Sequence[str], limits: Limits, *, watched: bool = False) -> None:
        self._arguments = arguments
        self._limits = limits
        self._watched = watched
        self._state = threading.Condition()  # guards the five below
        self._closed = False
        self._ready: Ready | None = None
        self._why = "it is starting"
        self._process: subprocess.Popen[bytes] | None = None
        self._wires: list[Wire] = []
        self._first: Ready | None = None
        self._turns = [threading.Lock() for _ in range(_WIRES)]
        self._free = SimpleQueue[int]()  # of GENERATE
        for wire in GENERATE:
            self._free.put(wire)
        self._keeper = threading.Thread(target=self._keep, name="model-keeper", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._keeper.start()

    def close(self) -> None:
        """End the process for good."""
        with self._state:
            self._closed = True
            self._ready = None
            self._state.notify_all()
            if self._process is not None:
                self._process.kill()
        if self._keeper.is_alive():
            self._keeper.join()

    @property
    def pid(self) -> int | None:
        """Of the living process."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def layers(self) -> tuple[str, ...]:
        """Of confinement, as it told them when it was ready."""
        with self._state:
            return self._ready.layers if self._ready else ()

    @property
    def trouble(self) -> str | None:
        """Why it does not answer now; None while it does."""
        with self._state:
            return None if self._ready else self._why

    def wait_ready(self, timeout: float | None = None) -> Ready:
        """What it said when it was ready.

        Raises:
            WireError: not within the time, in seconds.
        """
        with self._state:
            self._state.wait_for(lambda: self._ready or self._closed, timeout)
            if self._ready is None:
                raise WireError(f"the model process does not answer: {self._why}")
            return self._ready

    def ask(self, wire: int, request: object, schema: type[Reply], withdraw: Withdraw | None = None) -> Reply:
        """Send one request over one of the wires and wait for its reply; a wire takes one request at a time.

        Args:
            withdraw: an event, and what to send when it is set before the reply is there.

        Raises:
            WireError: the process is away, or died or hung over this.
        """
        self.wait_ready(0)
        with self._turns[wire]:
            self.wait_ready(0)
            with self._state:
                process, line = self._process, self._wires[wire]
            try:
                line.send(request)
                if withdraw is not None:
                    self._wait_or_withdraw(line, *withdraw)
                return line.receive_alone(schema)
            except WireError:
                self._give_up(process, "it stopped answering")
                raise

    def _wait_or_withdraw(self, line: Wire, event: threading.Event, message: object) -> None:
        patience = time.monotonic() + _LONG_PATIENCE_S
        while not select.select([line.sock], [], [], _LOOK_S)[0] and time.monotonic() < patience:
            if event.is_set():
                line.send(message)
                return

    def ask_in_turn(self, request: object, schema: type[Reply]) -> Reply:
        """As `ask`, over whichever wire of GENERATE is free first."""
        wire = self._free.get()
        try:
            return self.ask(wire, request, schema)
        finally:
            self._free.put(wire)

    def distrust(self, why: str) -> None:
        """It sent what it may not: end it and start anew."""
        self._give_up(self._process, why)

    def _give_up(self, process: subprocess.Popen[bytes] | None, why: str) -> None:
        with self._state:
            if process is self._process:
                self._ready, self._why = None, why
            if process is not None:
                process.kill()

    def _keep(self) -> None:
        deaths = 0
        while not self._closed:
            born = time.monotonic()
            try:
                process = self._bring_up()
                code = process.wait()
                self._give_up(process, self._why if self._ready is None else f"it ended with code {code}")
            except _Unusable as error:  # starting it again would say the same
                self._give_up(self._process, str(error))
                self._take_down()
                return
            except (StrongroomError, OSError) as error:
                why = str(error) if isinstance(error, StrongroomError) else "it could not be started"
                self._give_up(self._process, why)
            self._take_down()
            deaths = 1 if time.monotonic() - born > _STEADY_S else deaths + 1
            pause = _BACK_OFF_S[min(deaths, len(_BACK_OFF_S)) - 1]
            if not self._closed:
                log.warning("the model process is away: %s; it starts again in %g s", self._why, pause)
            with self._state:
                self._state.wait_for(lambda: self._closed, pause)

    def _bring_up(self) -> subprocess.Popen[bytes]:
        pairs = [socket.socketpair() for _ in range(_WIRES)]
        for number, (ours, _) in enumerate(pairs):
            ours.settimeout(_PATIENCE_S.get(number, _LONG_PATIENCE_S))
        wires = [Wire(ours, self._limits.frame_bytes) for ours, _ in pairs]
        process = spawn(
            PROGRAM,
            wires=[theirs for _, theirs in pairs],
            arguments=self._arguments,
            watched=self._watched,
        )
        with self._state:
            self._process, self._wires, self._why = process, wires, "it is starting"
            if self._closed:
                process.kill()
        pairs[INTERACTIVE][0].settimeout(_START_S)
        untrusted_ready = self._receive_ready(wires[INTERACTIVE])
        pairs[INTERACTIVE][0].settimeout(_PATIENCE_S[INTERACTIVE])
        with self._state:
            self._first = self._first or untrusted_ready
            if untrusted_ready != self._first:
                raise _Unusable("its model is another than before", remedy="restart the service")
            self._ready = None if self._closed else untrusted_ready
            self._state.notify_all()
        return process

    def _receive_ready(self, wire: Wire) -> Ready:
        try:
            untrusted_reply = wire.receive_alone(Opening).said
        except PeerClosed as error:
            raise WireError("it ended while it was starting") from error
        if isinstance(untrusted_reply, Refused):
            raise _Unusable(untrusted_reply.reason, remedy="put it right and restart the service")
        return untrusted_reply

    def _take_down(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for wire in self._wires:
            wire.close()


class ModelClient:
    """The model process as an Embedder. Thread-safe."""

    def __init__(self, process: ModelProcess) -> None:
        self._process = process
        self._known: Ready | None = None

    @property
    def identity(self) -> str:
        """See Embedder. Raises EmbedderDown until the process was ready once."""
        return self._ready().identity

    @property
    def dimension(self) -> int:
        """See Embedder. Raises EmbedderDown until the process was ready once."""
        return self._ready().dimension

    @property
    def batch(self) -> int:
        """See Embedder. Raises EmbedderDown until the process was ready once."""
        return self._ready().batch

    def embed_passages(self, texts: Sequence[str]) -> Half:
        """See Embedder; on the bulk wire."""
        untrusted = self._ask(BULK, EmbedPassages(texts=list(texts)))
        rows: Half = self._rows(untrusted.rows, np.dtype("<f2"), len(texts)).astype(np.float16, copy=False)
        return rows

    def embed_query(self, text: str) -> Single:
        """See Embedder; on the interactive wire."""
        untrusted = self._ask(INTERACTIVE, EmbedQuery(text=text))
        rows: Single = self._rows(untrusted.rows, np.dtype("<f4"), 1).astype(np.float32, copy=False)
        return rows.reshape(self.dimension)

    def _ready(self) -> Ready:
        if self._known is None:
            try:
                self._known = self._process.wait_ready(0)
            except WireError as error:
                raise EmbedderDown(error.what) from error
        return self._known

    def _ask(self, wire: int, request: EmbedPassages | EmbedQuery) -> Vectors:
        try:
            return self._process.ask(wire, request, Vectors)
        except WireError as error:
            raise EmbedderDown(error.what) from error

    def _rows(self, untrusted_rows: bytes, kind: np.dtype[Number], count: int) -> npt.NDArray[Number]:
        """Numbers of the right shape and of unit length, or nothing is taken."""
        if len(untrusted_rows) == count * self.dimension * kind.itemsize:
            rows = np.frombuffer(untrusted_rows, kind).reshape(count, self.dimension)
            with np.errstate(all="ignore"):  # whatever it sent
                lengths = np.linalg.norm(rows.astype(np.float32), axis=1)
            if np.all(np.abs(lengths - 1.0) < _UNIT):  # false for NaN too
                return rows
        self._process.distrust("it sent vectors that are none")
        raise EmbedderDown("the model process sent vectors that are none")


class RerankClient:
    """The cross-encoder of the model process as a Reranker. Thread-safe: it reads for one query at a time."""

    def __init__(self, process: ModelProcess) -> None:
        self._process = process
        self._turn = ThreadPoolExecutor(1, "rerank")
        self._trouble: str | None = "it is being loaded"
        self._rests_until = math.inf  # if there is trouble

    def start(self) -> None:
        """Have it told when it is loaded, or why it is refused; returns at once."""
        self._turn.submit(self._greet)

    @property
    def trouble(self) -> str | None:
        """Why it does not answer, or did not the last time; None if it did."""
        return self._trouble

    def scores(self, question: str, passages: Sequence[str]) -> Sequence[float]:
        """See Reranker. After a failure it is left alone for a while: else every search would wait for one
        that is too slow for this machine.
        """
        until = time.monotonic() + SECONDS
        if (trouble := self._trouble) is not None and time.monotonic() < self._rests_until:
            raise RerankerDown(trouble)
        texts = [passage[:CHARS] for passage in passages]
        waiting = self._turn.submit(self._ask, question[:QUESTION_CHARS], texts, until)
        try:
            return waiting.result(SECONDS)
        except TimeoutError as error:
            waiting.cancel()  # unless it is being read: then the reply comes soon
            raise self._down(f"it took longer than {SECONDS:g} s", _REST_S) from error

    def _greet(self) -> None:
        with contextlib.suppress(WireError, RerankerDown):
            self._process.wait_ready()
            self._ask("", [], math.inf)

    def _ask(self, question: str, passages: list[str], until: float) -> list[float]:
        left = min(SECONDS, max(0.0, until - time.monotonic()))
        request = Rerank(question=question, passages=passages, seconds=left)
        try:
            untrusted = self._process.ask(RERANK, request, Scores)
        except WireError as error:
            raise self._down(error.what, 0.0) from error
        if untrusted.refused is not None:
            raise self._down(untrusted.refused, math.inf)
        if untrusted.failed is not None:
            raise self._down(untrusted.failed, _REST_S)
        if len(untrusted.scores) != len(passages) or not all(map(math.isfinite, untrusted.scores)):
            self._process.distrust("it sent scores that are none")
            raise self._down("it sent scores that are none", 0.0)
        self._trouble = None
        return untrusted.scores

    def _down(self, trouble: str, rest: float) -> RerankerDown:
        self._trouble, self._rests_until = trouble, time.monotonic() + rest
        return RerankerDown(trouble)
