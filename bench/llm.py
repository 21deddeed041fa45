"""What decoding together is worth: the same prompts in one run as a batch of eight, one by one, by the
library's own high-level call, and by a bare loop over its batch interface that does nothing else.

    python -m bench.llm [--gguf FILE] [--rounds 7] [--chars 120]

The prompts are those of the reader for eight short mails, cut to what they take in an ordinary vocabulary,
or what a short context has room for. All ways decode greedily under the same grammar; ours must say the same,
the bare loop may differ between near equals, since it evaluates prompts in one piece and no row of nobody.
Given are tokens of answers per second (median and range of the rounds, by turns) and how the medians compare.
The prompts share their beginning: the bare loop evaluates it once as well, the high-level call keeps of the
last prompt what the next one shares; "each alone" evaluates every prompt whole. With cells that all sequences
share, what one says depends on the others.

Without a file a model of ordinary proportions with random weights is made.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from enrich.grammar import gbnf
from enrich.llama import LlamaCpp
from enrich.llm import GenerateReply, GenerateRequest
from enrich.llm_reader import instructions
from enrich.schema import ProjectSpec, TagSpec, Vocabulary
from policy.priority import BATCHES, lower
from tests.support.tiny_gguf import ORDINARY, write_tiny_gguf

MAILS = (
    "The scaffold stands. Could you send the revised drawings by Friday?",
    "Thank you for the order. The samples leave here on 9 March.",
    "The roof is tight again, and the roses have recovered.",
    "Please pay the invoice of 844.90 EUR within 28 days.",
    "Nobody opens the door above the mill race until the swallows have flown.",
    "I will bring the original of the certificate to your office on Monday.",
    "The lamp passed all tests; the certificate follows by post.",
    "Is the east wall carrying anything above the first floor?",
)
# Tokens of the instructions: in an ordinary vocabulary, and what a short context leaves of them.
_HEAD, _LEAST_HEAD = 448, 256
VOCABULARY = Vocabulary(
    tags=(TagSpec(name="invoice", description="A bill"), TagSpec(name="building", description="Of the mill")),
    projects=(ProjectSpec(name="Alder House", aliases=("the mill",)),),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--chars", type=int, default=120, help="of an answer, at least")
    options = parser.parse_args()
    lower(BATCHES)  # as documents are decoded, so that no way has more of the processor than another
    with tempfile.TemporaryDirectory() as folder:
        gguf = options.gguf or write_tiny_gguf(Path(folder) / "made.gguf", shape=ORDINARY)
        compare(gguf, options.chars, options.rounds)


def compare(gguf: Path, chars: int, rounds: int) -> None:
    # A text of a given length, for that models which follow no instruction say as much as others.
    schema: dict[str, Any] = {"type": "string", "minLength": chars, "maxLength": chars + 8}
    model = LlamaCpp(gguf)
    requests = _requests(model, json.dumps(schema), chars + 8)
    bare, shared = (Bare(model, requests, gbnf(schema), shared_cells=one) for one in (False, True))
    high = HighLevel(gguf, model, requests, gbnf(schema))
    urgent = [msgspec.structs.replace(request, urgent=True) for request in requests]
    ways: dict[str, Callable[[], list[str]]] = {
        "together": lambda: texts(model, requests),
        "one by one, each alone": lambda: [text for each in urgent for text in texts(model, [each])],
        "one by one, as of eight": lambda: [text for each in requests for text in texts(model, [each])],
        "bare loop, own cells": bare.run,
        "bare loop, shared cells": shared.run,
        "high-level call": high.run,
    }
    said = {name: way() for name, way in ways.items()}  # to warm up
    for text in said["together"]:
        json.loads(text)  # whole: what is given up is quickly done
    spent: dict[str, list[float]] = {name: [] for name in ways}
    worked: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began, worked_before = time.perf_counter(), time.process_time()
            way()
            spent[name].append(time.perf_counter() - began)
            worked[name].append(time.process_time() - worked_before)
    longest = max(len(prompt) for prompt, _ in bare.prompts)
    print(f"{len(requests)} answers of {bare.tokens} tokens in all, to prompts of up to {longest}")
    for name, each in spent.items():
        speeds = f"{bare.tokens / max(each):.0f} to {bare.tokens / min(each):.0f}"
        median, cpu = statistics.median(each), statistics.median(worked[name])
        times = f"together is {median / statistics.median(spent['together']):.2f} times as fast"
        less = f"{cpu / statistics.median(worked['together']):.2f} by processor time"
        same = "the same text" if said[name] == said["together"] else "ANOTHER TEXT"
        print(f"{name:24} {bare.tokens / median:6.0f} tokens/s ({speeds}); {times}, {less}; {same}")
    model.close()


def _requests(model: LlamaCpp, schema: str, chars: int) -> list[GenerateRequest]:
    """One for each mail, with as much of the instructions before it as there is room for."""

    def tokens(text: str) -> int:
        return len(model._tokens(text, begin=True, special=True))

    marker = "----- 0123456789abcdef -----"
    head, tail = instructions(VOCABULARY, marker), f"\n{marker}\nJSON:\n"
    rest = max(tokens(mail) for mail in MAILS) + tokens(tail)
    most = min(4 * chars + 8, model._context - rest - _LEAST_HEAD)
    while tokens(head) > min(_HEAD, model._context - rest - most):
        head = head[: len(head) * 9 // 10]
    return [
        GenerateRequest(head=head, data=mail, tail=tail, schema=schema, max_tokens=most, seconds=600)
        for mail in MAILS
    ]


def texts(model: LlamaCpp, requests: list[GenerateRequest]) -> list[str]:
    """The answers, or what went wrong."""
    replies = model.generate_all(requests)
    return [reply.text if isinstance(reply, GenerateReply) else str(reply) for reply in replies]


class Bare:
    """The least that decodes them together: as llama.cpp's own example of batches."""

    def __init__(
        self, model: LlamaCpp, requests: list[GenerateRequest], grammar: str, *, shared_cells: bool
    ) -> None:
        self.tokens = 0
        self._model = model
        self._native = native = model._native
        self._grammar = grammar.encode()
        self.prompts = [model._prompt(request)[:2] for request in requests]
        parameters = native.llama_context_default_params()
        parameters.n_ctx, parameters.n_seq_max = model._context * (len(requests) + 1), len(requests) + 1
        parameters.n_batch = parameters.n_ubatch = 512
        parameters.kv_unified = shared_cells
        parameters.n_threads = parameters.n_threads_batch = native.llama_n_threads(model._decoder._context)
        self._context = native.llama_init_from_model(model._model, parameters)
        self._memory = native.llama_get_memory(self._context)
        self._batch = native.llama_batch_init(parameters.n_batch, 0, 1)

    def run(self) -> list[str]:
        native, kept = self._native, len(self.prompts)
        native.llama_memory_clear(self._memory, False)
        first, shared = self.prompts[0]
        self._decode([(token, place, kept) for place, token in enumerate(first[:shared])])
        answers: list[list[int]] = [[] for _ in self.prompts]
        places, samplers = [], []
        for sequence, (prompt, _) in enumerate(self.prompts):
            native.llama_memory_seq_cp(self._memory, kept, sequence, -1, -1)
            rest = [(token, shared + at, sequence) for at, token in enumerate(prompt[shared:])]
            self._decode(rest)
            samplers.append(self._sampler())
            places.append(len(prompt))
            answers[sequence].append(native.llama_sampler_sample(samplers[-1], self._context, len(rest) - 1))
        active = list(range(len(answers)))
        while active:
            self._decode([(answers[one][-1], places[one], one) for one in active], every=True)
            ended = []
            for row, one in enumerate(active):
                places[one] += 1
                token = native.llama_sampler_sample(samplers[one], self._context, row)
                if native.llama_vocab_is_eog(self._model._vocabulary, token):
                    ended.append(one)
                else:
                    answers[one].append(token)
            active = [one for one in active if one not in ended]
        for sampler in samplers:
            native.llama_sampler_free(sampler)
        self.tokens = sum(map(len, answers))
        return [self._model._text(answer).decode("utf-8", errors="ignore") for answer in answers]

    def _sampler(self) -> Any:
        native = self._native
        chain = native.llama_sampler_chain_init(native.llama_sampler_chain_default_params())
        grammar = native.llama_sampler_init_grammar(self._model._vocabulary, self._grammar, b"root")
        native.llama_sampler_chain_add(chain, grammar)
        native.llama_sampler_chain_add(chain, native.llama_sampler_init_greedy())
        return chain

    def _decode(self, rows: list[tuple[int, int, int]], *, every: bool = False) -> None:
        batch = self._batch
        batch.n_tokens = len(rows)
        for row, (token, place, sequence) in enumerate(rows):
            batch.token[row], batch.pos[row] = token, place
            batch.n_seq_id[row], batch.seq_id[row][0] = 1, sequence
            batch.logits[row] = every or row == len(rows) - 1
        assert self._native.llama_decode(self._context, batch) == 0


class HighLevel:
    """`Llama.create_completion`, prompt after prompt."""

    def __init__(self, gguf: Path, model: LlamaCpp, requests: list[GenerateRequest], grammar: str) -> None:
        import llama_cpp

        threads = model._native.llama_n_threads(model._decoder._context)
        self._llama = llama_cpp.Llama(
            str(gguf),
            n_ctx=model._context,
            n_gpu_layers=-1,
            n_threads=threads,
            n_threads_batch=threads,
            verbose=False,
        )
        self._grammar = llama_cpp.LlamaGrammar.from_string(grammar, verbose=False)
        self.prompts = [model._prompt(request)[0] for request in requests]
        self._most = requests[0].max_tokens

    def run(self) -> list[str]:
        said = []
        for prompt in self.prompts:
            answer: Any = self._llama.create_completion(
                prompt, max_tokens=self._most, temperature=0.0, grammar=self._grammar
            )
            said.append(answer["choices"][0]["text"])
        return said


if __name__ == "__main__":
    main()
