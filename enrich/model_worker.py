"""The program of the model process: embeds passages and queries and, where there is a GGUF, generates.

It holds no keys and has no network; it is given text and answers with numbers or bounded text. Each wire has
one kind of request and a thread of its own, so a person's query never waits for a batch.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from enrich import llm
from enrich.errors import ModelRefused
from enrich.llm import GenerateReply, GenerateRequest, Llm
from policy import children
from policy.confine import confine
from policy.errors import ConfinementError
from policy.limits import Limits
from policy.wire import Wire, WireError

Request = TypeVar("Request")


def main() -> int:
    """Answer until the core hangs up."""
    given = children.inherited()
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path)
    parser.add_argument("--gguf", type=Path)
    options = parser.parse_args(given.arguments)
    wires = [Wire(end, Limits().frame_bytes) for end in given.wires]
    try:
        layers = confine("model", watched=given.watched)
    except ConfinementError as error:
        return _refuse(wires, str(error), error.exit_code)
    # torch wants a folder for what it compiles, which it does not; one that is there need not be made.
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = "/"
    # Only now the libraries: they start threads at import, which confinement must come before, and what else
    # they do at import is refused like anything else.
    return _answer(wires, options.model, options.gguf, layers)


def _files(model: Path | None, gguf: Path | None) -> list[str]:
    """What they consist of: a folder, whose files may be links to elsewhere; a file and its parts beside."""
    links = [] if model is None else [path.resolve() for path in model.rglob("*") if path.is_symlink()]
    parts = [] if gguf is None else gguf.parent.glob("*.gguf")
    return [str(path) for path in (model, *links, *parts) if path is not None]


def _answer(wires: list[Wire], model: Path | None, gguf: Path | None, layers: tuple[str, ...]) -> int:
    from index.embed import SentenceEmbedder
    from index.errors import ModelRejected
    from index.model import BULK, GENERATE, INTERACTIVE, EmbedPassages, EmbedQuery, Opening, Ready, Vectors

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
    for arguments in (
        (wires[BULK], EmbedPassages, passages),
        (wires[GENERATE], GenerateRequest, _Generator(gguf)),
    ):
        threading.Thread(target=_serve, args=arguments, daemon=True).start()
    _serve(wires[INTERACTIVE], EmbedQuery, query)
    return 0


def _refuse(wires: list[Wire], why: str, code: int) -> int:
    from index.model import INTERACTIVE, Opening, Refused

    wires[INTERACTIVE].send(Opening(said=Refused(reason=why[:2000])))
    return code


class _Generator:
    """Loads the GGUF at the first request: embedding never waits for it, and it may never be needed."""

    def __init__(self, gguf: Path | None) -> None:
        self._gguf = gguf
        self._llm: Llm | None = None

    def __call__(self, request: GenerateRequest) -> GenerateReply:
        if self._gguf is None:
            return GenerateReply(refused="no model is configured")
        if self._llm is None:
            from enrich.llama import LlamaCpp  # heavy

            try:
                self._llm = LlamaCpp(self._gguf)
            except ModelRefused as error:
                return GenerateReply(refused=error.what[:1000])
        return llm.serve(self._llm, request)


def _serve(wire: Wire, kind: type[Request], answer: Callable[[Request], object]) -> None:
    """Answer one wire's requests in turn. The end of any wire is the end of the process: the core starts it
    anew, with all of them.
    """
    try:
        while True:
            request, descriptors = wire.receive(kind)
            for descriptor in descriptors:
                os.close(descriptor)
            wire.send(answer(request))
    except WireError:
        os._exit(0)
    except BaseException:  # noqa: BLE001 the process's rim: a traceback could quote a document
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
