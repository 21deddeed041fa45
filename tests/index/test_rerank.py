"""A cross-encoder that the owner brings: a real one of a few kilobytes, whose word changes the order, in the
real, confined model process; too slow, killed and stopped; and refused before it is loaded.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from enrich.model_worker import _files
from index.embed import WEIGHTS, Single
from index.errors import ModelRejected, RerankerDown
from index.fuse import Part
from index.model import ModelProcess, RerankClient
from index.query import Mode, Query
from index.rerank import MOST, CrossReranker, Reranker, check_reranker
from index.search import Results, Searcher
from policy.limits import Limits
from store.records import State
from store.vault import Vault
from tests.support.homes import LIMITS, throwaway_vault
from tests.support.indexing import WordHashEmbedder, indexing, read_in, until
from tests.support.tiny_cross_encoder import WORD, write_tiny_cross_encoder

QUESTION = "roof of the mill"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a hub's cache has them: the files are links to elsewhere."""
    owner = tmp_path_factory.mktemp("owner")
    write_tiny_cross_encoder(owner / "blobs")
    (owner / "model").mkdir()
    for path in (owner / "blobs").iterdir():
        (owner / "model" / path.name).symlink_to(path)
    return owner / "model"


@pytest.fixture(scope="module")
def process(folder: Path) -> Iterator[ModelProcess]:
    process = ModelProcess(["--reranker", str(folder)], Limits())
    process.start()
    yield process
    process.close()


@pytest.fixture
def client(process: ModelProcess) -> RerankClient:
    process.wait_ready(120)
    client = RerankClient(process)
    client.start()
    until(lambda: client.trouble is None, 60)
    return client


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path) as vault:
        yield vault


Ask = Callable[[Reranker | None, Mode], Results]


@pytest.fixture
def ask(vault: Vault, tmp_path: Path) -> Iterator[Ask]:
    """Asks twenty documents, of which the one that holds the word answers worst."""
    for number in range(19):
        read_in(vault, f"The roof of the mill, part {number}: the roof and the mill.", f"{number}.txt")
    read_in(vault, f"{WORD} {WORD} for a roof, by the load.", "wanted.txt")
    with indexing(vault, WordHashEmbedder(), tmp_path / "index") as (refresher, _):
        until(lambda: vault.ledger.counts()[State.INDEXED] == 20)

        def ask(reranker: Reranker | None, mode: Mode = Mode.HYBRID) -> Results:
            searcher = Searcher(vault.catalog, refresher, WordHashEmbedder(), LIMITS, reranker)
            return searcher.search(Query(query=QUESTION, mode=mode, limit=20, explain=True))

        yield ask


def names(found: Results) -> list[str]:
    return [hit.name for hit in found.hits]


def test_its_word_changes_the_order_and_says_so(client: RerankClient, ask: Ask) -> None:
    assert names(ask(None, Mode.HYBRID))[-1] == "wanted.txt"
    for mode in (Mode.HYBRID, Mode.SEMANTIC):
        found = ask(client, mode)
        assert found.hits[0].name == "wanted.txt"
        assert found.degraded is None
        says = {hit.name: {say.part: say for say in hit.explanation or ()} for hit in found.hits}
        assert says["wanted.txt"][Part.RERANKED].rank == 1
        assert says["wanted.txt"][Part.RERANKED].share > 0.5
        assert says["1.txt"][Part.RERANKED].share < says["wanted.txt"][Part.RERANKED].share


def test_what_is_found_by_word_alone_never_asks_it(ask: Ask) -> None:
    class Never:
        def scores(self, question: str, passages: Sequence[str]) -> Sequence[float]:
            raise AssertionError

    assert names(ask(Never(), Mode.KEYWORD)) == names(ask(None, Mode.KEYWORD))


def test_what_holds_an_identifier_stays_first(client: RerankClient, vault: Vault, tmp_path: Path) -> None:
    for number in range(20):
        read_in(vault, f"The status: {WORD} {WORD}, case {number}.", f"{number}.txt")
    wanted = read_in(vault, "A slip from the mill that says INV-2024-0093 in red.", "slip.txt")
    embedder = WordHashEmbedder()
    with indexing(vault, embedder, tmp_path / "index") as (refresher, _):
        until(lambda: vault.ledger.counts()[State.INDEXED] == 21)
        searcher = Searcher(vault.catalog, refresher, embedder, LIMITS, client)
        hits = searcher.search(Query(query="status INV-2024-0093", explain=True)).hits
        assert hits[0].item == wanted
        assert Part.RERANKED in {say.part for say in hits[0].explanation or ()}


def test_one_that_hangs_is_not_waited_for_and_not_asked_again_at_once(
    client: RerankClient, process: ModelProcess, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.model.SECONDS", 0.3)
    plain = names(ask(None, Mode.HYBRID))
    os.kill(process.pid or 0, signal.SIGSTOP)
    try:
        late = ask(client, Mode.HYBRID)
        again = ask(client, Mode.HYBRID)
    finally:
        os.kill(process.pid or 0, signal.SIGCONT)
    assert names(late) == names(again) == plain
    assert late.degraded == again.degraded == "not re-ranked: it took longer than 0.3 s"
    assert again.took_ms < late.took_ms


@pytest.mark.nightly
def test_killed_the_order_stays_and_it_is_loaded_again(
    client: RerankClient, process: ModelProcess, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.model._REST_S", 0.0)
    plain = names(ask(None, Mode.HYBRID))
    os.kill(process.pid or 0, signal.SIGSTOP)  # so that it dies while it reads
    timer = threading.Timer(0.3, os.kill, (process.pid, signal.SIGKILL))
    timer.start()
    found = ask(client, Mode.HYBRID)
    timer.join()
    assert names(found) == plain
    assert (found.degraded or "").startswith("not re-ranked: ")
    process.wait_ready(120)
    until(lambda: ask(client, Mode.HYBRID).hits[0].name == "wanted.txt", 60)


def test_many_at_once_are_all_answered(client: RerankClient) -> None:
    texts = [f"{WORD} {'word ' * number}" for number in range(MOST)]
    found: list[Sequence[float]] = []
    threads = [
        threading.Thread(target=lambda: found.append(client.scores(QUESTION, texts))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sorted(each, reverse=True) for each in found] == found == [found[0]] * 4


@pytest.mark.nightly
def test_one_that_cannot_be_used_is_told_and_search_goes_on(folder: Path, tmp_path: Path, ask: Ask) -> None:
    shutil.copytree(folder, tmp_path / "cut")
    weights = tmp_path / "cut" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-100])
    process = ModelProcess(["--reranker", str(tmp_path / "cut")], Limits())
    process.start()
    try:
        process.wait_ready(120)
        client = RerankClient(process)
        client.start()
        until(lambda: "bytes" in (client.trouble or ""), 60)
        assert str(tmp_path / "cut") in (client.trouble or "")
        found = ask(client, Mode.HYBRID)
        assert "bytes" in (found.degraded or "")
        assert names(found) == names(ask(None, Mode.HYBRID))
        assert process.trouble is None
    finally:
        process.close()


def test_it_may_read_these_files_and_no_others(folder: Path) -> None:
    blobs = {str(path.resolve()) for path in folder.iterdir()}
    assert set(_files(None, None, folder)) == {str(folder), *blobs}
    assert _files(None, None, None) == []


# ------------------------------------------------------------------ before it is loaded


def _change(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _pickled(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")


BROKEN: dict[str, Callable[[Path], object]] = {
    "classifies no sequences": lambda folder: _change(folder, architectures=["BertModel"]),
    "2 labels": lambda folder: _change(folder, id2label={"0": "no", "1": "yes"}),
    "code of its own": lambda folder: _change(folder, auto_map={"AutoConfig": "made.Config"}),
    "pickle": _pickled,
    "cannot be read": lambda folder: (folder / WEIGHTS).unlink(),
    "is damaged": lambda folder: (folder / "config.json").write_text('{"architectures": 7}'),
    "description": lambda folder: (folder / WEIGHTS).write_bytes(b"nonsense" * 100),
    "of [0-9]+ bytes": lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-1]),
    "cannot load it": lambda folder: (folder / "tokenizer.json").write_text("{}"),
    "cannot read a sentence": lambda folder: (folder / "tokenizer.json").write_text(
        (folder / "tokenizer.json").read_text().replace('"[UNK]": 1', '"[UNK]": 99')
    ),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_what_is_none_is_refused_with_a_reason(folder: Path, tmp_path: Path, reason: str) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    BROKEN[reason](broken)
    with pytest.raises(ModelRejected, match=reason):
        CrossReranker(broken)


def test_what_does_not_fit_is_refused(folder: Path) -> None:
    check_reranker(folder, 1 << 30)
    with pytest.raises(ModelRejected, match="MiB can be spared"):
        check_reranker(folder, 1 << 20)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRejected, match="No such file"):
        check_reranker(tmp_path / "none", None)


def test_it_keeps_to_its_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    reranker = CrossReranker(folder)
    assert len(reranker.scores(QUESTION, ["a", "b", "c"], 60.0)) == 3
    read, reads = reranker._read, list[int]()

    def slow(pairs: list[tuple[str, str]]) -> Single:
        reads.append(len(pairs))
        time.sleep(0.1)
        return read(pairs)

    monkeypatch.setattr(reranker, "_read", slow)
    with pytest.raises(RerankerDown, match="too long"):
        reranker.scores(QUESTION, ["a"] * MOST, 0.05)
    assert sum(reads) < MOST
