"""A model process that a text has taken over: what it sends is no vector and no score; it is started anew."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

from index import model
from index.errors import EmbedderDown, RerankerDown
from index.model import ModelClient, ModelProcess, RerankClient
from policy.limits import Limits
from tests.support.evil_model import DIMENSION, LIES, SCORES
from tests.support.indexing import until


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelProcess]:
    monkeypatch.setattr(model, "PROGRAM", "tests.support.evil_model")
    monkeypatch.setattr(model, "_BACK_OFF_S", (0.0,))
    started = ModelProcess([], Limits())
    started.start()
    started.wait_ready(60)
    yield started
    started.close()


SOME = ("a number too few", "too long", "not a number", "too deep", "descriptors")


@pytest.mark.parametrize("lies", [SOME, pytest.param((*LIES, "descriptors"), marks=pytest.mark.nightly)])
def test_no_lie_is_taken_for_a_vector(process: ModelProcess, lies: tuple[str, ...]) -> None:
    client = ModelClient(process)
    for lie in lies:
        pid, before = process.pid, len(os.listdir("/proc/self/fd"))
        with pytest.raises(EmbedderDown):
            client.embed_query(lie)
        process.wait_ready(60)
        assert process.pid != pid, lie
        assert len(os.listdir("/proc/self/fd")) == before, lie
        assert np.array_equal(client.embed_query("an honest text"), [1, 0, 0, 0])
    with pytest.raises(EmbedderDown):
        client.embed_passages(["one", "not a number", "three"])
    process.wait_ready(60)
    assert client.embed_passages(["one", "two"]).shape == (2, DIMENSION)


def test_no_lie_is_taken_for_a_score(process: ModelProcess) -> None:
    client = RerankClient(process)
    client.start()
    until(lambda: client.trouble is None)
    for lie in SCORES:
        pid = process.pid
        with pytest.raises(RerankerDown):
            client.scores(lie, ["one", "two"])
        process.wait_ready(60)
        assert process.pid != pid, lie
        assert client.scores("an honest question", ["one", "two"]) == [0.0, -1.0]
