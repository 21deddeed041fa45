"""Who reads beside us in `bench/reading.py`: `unstructured.partition` and `markitdown`, in one warm process
of an interpreter of their own, asked file by file.

It is run there as a file, so nothing of ours is imported; silent and offline, as it could not run without a
connection otherwise. unstructured's PDFs go through its own path by pdfminer (`strategy="fast"`); only the
model for layouts, which that path never calls and which would bring torch, is left out. Where that gives no
text, and for pictures, `ocr_only` is asked for if the caller allows it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

NAMES = ("unstructured", "markitdown")
_SILENT = {
    "DO_NOT_TRACK": "1",
    "SCARF_NO_ANALYTICS": "1",
    "UNSTRUCTURED_DISABLE_NOTICE": "1",
    "HF_HUB_OFFLINE": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "OMP_THREAD_LIMIT": "1",
}
_PATIENCE_S = 120


@dataclass(frozen=True)
class Answer:
    """What a peer made of a file."""

    text: str
    seconds: float
    cpu_s: float
    error: str = ""  # the class of the exception


class Peers:
    """The process that reads; used by one thread."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [str(python), "-I", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | _SILENT,
            cwd="/",
            text=True,
            encoding="utf-8",
        )

    def read(self, peer: str, path: Path, *, ocr: bool = False) -> Answer:
        """One file by one peer, timed inside its process."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the peers have no pipes")
        self._process.stdin.write(json.dumps([peer, str(path.resolve()), ocr]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peers' process ended over {path}")
        return Answer(**json.loads(line))

    def __enter__(self) -> Peers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()


def serve() -> None:
    """Be the process: a request a line, an answer a line."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no answer
    signal.signal(signal.SIGALRM, _too_late)
    readers: dict[str, Callable[[str, bool], str]] = {
        "unstructured": _unstructured(),
        "markitdown": _markitdown(),
    }
    for line in sys.stdin:
        peer, path, ocr = json.loads(line)
        text, failed = "", ""
        signal.alarm(_PATIENCE_S)
        began, cpu = time.perf_counter(), _cpu_s()
        try:
            text = readers[peer](path, ocr)
        except Exception as error:  # noqa: BLE001 - whatever it is, the file was not read
            failed = type(error).__name__
        seconds, cpu = time.perf_counter() - began, _cpu_s() - cpu
        signal.alarm(0)
        text = text.encode("utf-8", "replace").decode()
        answers.write(json.dumps({"text": text, "seconds": seconds, "cpu_s": cpu, "error": failed}) + "\n")
        answers.flush()


def _unstructured() -> Callable[[str, bool], str]:
    without_model: Any = ModuleType("unstructured_inference.models.base")
    without_model.get_model = without_model.UnknownModelException = None
    sys.modules[without_model.__name__] = without_model
    import spacy
    from unstructured.nlp import tokenize
    from unstructured.partition.auto import partition

    sentences = spacy.blank("en")
    sentences.add_pipe("sentencizer")
    sentences.max_length = 1 << 30
    vars(tokenize)["_get_nlp"] = lambda: sentences  # instead of downloading a model

    def read(path: str, ocr: bool) -> str:
        try:
            text = _joined(partition(filename=path, strategy="fast"))
        except ValueError:  # it is a picture
            if not ocr:
                raise
            text = ""
        if not text and ocr:
            text = _joined(partition(filename=path, strategy="ocr_only"))
        return text

    return read


def _joined(elements: list[Any]) -> str:
    return "\n\n".join(element.text for element in elements if element.text)


def _markitdown() -> Callable[[str, bool], str]:
    from markitdown import MarkItDown  # type: ignore[import-not-found,unused-ignore]

    reader = MarkItDown(enable_plugins=False)
    return lambda path, _: str(reader.convert_local(path).markdown)


def _cpu_s() -> float:
    """Of this process and of those that it ran."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _too_late(*_: object) -> None:
    raise TimeoutError


if __name__ == "__main__":
    serve()
