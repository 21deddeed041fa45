"""The program of the model process: embeds passages and queries and, where the owner brought the models for
it, re-ranks and generates.

It holds no keys and has no network; it is given text and answers with numbers or bounded text. Each wire has
one kind of request and a thread of its own, so a person's query never waits for a batch, and what comes over
several wires is decoded together.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from enrich import llm
from enrich.errors import ModelAway, ModelRefused
from enrich.fit import left_to_others, memory, pressed
from enrich.llm import Cancel, GenerateReply, GenerateRequest
from policy import children
from policy.confine import confine
from policy.errors import ConfinementError
from policy.limits import Limits
from policy.wire import Wire, WireError

if TYPE_CHECKING:
    from enrich.llama import LlamaCpp

Request = TypeVar("Request")

_QUESTION: Any = GenerateRequest | Cancel
_LOOK_S = 1.0  # between two looks at how much memory is left


def main() -> int:
    """Answer until the core hangs up."""
    given = children.inherited()
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path)
    parser.add_argument("--reranker", type=Path)
    parser.add_argument("--gguf", type=Path)
    options = parser.parse_args(given.arguments)
    wires = [Wire(end, Limits().frame_bytes) for end in given.wires]
    try:
        reads = _files(options.gguf, options.model, options.reranker)
        layers = confine("model", watched=given.watched, reads=reads)
    except ConfinementError as error:
        return _refuse(wires, str(error), error.exit_code)
    # torch wants a folder for what it compiles, which it does not; one that is there need not be made.
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = "/"
    # Only now the libraries: they start threads at import, which confinement must come before, and what else
    # they do at import is refused like anything else.
    return _answer(wires, options.model, options.reranker, options.gguf, layers)


def _files(gguf: Path | None, *folders: Path | None) -> list[str]:
    """What they consist of: a file and its parts beside; folders, whose files may be links to elsewhere."""
    there = [folder for folder in folders if folder is not None]
    links = [path.resolve() for folder in there for path in folder.rglob("*") if path.is_symlink()]
    parts = [] if gguf is None else gguf.parent.glob("*.gguf")
    return [str(path) for path in (*there, *links, *parts)]


def _answer(
    wires: list[Wire], model: Path | None, reranker: Path | None, gguf: Path | None, layers: tuple[str, ...]
) -> int:
    from index.embed import SentenceEmbedder
    from index.errors import ModelRejected
    from index.model import (
        BULK,
        GENERATE,
        INTERACTIVE,
        QUESTION,
        RERANK,
        EmbedPassages,
        EmbedQuery,
        Opening,
        Ready,
        Vectors,
    )

    try:
        embedder = SentenceEmbedder(model)
    except ModelRejected as error:
        return _refuse(wires, str(error), error.exit_code)

    def passages(request: EmbedPassages) -> Vectors:
        return Vectors(rows=embedder.embed_passages(request.texts).astype("<f2").tobytes())

    def query(request: EmbedQuery) -> Vectors:
        return Vectors(rows=embedder.embed_query(request.text).astype("<f4").tobytes())

    ready = Ready(
        identity=embedder.identity,
        dimension=embedder.dimension,
        batch=embedder.batch,
        precision=embedder.precision,
        layers=layers,
    )
    wires[INTERACTIVE].send(Opening(said=ready))
    generate = _Generator(gguf)
    threading.Thread(target=_serve, args=(wires[BULK], EmbedPassages, passages), daemon=True).start()
    if reranker is not None:
        threading.Thread(target=_rerank, args=(wires[RERANK], reranker), daemon=True).start()
    for number in GENERATE:
        threading.Thread(target=_serve, args=(wires[number], GenerateRequest, generate), daemon=True).start()
    questions = _Questions(wires[QUESTION], generate)
    for target in (questions.receive, questions.answer):
        threading.Thread(target=_to_its_end, args=(target,), daemon=True).start()
    _serve(wires[INTERACTIVE], EmbedQuery, query)
    return 0


def _refuse(wires: list[Wire], why: str, code: int) -> int:
    from index.model import INTERACTIVE, Opening, Refused

    wires[INTERACTIVE].send(Opening(said=Refused(reason=why[:2000])))
    return code


def _rerank(wire: Wire, folder: Path) -> None:
    """Load the cross-encoder, for which embedding does not wait, and serve; refused, it says so each time."""
    from index.errors import ModelRejected, RerankerDown
    from index.model import Rerank, Scores
    from index.rerank import CrossReranker

    def load() -> Callable[[Rerank], Scores]:
        now = memory()
        try:
            reranker = CrossReranker(folder, None if now is None else now.available - left_to_others(now))
        except ModelRejected as error:
            refused = Scores(refused=str(error)[:2000])
            return lambda _: refused

        def scores(request: Rerank) -> Scores:
            try:
                found = reranker.scores(request.question, request.passages, request.seconds)
            except RerankerDown as error:
                return Scores(failed=error.what)
            return Scores(scores=found.tolist())

        return scores

    _to_its_end(lambda: _serve(wire, Rerank, load()))


class _Generator:
    """Loads the GGUF at the first request: embedding never waits for it, and it may never be needed. Where
    memory gets short it is unloaded, and loaded again when it is asked.
    """

    def __init__(self, gguf: Path | None) -> None:
        self._gguf = gguf
        self._llm: LlamaCpp | None = None
        self._loading = threading.Lock()

    def __call__(self, request: GenerateRequest, cancelled: threading.Event | None = None) -> GenerateReply:
        if self._gguf is None:
            return GenerateReply(refused="no model is configured")
        try:
            with self._loading:
                self._llm = self._llm or self._load(self._gguf)
                loaded = self._llm
        except ModelRefused as error:
            return GenerateReply(refused=error.what[:1000])
        except ModelAway as error:
            return GenerateReply(away=error.what[:1000])
        return llm.serve(loaded, request, cancelled)

    def _load(self, gguf: Path) -> LlamaCpp:
        from enrich.llama import LlamaCpp  # heavy

        loaded = LlamaCpp(gguf)
        threading.Thread(target=self._watch, args=(loaded,), daemon=True).start()
        return loaded

    def _watch(self, loaded: LlamaCpp) -> None:
        """Unload it when others need its memory. What it is asked meanwhile is asked again later."""
        while not pressed(memory()):
            time.sleep(_LOOK_S)
        with self._loading:
            self._llm = None
            loaded.close()


class _Questions:
    """The wire of a person's questions, which can be cancelled: so one thread listens while one answers."""

    def __init__(self, wire: Wire, generate: _Generator) -> None:
        self._wire = wire
        self._generate = generate
        self._asked: SimpleQueue[tuple[GenerateRequest, threading.Event]] = SimpleQueue()

    def receive(self) -> None:
        cancelled = threading.Event()
        while True:
            message: GenerateRequest | Cancel = self._wire.receive_alone(_QUESTION)
            if isinstance(message, Cancel):
                cancelled.set()
            else:
                cancelled = threading.Event()
                self._asked.put((message, cancelled))

    def answer(self) -> None:
        while True:
            self._wire.send(self._generate(*self._asked.get()))


def _serve(wire: Wire, kind: type[Request], answer: Callable[[Request], object]) -> None:
    """Answer one wire's requests in turn."""

    def serve() -> None:
        while True:
            wire.send(answer(wire.receive_alone(kind)))

    _to_its_end(serve)


def _to_its_end(serve: Callable[[], None]) -> None:
    """Serve a wire. The end of any is the end of the process: the core starts it anew, with all of them."""
    try:
        serve()
    except WireError:
        os._exit(0)
    except BaseException:  # noqa: BLE001 the process's rim: a traceback could quote a document
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
