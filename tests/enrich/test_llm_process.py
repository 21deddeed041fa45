"""A GGUF in the real, confined model process: read from where the owner keeps it, asked over all wires at
once, unloaded when memory is short, and killed in the middle of a sentence.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from enrich.documents import Documents
from enrich.errors import ModelAway, ModelFailed
from enrich.fit import identity
from enrich.llm import Cancel, GenerateReply, GenerateRequest, LlmClient
from enrich.llm_reader import LlmReader
from enrich.model_worker import _Generator
from enrich.reader import BuiltinReader
from enrich.refresh import EnrichStage
from enrich.schema import TagSpec, Vocabulary
from index.model import AT_ONCE, QUESTION, ModelProcess
from store.records import Element, ElementKind, NewPassage, Reading
from tests.support.homes import put, throwaway_vault
from tests.support.indexing import until
from tests.support.model_processes import model_process
from tests.support.tiny_gguf import write_tiny_gguf

VOCABULARY = Vocabulary(tags=(TagSpec(name="invoice", words=("invoice",)),))


def request(data: str = "A cat.", least: int = 0, **changes: object) -> GenerateRequest:
    schema = json.dumps({"type": "string", "minLength": least, "maxLength": least + 30})
    asked = GenerateRequest(
        head="Read: ", data=data, tail=" Say: ", schema=schema, max_tokens=1800, seconds=120
    )
    return msgspec.structs.replace(asked, **changes)


def client(process: ModelProcess, gguf: Path) -> LlmClient:
    def exchange(one: GenerateRequest, cancelled: threading.Event | None) -> GenerateReply:
        if one.urgent:
            return process.ask(QUESTION, one, GenerateReply, cancelled and (cancelled, Cancel()))
        return process.ask_in_turn(one, GenerateReply)

    return LlmClient(exchange, gguf.name, identity(gguf))


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("owner") / "tiny.gguf")


@pytest.fixture(scope="module")
def process(gguf: Path) -> Iterator[ModelProcess]:
    with model_process(["--gguf", str(gguf)]) as process:
        yield process


def test_it_reads_the_owners_file_and_answers_over_all_wires(process: ModelProcess, gguf: Path) -> None:
    llm = client(process, gguf)
    texts = [f"{number} cats." for number in range(AT_ONCE)]
    alone = [llm.generate(request(text)).text for text in texts]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        together = [reply.text for reply in pool.map(lambda text: llm.generate(request(text)), texts)]
    assert together == alone
    assert llm.generate(request(urgent=True)).read == len("A cat.")


def test_a_question_that_nobody_waits_for_is_given_up_and_the_next_one_answered(
    process: ModelProcess, gguf: Path
) -> None:
    llm, cancelled = client(process, gguf), threading.Event()
    timer = threading.Timer(0.1, cancelled.set)
    timer.start()
    with pytest.raises(ModelFailed, match="nobody waits"):
        llm.generate(request(least=1700, urgent=True), cancelled)
    timer.join()
    assert llm.generate(request(urgent=True), threading.Event()).text


@pytest.mark.nightly
def test_killed_in_the_middle_of_a_sentence_the_document_falls_back_and_is_read_again(
    process: ModelProcess, gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enrich.refresh.FIRST_PAUSE_S", 0.5)
    text = "Please pay the invoice of Ann and Tom by Friday, that invoice is overdue."
    reading = Reading(
        media_type="text/plain",
        text=text,
        elements=(Element(kind=ElementKind.PARAGRAPH, start=0, end=len(text)),),
    )
    asked = threading.Event()

    class Telling(LlmClient):
        """Long answers, and a word when one begins; after the kill, short ones."""

        def generate(self, one: GenerateRequest, cancelled: threading.Event | None = None) -> GenerateReply:
            if asked.is_set():
                return GenerateReply(text='{"actions":[]}', read=len(one.data))
            asked.set()
            return super().generate(msgspec.structs.replace(request(least=1700), data=one.data))

    plain = client(process, gguf)
    llm = Telling(plain._exchange, plain.name, plain.identity)
    with throwaway_vault(tmp_path) as vault:
        item = put(vault, text.encode(), "a.txt").item
        vault.catalog.save_reading(item, reading)
        vault.catalog.save_passages(item, [NewPassage(start=0, end=len(text), text=text, embed=False)])
        readers = [LlmReader(llm, VOCABULARY, vault.catalog), BuiltinReader(VOCABULARY)]
        stage = EnrichStage(vault, readers, Documents(vault.catalog, None))
        stop = threading.Event()
        thread = threading.Thread(target=stage.run, args=(stop,))
        thread.start()
        try:
            assert asked.wait(30)
            time.sleep(0.3)
            os.kill(process.pid or 0, signal.SIGKILL)
            until(lambda: vault.catalog.run_of(item) is not None)
            marked = {run.id: run.version for run in vault.catalog.runs()}
            assert marked[vault.catalog.run_of(item) or 0].endswith("instead of llm:tiny.gguf")
            assert [tag.name for tag in vault.catalog.tags_of(item)] == ["invoice"]
            until(lambda: vault.catalog.run_of(item) not in (None, *marked))
        finally:
            stop.set()
            vault.ledger.poke()
            thread.join()
    process.wait_ready(120)
    assert plain.generate(request()).text


def test_where_memory_gets_short_it_is_unloaded_and_loaded_again_when_asked(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meminfo = tmp_path / "meminfo"

    def left(kilobytes: int) -> None:
        meminfo.write_text(f"MemTotal: 8000000 kB\nMemAvailable: {kilobytes} kB\n")

    left(6_000_000)
    monkeypatch.setattr("enrich.fit._MEMINFO", meminfo)
    monkeypatch.setattr("enrich.model_worker._LOOK_S", 0.01)
    generate = _Generator(gguf)
    first = generate(request())
    assert first.text
    replies: list[GenerateReply] = []
    reading = threading.Thread(target=lambda: replies.append(generate(request(least=1700))))
    reading.start()
    left(100_000)
    until(lambda: generate._llm is None)
    reading.join()
    assert replies[0].away is not None
    refused = generate(request())
    assert (refused.refused, refused.text) == (None, "")
    assert "are free" in (refused.away or "")
    left(6_000_000)
    assert generate(request()) == first
    left(100_000)
    until(lambda: generate._llm is None)


def test_memory_that_is_short_is_no_reason_to_give_a_model_up(gguf: Path) -> None:
    replies = [GenerateReply(away="2.0 GiB are free"), GenerateReply(text='""', read=6)]
    llm = LlmClient(lambda one, _: replies.pop(0), gguf.name, "tiny")
    with pytest.raises(ModelAway, match="free"):
        llm.generate(request())
    assert llm.generate(request()).text == '""'
