"""The real model process: confined, asked over its wires, killed and started again, refused."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from index.embed import WEIGHTS
from index.errors import EmbedderDown
from index.model import ModelClient, ModelProcess
from policy.limits import Limits
from policy.wire import WireError
from tests.support.indexing import until
from tests.support.model_processes import model_process

TEXTS = ["The roof of Alder House leaks.", "Die Rechnung ist offen.", ""]


@pytest.fixture(scope="module")
def process() -> Iterator[ModelProcess]:
    with model_process() as process:
        yield process


@pytest.fixture
def client(process: ModelProcess) -> ModelClient:
    return ModelClient(process)


def test_it_embeds(client: ModelClient) -> None:
    vectors = client.embed_passages(TEXTS)
    assert vectors.shape == (3, client.dimension)
    assert client.embed_passages([]).shape == (0, client.dimension)
    query = client.embed_query(TEXTS[0])
    assert int((vectors.astype(np.float32) @ query).argmax()) == 0


def test_it_is_confined(process: ModelProcess) -> None:
    status = Path(f"/proc/{process.pid}/status").read_text()
    assert "Seccomp:\t2" in status
    assert "NoNewPrivs:\t1" in status


def test_a_query_does_not_wait_for_a_batch(client: ModelClient) -> None:
    batch = threading.Thread(
        target=client.embed_passages, args=([f"{n} " + "word " * 200 for n in range(96)],)
    )
    batch.start()
    client.embed_query("roof")
    assert batch.is_alive(), "the batch was over before the query was answered"
    batch.join()


def test_at_rest_it_uses_no_cpu(process: ModelProcess) -> None:
    def ticks() -> int:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    time.sleep(0.5)
    before = ticks()
    time.sleep(1.5)
    assert ticks() - before <= 1


def test_killed_it_is_away_and_then_back_with_the_same_vectors(
    process: ModelProcess, client: ModelClient
) -> None:
    before = client.embed_passages(TEXTS)
    pid = process.pid
    assert pid is not None
    failed = threading.Event()

    def ask() -> None:
        try:
            client.embed_passages([f"{number} " + "word " * 200 for number in range(200)])
        except EmbedderDown:
            failed.set()

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.3)
    os.kill(pid, signal.SIGKILL)
    asking.join()
    assert failed.is_set()
    until(lambda: process.trouble is not None)
    with pytest.raises(EmbedderDown):
        client.embed_query("roof")
    process.wait_ready(120)
    assert process.pid != pid
    assert np.array_equal(client.embed_passages(TEXTS), before)


def test_a_model_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS).write_bytes(b"nonsense")
    process = ModelProcess(["--model", str(tmp_path)], Limits())
    process.start()
    try:
        until(lambda: process.trouble not in (None, "it is starting"), 60)
        assert str(tmp_path) in (process.trouble or "")
        with pytest.raises(WireError):
            process.wait_ready(0)
    finally:
        process.close()
    assert process.pid is None
