"""llama.cpp behind the `Llm` protocol: any GGUF by local path, decoded greedily under a grammar.

Runs in the model process only. Nothing here ever fetches a model. How several requests are decoded at once
stands in `enrich/decoder.py`, what fits into memory in `enrich/fit.py`.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from enrich.decoder import PIECE, Decoder, Job
from enrich.errors import EnrichError, ModelAway, ModelFailed, ModelRefused
from enrich.fit import OTHERS, Size, fit, identity, memory
from enrich.grammar import gbnf
from enrich.llm import GenerateReply, GenerateRequest

CONTEXT_TOKENS = 4096
_LOG_LEVEL_ERROR = 4  # GGML_LOG_LEVEL_ERROR of ggml.h
_LogCallback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_GPU_OF_ITS_OWN = 1  # GGML_BACKEND_DEVICE_TYPE_GPU of ggml-backend.h; one that shares memory is another type
_PART = re.compile(r"-\d{5}-of-(\d{5})\.gguf$")
_ROOT = b"root"
_REMEDY = "bring another GGUF, or leave model.gguf out"


class LlamaCpp:
    """One loaded GGUF. Thread-safe: what several threads ask is decoded together.

    Args:
        gguf: path of the model file; of a model in parts, the first.
        context_tokens: how many tokens instructions, document and answer may have together, at most.

    Raises:
        ModelRefused: the file is missing, truncated, of an unknown architecture or too large for the machine.
        ModelAway: it does not fit into memory now.
    """

    def __init__(self, gguf: Path, *, context_tokens: int = CONTEXT_TOKENS) -> None:
        self.name = gguf.name
        self.identity = identity(gguf)
        weights = _check_file(gguf)
        from llama_cpp import llama_cpp  # heavy: the one place that imports it

        self._native: Any = llama_cpp
        self._fit = fit(self.name, self._look(gguf, weights), memory(), _free_on_gpu(), context_tokens)
        self._model = self._load(gguf, self._fit.gpu_layers, vocabulary_only=False)
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        try:
            self._frame = self._chat_template()
            context = self._make_context()
        except ModelRefused:
            llama_cpp.llama_model_free(self._model)
            raise
        self._context = min(self._fit.context, llama_cpp.llama_n_ctx_seq(context))
        self._decoder = Decoder(llama_cpp, context, self._fit.sequences, self.name)
        self._users = threading.Condition()  # guards the two below
        self._using = 0
        self._closed = False

    def generate(self, request: GenerateRequest, cancelled: threading.Event | None = None) -> GenerateReply:
        """See `Llm.generate`. Greedy: the same request gives the same text, whatever else is being asked."""
        (reply,) = self.generate_all([request], cancelled)
        if isinstance(reply, EnrichError):
            raise reply
        return reply

    def generate_all(
        self, requests: Sequence[GenerateRequest], cancelled: threading.Event | None = None
    ) -> list[GenerateReply | EnrichError]:
        """The answers to several requests, decoded together, or why there is none."""
        with self._used():
            started = [self._start(request, cancelled) for request in requests]
            return [self._finish(*each) if isinstance(each, tuple) else each for each in started]

    def close(self) -> None:
        """Free the model's memory; who waits for an answer gets `ModelAway`."""
        with self._users:
            self._closed = True
        self._decoder.close()
        with self._users:
            self._users.wait_for(lambda: not self._using)
        self._native.llama_model_free(self._model)

    @contextmanager
    def _used(self) -> Iterator[None]:
        """Keep the model while it is in use."""
        with self._users:
            if self._closed:
                raise ModelAway("it was unloaded", item=self.name)
            self._using += 1
        try:
            yield
        finally:
            with self._users:
                self._using -= 1
                self._users.notify_all()

    def _start(
        self, request: GenerateRequest, cancelled: threading.Event | None
    ) -> tuple[Job, int] | EnrichError:
        try:
            tokens, shared, read = self._prompt(request)
            grammar = self._grammar(request.schema)
        except EnrichError as error:
            return error
        shared = 0 if request.urgent else shared
        job = Job(tokens, shared, grammar, request.max_tokens, request.seconds, cancelled)
        self._decoder.submit(job, urgent=request.urgent)
        return job, read

    def _finish(self, job: Job, read: int) -> GenerateReply | EnrichError:
        try:
            tokens = job.result.result()
        except EnrichError as error:
            return error
        # The grammar counts characters; bytes that make none are no part of the answer.
        return GenerateReply(text=self._text(tokens).decode("utf-8", errors="ignore"), read=read)

    def _grammar(self, schema: str) -> Any:
        """llama.cpp's, which whoever gets it frees."""
        try:
            grammar = gbnf(json.loads(schema))
        except (ValueError, RecursionError) as error:
            raise ModelFailed("the schema cannot be made into a grammar", item=self.name) from error
        made = self._native.llama_sampler_init_grammar(self._vocabulary, grammar.encode(), _ROOT)
        if not made:
            raise ModelFailed("llama.cpp does not take the grammar", item=self.name)
        return made

    def _prompt(self, request: GenerateRequest) -> tuple[list[int], int, int]:
        """The prompt's tokens, how many of them are its head's, and how many characters of the data it holds.

        Only what we wrote and the model's own chat template are read for control tokens; the data never is,
        so a document that contains "<|im_end|>" contains ten characters and no end of a turn.
        """
        head, tail = self._frame(request.head, request.tail)
        front = self._tokens(head, begin=True, special=True)
        back = self._tokens(tail, begin=False, special=True)
        room = self._context - len(front) - len(back) - request.max_tokens - 1
        if room <= 0:
            raise ModelRefused(
                "the instructions and the answer do not fit into the model's context",
                item=self.name,
                remedy="fewer tags and projects",
            )
        data = request.data
        while True:
            middle = self._tokens(data, begin=False, special=False)
            if len(middle) <= room:
                tokens = front + middle + back
                return tokens, min(len(front), len(tokens) - 1), len(data)
            data = data[: len(data) * room // (len(middle) + 1)]

    def _tokens(self, text: str, *, begin: bool, special: bool) -> list[int]:
        """Args:
        begin: with the token that begins a text, if the model has one.
        special: read control tokens, where they are written out.
        """
        raw = text.encode(errors="replace")
        room = len(raw) + 4  # none is longer than its bytes; and those that begin and end
        tokens = (self._native.llama_token * room)()
        count = self._native.llama_tokenize(self._vocabulary, raw, len(raw), tokens, room, begin, special)
        if count < 0:
            raise ModelFailed("llama.cpp cannot cut the text into tokens", item=self.name)
        return list(tokens[:count])

    def _text(self, tokens: Sequence[int]) -> bytes:
        """Without control tokens."""
        pieces = []
        room = 64
        buffer = ctypes.create_string_buffer(room)
        for token in tokens:
            count = self._native.llama_token_to_piece(self._vocabulary, token, buffer, room, 0, False)
            if count < 0:
                room = -count
                buffer = ctypes.create_string_buffer(room)
                count = self._native.llama_token_to_piece(self._vocabulary, token, buffer, room, 0, False)
            pieces.append(buffer.raw[:count])
        return b"".join(pieces)

    def _look(self, gguf: Path, weights: int) -> Size:
        """What the file says of itself. llama.cpp reads its whole description for that, and refuses what is
        truncated or of an architecture that it does not know, before any weight is read.
        """
        model = self._load(gguf, 0, vocabulary_only=True)
        try:
            architecture = self._said(model, "general.architecture")

            def number(key: str, otherwise: int) -> int:
                said = self._said(model, f"{architecture}.{key}")
                return int(said) if said.isdecimal() and int(said) else otherwise

            layers = number("block_count", 1)
            heads = number("attention.head_count", 1)
            width = number("embedding_length", 1) // heads
            # Where layers differ there is a list, which is not told here: then all heads are counted.
            keys = number("attention.key_length", width) + number("attention.value_length", width)
            place = layers * number("attention.head_count_kv", heads) * keys * 2  # in half precision
            return Size(weights, layers, number("context_length", 0), place)
        finally:
            self._native.llama_model_free(model)

    def _said(self, model: Any, key: str) -> str:
        """A value of the file's description; empty if it has none."""
        buffer = ctypes.create_string_buffer(256)
        self._native.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", errors="replace")

    def _load(self, gguf: Path, gpu_layers: int, *, vocabulary_only: bool) -> Any:
        parameters = self._native.llama_model_default_params()
        parameters.n_gpu_layers = gpu_layers
        parameters.vocab_only = vocabulary_only
        with _native_errors(self._native) as errors:
            model = self._native.llama_model_load_from_file(os.fsencode(gguf), parameters)
            if not model:
                raise ModelRefused(_reason(errors), item=self.name, remedy=_REMEDY)
        return model

    def _make_context(self) -> Any:
        """One that has a sequence for each document, one for a question, one for what prompts share."""
        native = self._native
        rows = self._fit.sequences
        parameters = native.llama_context_default_params()
        parameters.n_seq_max = rows + OTHERS
        parameters.n_ctx = self._fit.context * (rows + OTHERS)
        parameters.kv_unified = False  # each has cells of its own: see `enrich/decoder.py`
        parameters.n_batch = parameters.n_ubatch = max(PIECE[native.llama_supports_gpu_offload()], rows)
        parameters.n_outputs_max = rows + OTHERS
        if not native.llama_supports_gpu_offload():
            # On a processor it takes longer where heads are small, and adds up in an order that depends on
            # how many cells are in use.
            parameters.flash_attn_type = native.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.n_threads = parameters.n_threads_batch = _threads()
        with _native_errors(native) as errors:
            context = native.llama_init_from_model(self._model, parameters)
            if not context:
                raise ModelRefused(_reason(errors), item=self.name, remedy=_REMEDY)
        if native.llama_model_has_encoder(self._model) or not native.llama_get_memory(context):
            native.llama_free(context)
            raise ModelRefused("it is not a model that continues a text", item=self.name, remedy=_REMEDY)
        return context

    def _chat_template(self) -> Callable[[str, str], tuple[str, str]]:
        """How the model wants a person's turn to look: put around head and tail, with the data between."""
        said = self._native.llama_model_chat_template(self._model, None)
        if said is None:
            return lambda head, tail: (head, tail)
        from jinja2 import TemplateError
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        place = secrets.token_hex(16)

        def wrap(head: str, tail: str) -> tuple[str, str]:
            turn = formatter(messages=[{"role": "user", "content": head + place + tail}]).prompt
            before, _, after = turn.partition(place)
            return before, after

        try:
            end = self._native.llama_vocab_get_text(
                self._vocabulary, self._native.llama_vocab_eos(self._vocabulary)
            )
            formatter = Jinja2ChatFormatter(
                template=said.decode(),
                eos_token=(end or b"").decode(),
                bos_token="",  # `_tokens` adds it
            )
            if wrap("head", "tail")[0].find("head") < 0:
                raise ValueError("the template swallows the message")
        except (TemplateError, ValueError, TypeError) as error:
            raise ModelRefused(f"its chat template cannot be used ({type(error).__name__})") from error
        return wrap


def _check_file(gguf: Path) -> int:
    """Refuse what need not be read to be known as useless; returns its bytes, of all its parts."""
    try:
        with gguf.open("rb") as file:
            magic = file.read(4)
        size = gguf.stat().st_size
        if part := _PART.search(gguf.name):
            stem = gguf.name[: part.start()]
            size = sum(each.stat().st_size for each in gguf.parent.glob(f"{stem}-*-of-{part[1]}.gguf"))
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise ModelRefused(reason, item=gguf.name, remedy=_REMEDY) from error
    if magic != b"GGUF":
        raise ModelRefused("not a GGUF file", item=gguf.name, remedy=_REMEDY)
    return size


def _threads() -> int:
    """All cores but one. llama.cpp's threads wait for each other some hundred times in a token, and spin: one
    that has to share its core holds up all, and there is always somebody else who wants a core.
    """
    told = os.environ.get("OMP_NUM_THREADS")
    return int(told) if told else max(1, len(os.sched_getaffinity(0)) - 1)


def _free_on_gpu() -> int | None:
    """Bytes of a GPU with memory of its own; None if there is none, or it shares the machine's: what it then
    says of free memory misleads.
    """
    from llama_cpp._ggml import libggml  # the binding has no functions for devices

    libggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
    for number in range(libggml.ggml_backend_dev_count()):
        device = ctypes.c_void_p(libggml.ggml_backend_dev_get(ctypes.c_size_t(number)))
        if libggml.ggml_backend_dev_type(device) == _GPU_OF_ITS_OWN:
            libggml.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
            return free.value
    return None


def _ignore(level: int, text: bytes, user_data: object) -> None:
    """After loading, nothing that llama.cpp prints is wanted: it could hold content."""


_SILENCE = _LogCallback(_ignore)


@contextmanager
def _native_errors(native: Any) -> Iterator[list[str]]:
    """Collect what llama.cpp itself says is wrong with a file; it tells its caller only that it failed."""
    errors: list[str] = []

    def collect(level: int, text: bytes, user_data: object) -> None:
        if level == _LOG_LEVEL_ERROR:
            errors.append(text.decode("utf-8", errors="replace"))

    callback = _LogCallback(collect)
    native.llama_log_set(callback, None)
    try:
        yield errors
    finally:
        native.llama_log_set(_SILENCE, None)  # before `callback` is freed


def _reason(errors: list[str]) -> str:
    """The most telling line, without llama.cpp's function names."""
    lines = [re.sub(r"^(\w+: |error loading model: )+", "", line).strip() for line in errors]
    lines = [line for line in lines if line and "failed to load model" not in line.lower()]
    return lines[0][:200] if lines else "llama.cpp cannot load it"
