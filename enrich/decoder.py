"""Decodes many sequences at once with llama.cpp's batch interface, greedily, each under a grammar of its own.

What a request asks in which words, and what becomes of its tokens, is the business of `enrich/llama.py`.

A question of a person has a lane of its own and goes first: while it is decoded the documents stand still,
their keys and values kept. Between any two calls of llama.cpp the turn can change.

The text of a document does not depend on what else is decoded meanwhile: kernels add up in another order for
one row than for several, so prompts are evaluated one by one, in pieces of one length, and a step of the
documents always has the same number of rows, those of nobody among them. Every sequence has cells of its own.
"""

from __future__ import annotations

import ctypes
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enrich.errors import EnrichError, ModelAway, ModelFailed
from policy.priority import ANSWERS, BATCHES, lower

if TYPE_CHECKING:
    from llama_cpp import llama_cpp as llama

PIECE = {False: 128, True: 512}  # tokens of a prompt at a time: on a processor it lasts, on a GPU it does not
_LOOKS = 8  # at one token each, before all are looked at
_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])  # llama_token_data

Logits = npt.NDArray[np.float32]


class Job:
    """One request on its way. `result` gets the tokens of its answer, or why there are none.

    Args:
        prompt: tokens; the last of them is none of the shared ones.
        shared: how many of its first tokens are those of other jobs as well; their evaluation is kept.
        grammar: llama.cpp's, from now on the decoder's.
        most: tokens of the answer.
        seconds: of computing for this job, after which it is given up.
        cancelled: set, it is given up.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        shared: int,
        grammar: llama.llama_sampler_p,
        most: int,
        seconds: float,
        cancelled: threading.Event | None = None,
    ) -> None:
        self.prompt = list(prompt)
        self.shared = shared
        self.grammar = grammar
        self.most = most
        self.seconds = seconds
        self.cancelled = cancelled
        self.result: Future[list[int]] = Future()
        self.answer: list[int] = []
        self.evaluated = 0  # tokens in the memory of its sequence
        self.spent = 0.0


class _Batch:
    """llama.cpp's arrays for the tokens of one call."""

    def __init__(self, native: Any, size: int) -> None:
        self._native = native
        self.struct = native.llama_batch_init(size, 0, 1)
        arrays = (self.struct.token, self.struct.pos, self.struct.n_seq_id, self.struct.logits)
        self.tokens, self.places, counts, self.wanted = (
            np.ctypeslib.as_array(array, (size,)) for array in arrays
        )
        counts[:] = 1

    def belong(self, sequences: Sequence[int]) -> None:
        """Say whose the tokens are."""
        self.struct.n_tokens = len(sequences)
        for row, sequence in enumerate(sequences):
            self.struct.seq_id[row][0] = sequence

    def free(self) -> None:
        self._native.llama_batch_free(self.struct)


class _Lane:
    """Jobs of one kind and the sequences that they have, from `first` on."""

    def __init__(self, native: Any, first: int, rows: int, kept: int | None, niceness: int) -> None:
        self.sequences = range(first, first + rows)
        self.kept = kept  # the sequence that holds what is shared; None: nothing is
        self.niceness = niceness
        self.shared: list[int] = []
        self.shared_evaluated = 0
        self.waiting: deque[Job] = deque()
        self.jobs: dict[int, Job] = {}  # by sequence
        self.batch = _Batch(native, rows)
        self.batch.belong(self.sequences)

    @property
    def busy(self) -> bool:
        return bool(self.waiting or self.jobs)


class Decoder:
    """A context of a loaded model, and the threads that decode in it. Thread-safe.

    Args:
        native: the module `llama_cpp.llama_cpp`.
        context: made for `rows` + 2 sequences with cells of their own; freed by `close`.
        rows: documents side by side.
        name: of the model, for errors.
    """

    def __init__(self, native: Any, context: Any, rows: int, name: str) -> None:
        self._native = native
        self._context = context
        self._name = name
        self._memory = native.llama_get_memory(context)
        self._vocabulary = native.llama_model_get_vocab(native.llama_get_model(context))
        self._words: int = native.llama_vocab_n_tokens(self._vocabulary)
        self._piece = _Batch(native, native.llama_n_batch(context))
        self._choices = _Choices(native, self._words)
        self._state = threading.Condition()  # guards the lanes' queues and `_closed`
        self._turn = threading.Lock()  # of whoever calls llama.cpp
        self._closed = False
        self._documents = _Lane(native, 0, rows, rows + 1, BATCHES)
        self._questions = _Lane(native, rows, 1, None, ANSWERS)
        lanes = {"documents": self._documents, "questions": self._questions}
        self._threads = [
            threading.Thread(target=self._work, args=(lane,), name=f"decode-{name}", daemon=True)
            for name, lane in lanes.items()
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job, *, urgent: bool) -> None:
        """Decode a job when it is its turn."""
        lane = self._questions if urgent else self._documents
        with self._state:
            if not self._closed:
                lane.waiting.append(job)
                self._state.notify_all()
                return
        self._tell(job, ModelAway("it was unloaded", item=self._name))

    def close(self) -> None:
        """Give up what is being decoded, and free the context."""
        with self._state:
            self._closed = True
            self._state.notify_all()
        for thread in self._threads:
            thread.join()
        for lane in (self._documents, self._questions):
            for sequence in list(lane.jobs):
                self._end(lane, sequence, ModelAway("it was unloaded", item=self._name))
            for job in lane.waiting:
                self._tell(job, ModelAway("it was unloaded", item=self._name))
            lane.batch.free()
        self._piece.free()
        self._native.llama_free(self._context)

    def _work(self, lane: _Lane) -> None:
        """One lane's thread."""
        lower(lane.niceness)
        while self._wait(lane):
            with self._turn:
                self._advance(lane)

    def _wait(self, lane: _Lane) -> bool:
        """Wait for something to do, and for one's turn; False when it is all over."""
        behind = self._questions if lane is not self._questions else None
        with self._state:
            self._state.wait_for(lambda: self._closed or (lane.busy and not (behind and behind.busy)))
            for sequence in lane.sequences:
                if sequence not in lane.jobs and lane.waiting and not self._closed:
                    lane.jobs[sequence] = lane.waiting.popleft()
            return not self._closed

    def _advance(self, lane: _Lane) -> None:
        """One call of llama.cpp for a lane: a piece of a prompt, or a token of every answer."""
        self._drop_cancelled(lane)
        began = time.monotonic()
        filling = next((entry for entry in lane.jobs.items() if not entry[1].answer), None)
        taking_part = [filling] if filling else list(lane.jobs.items())
        try:
            if filling is not None:
                self._fill(lane, *filling)
            elif lane.jobs:
                self._step(lane)
        except EnrichError as error:
            lane.shared = []  # who knows how much of it is there
            for sequence, _ in taking_part:
                self._end(lane, sequence, error)
            return
        took = time.monotonic() - began
        for sequence, job in taking_part:
            job.spent += took
            if job.spent > job.seconds and sequence in lane.jobs:
                told = f"no whole answer within {job.seconds:g} s"
                self._end(lane, sequence, ModelFailed(told, item=self._name))

    def _drop_cancelled(self, lane: _Lane) -> None:
        for sequence, job in list(lane.jobs.items()):
            if job.cancelled is not None and job.cancelled.is_set():
                self._end(lane, sequence, ModelFailed("nobody waits for it any more", item=self._name))

    def _fill(self, lane: _Lane, sequence: int, job: Job) -> None:
        """Evaluate the next piece of a prompt; after the last one, choose the first token of the answer."""
        if not job.evaluated:
            self._native.llama_memory_seq_rm(self._memory, sequence, -1, -1)
            if lane.kept is not None and job.shared:
                if not self._share(lane, lane.kept, job.prompt[: job.shared]):
                    return
                self._native.llama_memory_seq_cp(self._memory, lane.kept, sequence, -1, -1)
                job.evaluated = job.shared
        whole = self._evaluate(sequence, job.prompt, job.evaluated)
        job.evaluated = min(len(job.prompt), job.evaluated + len(self._piece.tokens))
        if whole:
            (row,) = self._logits(1)
            self._take(lane, sequence, row, int(row.argmax()))

    def _share(self, lane: _Lane, kept: int, tokens: list[int]) -> bool:
        """Evaluate a piece of what jobs share, unless that is done; returns whether it was."""
        if lane.shared != tokens:
            self._native.llama_memory_seq_rm(self._memory, kept, -1, -1)
            lane.shared, lane.shared_evaluated = tokens, 0
        if lane.shared_evaluated == len(tokens):
            return True
        self._evaluate(kept, tokens, lane.shared_evaluated)
        lane.shared_evaluated = min(len(tokens), lane.shared_evaluated + len(self._piece.tokens))
        return False

    def _evaluate(self, sequence: int, tokens: list[int], start: int) -> bool:
        """Evaluate one piece of some tokens; returns whether it was the last."""
        piece = tokens[start : start + len(self._piece.tokens)]
        whole = start + len(piece) == len(tokens)
        count = len(piece)
        self._piece.belong([sequence] * count)
        self._piece.tokens[:count] = piece
        self._piece.places[:count] = range(start, start + count)
        self._piece.wanted[:count] = 0
        self._piece.wanted[count - 1] = whole
        self._decode(self._piece)
        return whole

    def _step(self, lane: _Lane) -> None:
        """Take one token of every answer in, and choose the next of each."""
        batch = lane.batch
        for row, sequence in enumerate(lane.sequences):
            if job := lane.jobs.get(sequence):
                batch.tokens[row], batch.places[row] = job.answer[-1], job.evaluated
            else:
                self._native.llama_memory_seq_rm(self._memory, sequence, -1, -1)
                batch.tokens[row], batch.places[row] = 0, 0
        batch.wanted[:] = 1
        self._decode(batch)
        logits = self._logits(len(lane.sequences))
        for row, best in enumerate(logits.argmax(1).tolist()):
            sequence = lane.sequences[row]
            if sequence in lane.jobs:
                lane.jobs[sequence].evaluated += 1
                self._take(lane, sequence, logits[row], best)

    def _decode(self, batch: _Batch) -> None:
        if code := self._native.llama_decode(self._context, batch.struct):
            raise ModelFailed(f"llama.cpp gave up ({code})", item=self._name)

    def _logits(self, rows: int) -> Logits:
        """Of the last call, shape (rows, words); valid until the next."""
        pointer = self._native.llama_get_logits(self._context)
        return np.ctypeslib.as_array(pointer, (rows, self._words))

    def _take(self, lane: _Lane, sequence: int, logits: Logits, best: int) -> None:
        """Add the likeliest token that the grammar allows to a job's answer."""
        job = lane.jobs[sequence]
        try:
            token = self._choices.allowed(job.grammar, logits, best)
        except LookupError:
            return self._end(lane, sequence, ModelFailed("it has no words for the answer", item=self._name))
        if self._native.llama_vocab_is_eog(self._vocabulary, token):
            return self._end(lane, sequence, None)
        if len(job.answer) == job.most:
            told = ModelFailed(f"no whole answer within {job.most} tokens", item=self._name)
            return self._end(lane, sequence, told)
        self._native.llama_sampler_accept(job.grammar, token)
        job.answer.append(token)
        return None

    def _end(self, lane: _Lane, sequence: int, error: EnrichError | None) -> None:
        """Free a job's sequence and tell how it ended."""
        with self._state:
            job = lane.jobs.pop(sequence)
            self._state.notify_all()
        self._native.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        self._tell(job, error)

    def _tell(self, job: Job, error: EnrichError | None) -> None:
        self._native.llama_sampler_free(job.grammar)
        if error is not None:
            job.result.set_exception(error)
        else:
            job.result.set_result(job.answer)


class _Choices:
    """llama.cpp's list of candidates, for one token and for all."""

    def __init__(self, native: Any, words: int) -> None:
        self._native = native
        self._one = native.llama_token_data()
        self._one_list = self._list(ctypes.pointer(self._one), 1)
        self._all = np.zeros(words, _DATA)
        self._all_list = self._list(self._all.ctypes.data_as(native.llama_token_data_p), words)
        self._ids = np.arange(words)

    def _list(self, data: Any, size: int) -> Any:
        rows = self._native.llama_token_data_array(data=data, size=size, selected=-1, sorted=False)
        return ctypes.byref(rows)

    def allowed(self, grammar: Any, logits: Logits, best: int) -> int:
        """The token of the largest logit that a grammar allows, in as many looks as it takes: mostly it is
        one of the largest of all, and asking about one takes a fraction of asking about all.

        Args:
            logits: those of tokens that are not allowed are taken out.
            best: the token of the largest of all.

        Raises:
            LookupError: it allows none.
        """
        for _ in range(_LOOKS):
            self._one.id, self._one.logit = best, logits[best]
            self._native.llama_sampler_apply(grammar, self._one_list)
            if math.isfinite(self._one.logit):
                return best
            logits[best] = -math.inf
            best = int(logits.argmax())
        self._all["id"], self._all["logit"] = self._ids, logits
        self._native.llama_sampler_apply(grammar, self._all_list)
        token = int(self._all["logit"].argmax())
        if not math.isfinite(self._all["logit"][token]):
            raise LookupError
        return token
