"""llama.cpp behind the `Llm` protocol: any GGUF by local path, decoded greedily under a grammar.

Runs in the model process only. Nothing here ever fetches a model.
"""

from __future__ import annotations

import ctypes
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from enrich.errors import ModelFailed, ModelRefused
from enrich.grammar import gbnf
from enrich.llm import GenerateReply, GenerateRequest

if TYPE_CHECKING:
    from llama_cpp import Llama
    from llama_cpp.llama_grammar import LlamaGrammar

CONTEXT_TOKENS = 4096
_MEMINFO = Path("/proc/meminfo")
_MEMORY_FACTOR = 1.2  # weights, and on top the key-value cache and work space at CONTEXT_TOKENS
_LOG_LEVEL_ERROR = 4  # GGML_LOG_LEVEL_ERROR of ggml.h
_LogCallback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_ROOT = b"root"
_REMEDY = "bring another GGUF, or leave model.gguf out"


class LlamaCpp:
    """One loaded GGUF. One thread at a time.

    Args:
        gguf: path of the model file.
        context_tokens: how many tokens instructions, document and answer may have together.

    Raises:
        ModelRefused: the file is missing, truncated, of an unknown architecture or too large for memory.
    """

    def __init__(self, gguf: Path, *, context_tokens: int = CONTEXT_TOKENS) -> None:
        self.name = gguf.name
        _check_file(gguf)
        import llama_cpp  # heavy: the one place that imports it
        import llama_cpp.llama_grammar

        with _native_errors() as errors:
            try:
                self._llama: Llama = llama_cpp.Llama(
                    str(gguf), n_ctx=context_tokens, n_gpu_layers=-1, verbose=False
                )
            except (ValueError, RuntimeError, OSError) as error:
                raise ModelRefused(_reason(errors), item=gguf.name, remedy=_REMEDY) from error
        self._native = llama_cpp
        self._context = min(context_tokens, self._llama.n_ctx())  # llama.cpp rounds up, its binding does not
        self._frame = _chat_template(self._llama)

    def generate(self, request: GenerateRequest) -> GenerateReply:
        """See `Llm.generate`. Greedy: the same request gives the same text."""
        grammar = self._grammar(request.schema)
        tokens, read = self._prompt(request)
        return GenerateReply(text=self._decode(tokens, grammar, request), read=read)

    def close(self) -> None:
        """Free the model's memory."""
        self._llama.close()

    def _grammar(self, schema: str) -> LlamaGrammar:
        """Compiled once here to see that llama.cpp takes it: it would crash on one that it does not."""
        try:
            grammar = gbnf(json.loads(schema))
        except (ValueError, RecursionError) as error:
            raise ModelFailed("the schema cannot be made into a grammar", item=self.name) from error
        sampler = self._native.llama_sampler_init_grammar(self._llama._model.vocab, grammar.encode(), _ROOT)
        if not sampler:
            raise ModelFailed("llama.cpp does not take the grammar", item=self.name)
        self._native.llama_sampler_free(sampler)
        return self._native.llama_grammar.LlamaGrammar.from_string(grammar, verbose=False)

    def _prompt(self, request: GenerateRequest) -> tuple[list[int], int]:
        """The prompt's tokens and how many characters of the data are in them.

        Only what we wrote and the model's own chat template are read for control tokens; the data never is,
        so a document that contains "<|im_end|>" contains ten characters and no end of a turn.
        """
        head, tail = self._frame(request.head, request.tail)
        front = self._llama.tokenize(head.encode(), add_bos=True, special=True)
        back = self._llama.tokenize(tail.encode(), add_bos=False, special=True)
        room = self._context - len(front) - len(back) - request.max_tokens - 1
        if room <= 0:
            raise ModelRefused(
                "the instructions and the answer do not fit into the model's context",
                item=self.name,
                remedy="fewer tags and projects",
            )
        data = request.data
        while True:
            middle = self._llama.tokenize(data.encode(errors="replace"), add_bos=False, special=False)
            if len(middle) <= room:
                return front + middle + back, len(data)
            data = data[: len(data) * room // (len(middle) + 1)]

    def _decode(self, tokens: list[int], grammar: LlamaGrammar, request: GenerateRequest) -> str:
        out: list[int] = []
        deadline = time.monotonic() + request.seconds
        vocabulary = self._llama._model.vocab
        try:
            for token in self._llama.generate(tokens, temp=0.0, grammar=grammar):
                if self._native.llama_vocab_is_eog(vocabulary, token):
                    break
                out.append(token)
                if len(out) >= request.max_tokens:
                    raise ModelFailed(f"no whole answer within {request.max_tokens} tokens", item=self.name)
                if time.monotonic() > deadline:
                    raise ModelFailed(f"no whole answer within {request.seconds:g} s", item=self.name)
        except (RuntimeError, ValueError) as error:  # what the binding makes of llama.cpp's return codes
            raise ModelFailed("llama.cpp gave up", item=self.name) from error
        # The grammar counts characters; bytes that make none are no part of the answer.
        return self._llama.detokenize(out).decode("utf-8", errors="ignore")


def _check_file(gguf: Path) -> None:
    """Refuse what need not be loaded to be known as useless."""
    try:
        with gguf.open("rb") as file:
            magic = file.read(4)
        size = gguf.stat().st_size
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise ModelRefused(reason, item=gguf.name, remedy=_REMEDY) from error
    if magic != b"GGUF":
        raise ModelRefused("not a GGUF file", item=gguf.name, remedy=_REMEDY)
    available = _memory_available()
    if available is not None and size * _MEMORY_FACTOR > available:
        raise ModelRefused(
            f"needs about {size * _MEMORY_FACTOR / 2**30:.1f} GiB and {available / 2**30:.1f} GiB are free",
            item=gguf.name,
            remedy="bring a smaller model",
        )


def _memory_available() -> int | None:
    """Bytes that can be taken without swapping; None where the kernel does not say."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", _MEMINFO.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def _ignore(level: int, text: bytes, user_data: object) -> None:
    """After loading, nothing that llama.cpp prints is wanted: it could hold content."""


_SILENCE = _LogCallback(_ignore)


@contextmanager
def _native_errors() -> Iterator[list[str]]:
    """Collect what llama.cpp itself says is wrong with a file; it tells its caller only that it failed."""
    from llama_cpp import llama_log_set

    errors: list[str] = []

    def collect(level: int, text: bytes, user_data: object) -> None:
        if level == _LOG_LEVEL_ERROR:
            errors.append(text.decode("utf-8", errors="replace"))

    callback = _LogCallback(collect)
    llama_log_set(callback, None)
    try:
        yield errors
    finally:
        llama_log_set(_SILENCE, None)  # before `callback` is freed


def _reason(errors: list[str]) -> str:
    """The most telling line, without llama.cpp's function names."""
    lines = [re.sub(r"^(\w+: |error loading model: )+", "", line).strip() for line in errors]
    lines = [line for line in lines if line and "failed to load model" not in line.lower()]
    return lines[0][:200] if lines else "llama.cpp cannot load it"


def _chat_template(llama: Llama) -> Callable[[str, str], tuple[str, str]]:
    """How the model wants a person's turn to look: puts it around head and tail, with the data between."""
    template = llama.metadata.get("tokenizer.chat_template")
    if template is None:
        return lambda head, tail: (head, tail)
    from jinja2 import TemplateError
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    place = secrets.token_hex(16)

    def wrap(head: str, tail: str) -> tuple[str, str]:
        turn = formatter(messages=[{"role": "user", "content": head + place + tail}]).prompt
        before, _, after = turn.partition(place)
        return before, after

    try:
        formatter = Jinja2ChatFormatter(
            template=template,
            eos_token=llama.detokenize([llama.token_eos()], special=True).decode(),
            bos_token="",  # `tokenize` adds it
        )
        if wrap("head", "tail")[0].find("head") < 0:
            raise ValueError("the template swallows the message")
    except (TemplateError, ValueError, TypeError) as error:
        raise ModelRefused(f"its chat template cannot be used ({type(error).__name__})") from error
    return wrap
