"""A local language model: the protocol, the messages of the model process, and the core's client of it.

The one implementation that decodes is `enrich/llama.py`; what is asked and what is believed of the answer
stands in `enrich/llm_reader.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from enrich.errors import ModelAway, ModelFailed, ModelRefused
from policy.wire import WireError


class GenerateRequest(msgspec.Struct, frozen=True, kw_only=True, tag="generate"):
    """Continue `head + data + tail`, constrained to a JSON schema.

    `data` is a document's text: never read as control tokens; what does not fit is cut from its end.
    """

    head: Annotated[str, Meta(max_length=100_000)]
    data: Annotated[str, Meta(max_length=1_000_000)]
    tail: Annotated[str, Meta(max_length=10_000)]
    schema: Annotated[str, Meta(max_length=1_000_000)]  # JSON
    max_tokens: Annotated[int, Meta(ge=1, le=8192)]
    seconds: Annotated[float, Meta(gt=0, le=3600)]  # wall time after which decoding stops


class GenerateReply(msgspec.Struct, frozen=True, kw_only=True, tag="generated"):
    """The answer, or why there is none."""

    text: Annotated[str, Meta(max_length=200_000)] = ""
    read: Annotated[int, Meta(ge=0)] = 0  # characters of `data` that fitted
    failed: Annotated[str, Meta(max_length=1000)] | None = None  # this request came to no end; another may
    refused: Annotated[str, Meta(max_length=1000)] | None = None  # the model cannot be used at all


class Llm(Protocol):
    """Generates text under a JSON schema."""

    name: str  # file name of the model

    def generate(self, request: GenerateRequest) -> GenerateReply:
        """The answer: whole JSON of the schema, and how much of the data was read.

        Raises:
            ModelRefused: the model cannot be used; asking again is of no use.
            ModelFailed: no whole answer within the bounds.
            ModelAway: the process that runs it died or is not there yet.
        """
        ...


def serve(llm: Llm, request: GenerateRequest) -> GenerateReply:
    """One request in the model process: errors become a reply, because only messages cross."""
    try:
        return llm.generate(request)
    except ModelRefused as error:
        return GenerateReply(refused=error.what)
    except ModelFailed as error:
        return GenerateReply(failed=error.what)


class LlmClient:
    """The model process as an `Llm`, in the core.

    Args:
        exchange: sends one request over the model process's wire and returns its reply; raises `WireError`
            when that process is gone. It owns restarts.
        name: the model's file name.
    """

    def __init__(self, exchange: Callable[[GenerateRequest], GenerateReply], name: str) -> None:
        self.name = name
        self._exchange = exchange
        self._refused: str | None = None

    def generate(self, request: GenerateRequest) -> GenerateReply:
        """See `Llm.generate`. A model that was refused once is not asked again."""
        if self._refused is None:
            try:
                reply = self._exchange(request)
            except WireError as error:
                raise ModelAway(error.what, item=self.name) from error
            self._refused = reply.refused
            if reply.failed is not None:
                raise ModelFailed(reply.failed, item=self.name)
            if self._refused is None:
                return reply
        raise ModelRefused(self._refused, item=self.name)
