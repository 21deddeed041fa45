"""The stage on a real store: newest first, one failure stops nothing, fallbacks are marked and read again."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from enrich.document import Document
from enrich.documents import Documents
from enrich.errors import ModelAway, ModelFailed, ModelRefused
from enrich.llama import LlamaCpp
from enrich.llm import Exchange, GenerateReply, GenerateRequest, LlmClient, serve
from enrich.llm_reader import LlmReader
from enrich.reader import BuiltinReader
from enrich.refresh import EnrichStage
from enrich.schema import ProjectSpec, TagSpec, Vocabulary
from policy.wire import WireError
from store.records import Element, ElementKind, Findings, NewPassage, Reading, State
from store.vault import Vault
from tests.support.homes import put, throwaway_vault
from tests.support.kept_answers import KeptAnswers
from tests.support.tiny_gguf import write_tiny_gguf

VOCABULARY = Vocabulary(
    tags=(TagSpec(name="invoice", words=("invoice", "amount due")),),
    projects=(ProjectSpec(name="Alder House"),),
)
TEXT = "Please pay the invoice for Alder House, the amount due is 40 EUR."


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path) as opened:
        yield opened


def indexed(vault: Vault, text: str = TEXT) -> str:
    """An item that waits for enrichment."""
    item = put(vault, text.encode(), f"{hash(text)}.txt").item
    element = Element(kind=ElementKind.PARAGRAPH, start=0, end=len(text))
    vault.catalog.save_reading(item, Reading(media_type="text/plain", text=text, elements=(element,)))
    vault.catalog.save_passages(item, [NewPassage(start=0, end=len(text), text=text, embed=False)])
    return item


@contextlib.contextmanager
def running(vault: Vault, stage: EnrichStage) -> Iterator[threading.Thread]:
    """The stage in a thread of its own, stopped at the end of the block whatever happens."""
    stop = threading.Event()
    thread = threading.Thread(target=stage.run, args=(stop,))
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        vault.ledger.poke()
        thread.join()


def wait_until(vault: Vault, condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        vault.ledger.wait(vault.ledger.sequence, 0.02)
    pytest.fail("it did not come true")


class Faulty:
    """A reader that fails as it is told to, and otherwise finds nothing."""

    name = "llm:faulty.gguf"
    version = "1"
    at_once = 1

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.read_items: list[str] = []

    def read(self, document: Document) -> Findings:
        self.read_items.append(document.item.id)
        if self.errors:
            raise self.errors.pop(0)
        return Findings(summary="read by the model")


def builtin() -> BuiltinReader:
    return BuiltinReader(VOCABULARY)


def drain(stage: EnrichStage) -> int:
    total = 0
    while done := stage.step(threading.Event()):
        total += done
    return total


def test_an_item_is_read_and_its_findings_stored(vault: Vault) -> None:
    item = indexed(vault)
    assert drain(EnrichStage(vault, [builtin()], Documents(vault.catalog, None))) == 1
    catalog = vault.catalog
    assert catalog.item(item).state is State.ENRICHED
    assert [tag.name for tag in catalog.tags_of(item)] == ["invoice"]
    assert [link.project for link in catalog.links(item=item)] == ["Alder House"]
    assert catalog.summary(item) == TEXT
    (run,) = catalog.runs()
    assert (run.reader, run.version) == ("builtin", builtin().version)


def test_newest_first(vault: Vault) -> None:
    items = [indexed(vault, f"{TEXT} {number}") for number in range(5)]
    reader = Faulty()
    drain(EnrichStage(vault, [reader], Documents(vault.catalog, None)))
    assert reader.read_items == items[::-1]


def test_one_failing_item_never_stops_the_others(vault: Vault, caplog: pytest.LogCaptureFixture) -> None:
    items = [indexed(vault, f"{TEXT} {number}") for number in range(3)]
    reader = Faulty(ValueError("something with the invoice in it"))
    stage = EnrichStage(vault, [reader], Documents(vault.catalog, None))
    with caplog.at_level(logging.DEBUG):
        assert drain(stage) == 2
    assert vault.catalog.item(items[2]).state is State.INDEXED
    assert reader.read_items.count(items[2]) == 1  # it rests before it is tried again
    assert "ValueError" in caplog.text
    assert "invoice" not in caplog.text


def test_what_rested_is_tried_again(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enrich.refresh.FIRST_PAUSE_S", 0.0)
    item = indexed(vault)
    stage = EnrichStage(vault, [Faulty(ValueError())], Documents(vault.catalog, None))
    assert stage.step(threading.Event()) == 0
    assert stage.step(threading.Event()) == 1
    assert vault.catalog.item(item).state is State.ENRICHED


def test_a_failed_model_is_replaced_marked_and_asked_again(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enrich.refresh.FIRST_PAUSE_S", 0.0)
    item = indexed(vault)
    model = Faulty(ModelFailed("no whole answer"))
    stage = EnrichStage(vault, [model, builtin()], Documents(vault.catalog, None))
    assert stage.step(threading.Event()) == 1
    marked = {run.id: run.version for run in vault.catalog.runs()}
    assert marked[vault.catalog.run_of(item) or 0] == f"{builtin().version} instead of llm:faulty.gguf"
    assert vault.catalog.tags_of(item)
    with running(vault, stage):
        wait_until(vault, lambda: vault.catalog.summary(item) == "read by the model")


def looping(tmp_path: Path) -> Iterator[Exchange]:
    """A real model whose answer comes to no end within its bound."""
    llama = LlamaCpp(write_tiny_gguf(tmp_path / "tiny.gguf"))
    yield lambda request, _: serve(llama, msgspec.structs.replace(request, max_tokens=20))
    llama.close()


def nonsense(_: Path) -> Iterator[Exchange]:
    """What is no whole JSON."""
    yield lambda request, _: GenerateReply(text='{"actions":[{"kind":', read=len(request.data))


def dying(_: Path) -> Iterator[Exchange]:
    """A process that is gone."""

    def gone(request: GenerateRequest, cancelled: object) -> GenerateReply:
        raise WireError("the other process is gone")

    yield gone


@pytest.mark.parametrize("trouble", [looping, nonsense, dying])
def test_a_model_that_loops_or_talks_nonsense_or_dies_is_replaced_marked_and_asked_again(
    vault: Vault,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    trouble: Callable[[Path], Iterator[Exchange]],
) -> None:
    monkeypatch.setattr("enrich.refresh.FIRST_PAUSE_S", 0.0)
    item = indexed(vault)
    troubled = trouble(tmp_path)
    answers = [next(troubled)]

    def exchange(request: GenerateRequest, cancelled: threading.Event | None) -> GenerateReply:
        if answers:
            return answers.pop()(request, cancelled)
        return GenerateReply(text=f'{{"actions":[],"summary":"{TEXT}"}}', read=len(request.data))

    model = LlmReader(LlmClient(exchange, "tiny.gguf", "tiny"), VOCABULARY, KeptAnswers())
    stage = EnrichStage(vault, [model, builtin()], Documents(vault.catalog, None))
    assert stage.step(threading.Event()) == 1
    marked = {run.id: run.version for run in vault.catalog.runs()}
    assert marked[vault.catalog.run_of(item) or 0] == f"{builtin().version} instead of llm:tiny.gguf"
    assert vault.catalog.tags_of(item)
    with running(vault, stage):
        wait_until(vault, lambda: vault.catalog.run_of(item) not in (None, *marked))
    (run,) = (run for run in vault.catalog.runs() if run.id == vault.catalog.run_of(item))
    assert run.reader == "llm:tiny.gguf"
    next(troubled, None)


def test_fallbacks_of_an_earlier_process_are_read_anew(vault: Vault) -> None:
    item = indexed(vault)
    drain(EnrichStage(vault, [Faulty(ModelFailed("died")), builtin()], Documents(vault.catalog, None)))
    later = EnrichStage(vault, [Faulty(), builtin()], Documents(vault.catalog, None))
    later._undo_earlier_fallbacks()
    assert vault.catalog.item(item).state is State.INDEXED
    drain(later)
    assert vault.catalog.summary(item) == "read by the model"


def test_a_refused_model_is_not_asked_twice(vault: Vault) -> None:
    for number in range(3):
        indexed(vault, f"{TEXT} {number}")
    model = Faulty(*[ModelRefused("truncated", item="faulty.gguf")] * 3)
    assert drain(EnrichStage(vault, [model, builtin()], Documents(vault.catalog, None))) == 3
    assert len(model.read_items) == 1


def test_a_model_that_is_away_is_left_in_peace_for_a_while(vault: Vault) -> None:
    items = [indexed(vault, f"{TEXT} {number}") for number in range(3)]
    model = Faulty(*[ModelAway("the process is gone")] * 3)
    assert drain(EnrichStage(vault, [model, builtin()], Documents(vault.catalog, None))) == 3
    assert model.read_items == items[-1:]


def test_as_many_are_read_side_by_side_as_the_reader_wants(vault: Vault) -> None:
    items = [indexed(vault, f"{TEXT} {number}") for number in range(4)]
    together = threading.Barrier(4, timeout=10)

    class Meeting(Faulty):
        at_once = 4

        def read(self, document: Document) -> Findings:
            together.wait()  # passes only where all four are here
            return super().read(document)

    model = Meeting(ModelAway("the process is gone"))
    stage = EnrichStage(vault, [model, builtin()], Documents(vault.catalog, None))
    assert stage.step(threading.Event()) == 4
    runs = {vault.catalog.run_of(item) for item in items}
    assert len(runs) == len(vault.catalog.runs()) == 2
    assert sum(vault.catalog.summary(item) == "read by the model" for item in items) == 3


def test_an_item_deleted_while_it_is_read_is_no_failure(vault: Vault) -> None:
    item = indexed(vault)

    class Deleting(Faulty):
        def read(self, document: Document) -> Findings:
            vault.delete(item)
            return Findings()

    stage = EnrichStage(vault, [Deleting()], Documents(vault.catalog, None))
    assert stage.step(threading.Event()) == 0
    assert stage._waiting == {}


def test_it_follows_the_ledger_until_it_is_told_to_stop(vault: Vault) -> None:
    with running(vault, EnrichStage(vault, [builtin()], Documents(vault.catalog, None))) as thread:
        item = indexed(vault)
        wait_until(vault, lambda: vault.catalog.item(item).state is State.ENRICHED)
        assert thread.is_alive()
    assert not thread.is_alive()


def test_when_the_lists_change_what_is_stored_is_read_anew_in_a_run_that_can_be_taken_back(
    vault: Vault,
) -> None:
    items = [indexed(vault, f"{TEXT} {number}") for number in range(10)]
    drain(EnrichStage(vault, [builtin()], Documents(vault.catalog, None)))
    renamed = Vocabulary(tags=(TagSpec(name="bill", words=("invoice", "amount due")),))
    later = EnrichStage(vault, [BuiltinReader(renamed)], Documents(vault.catalog, None))
    assert later.step(threading.Event()) == 0
    while later.renew(threading.Event()):
        pass
    assert vault.catalog.tag_counts() == {"bill": 10}
    anew, first = vault.catalog.runs()
    assert (anew.items, first.items) == (10, 0)
    assert vault.catalog.undo_run(anew.id) == 10
    assert vault.catalog.tag_counts() == {"invoice": 10}
    assert later.renew(threading.Event()) == 0
    new = indexed(vault, f"{TEXT} of today")
    assert later.step(threading.Event()) == 1
    assert [tag.name for tag in vault.catalog.tags_of(new)] == ["bill"]
    assert vault.catalog.run_of(items[0]) == first.id


def test_nothing_is_read_anew_while_the_model_is_away(vault: Vault) -> None:
    indexed(vault)
    drain(EnrichStage(vault, [Faulty()], Documents(vault.catalog, None)))
    stage = EnrichStage(
        vault, [Faulty(ModelAway("the process is gone")), builtin()], Documents(vault.catalog, None)
    )
    indexed(vault, f"{TEXT} of today")
    assert stage.step(threading.Event()) == 1
    assert stage.renew(threading.Event()) == 0
