"""A local language model: the protocol, the messages of the model process, and the core's client of it.

The one implementation that decodes is `enrich/llama.py`; what is asked and what is believed of the answer
stands in `enrich/llm_reader.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Annotated, Protocol, TypeAlias

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
    seconds: Annotated[float, Meta(gt=0, le=3600)]  # of computing for it, after which it is given up
    urgent: bool = False  # a person waits for it: goes before all that is not


class GenerateReply(msgspec.Struct, frozen=True, kw_only=True, tag="generated"):
    """The answer, or why there is none."""

    text: Annotated[str, Meta(max_length=200_000)] = ""
    read: Annotated[int, Meta(ge=0)] = 0  # characters of `data` that fitted
    failed: Annotated[str, Meta(max_length=1000)] | None = None  # this request came to no end; another may
    away: Annotated[str, Meta(max_length=1000)] | None = None  # no request fares better now; later one may
    refused: Annotated[str, Meta(max_length=1000)] | None = None  # the model cannot be used at all


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    """Nobody waits any more for the reply to the last request, which comes all the same, and soon."""


class Llm(Protocol):
    """Generates text under a JSON schema."""

    name: str  # file name of the model
    identity: str  # the same as long as it is the same model

    def generate(self, request: GenerateRequest, cancelled: Event | None = None) -> GenerateReply:
        """The answer: whole JSON of the schema, and how much of the data was read.

        Args:
            cancelled: set, an urgent request is given up.

        Raises:
            ModelRefused: the model cannot be used; asking again is of no use.
            ModelFailed: no whole answer within the bounds.
            ModelAway: the process that runs it died or is not there yet.
        """
        ...


def serve(llm: Llm, request: GenerateRequest, cancelled: Event | None = None) -> GenerateReply:
    """One request in the model process: errors become a reply, because only messages cross."""
    try:
        return llm.generate(request, cancelled)
    except ModelRefused as error:
        return GenerateReply(refused=error.what)
    except ModelFailed as error:
        return GenerateReply(failed=error.what)
    except ModelAway as error:
        return GenerateReply(away=error.what)


Exchange: TypeAlias = Callable[[GenerateRequest, "Event | None"], GenerateReply]


class LlmClient:
    """The model process as an `Llm`, in the core. Thread-safe.

    Args:
        exchange: sends one request to the model process and returns its reply, soon if the event is set;
            raises `WireError` when that process is gone. It owns restarts.
        name: the model's file name.
        identity: see `Llm`.
    """

    def __init__(self, exchange: Exchange, name: str, identity: str) -> None:
        self.name = name
        self.identity = identity
        self._exchange = exchange
        self._refused: str | None = None

    def generate(self, request: GenerateRequest, cancelled: Event | None = None) -> GenerateReply:
        """See `Llm.generate`. A model that was refused once is not asked again."""
        if self._refused is None:
            try:
                reply = self._exchange(request, cancelled)
            except WireError as error:
                raise ModelAway(error.what, item=self.name) from error
            self._refused = reply.refused
            if reply.away is not None:
                raise ModelAway(reply.away, item=self.name)
            if reply.failed is not None:
                raise ModelFailed(reply.failed, item=self.name)
            if self._refused is None:
                return reply
        raise ModelRefused(self._refused, item=self.name)
