"""The one place that chooses concrete classes and puts them together."""

from __future__ import annotations

import socket
import threading
from datetime import time
from functools import partial
from pathlib import Path

from appliance import api
from appliance.guard import GuardClient
from appliance.mail_operations import MailOperations
from appliance.mcp import Mcp
from appliance.meaning_operations import MeaningOperations
from appliance.operations import Operations
from appliance.report import VERSION, Reporter
from appliance.search_operations import SearchOperations
from appliance.service import Service, Stage
from appliance.settings import Model, Settings, load
from enrich.ask import Asker
from enrich.documents import Documents
from enrich.extract import Extractor
from enrich.fit import identity
from enrich.lessons import Lessons
from enrich.llm import Cancel, GenerateReply, GenerateRequest, LlmClient
from enrich.llm_reader import LlmReader
from enrich.memory import Memory
from enrich.overnight import Overnight
from enrich.reader import BuiltinReader
from enrich.refresh import EnrichStage
from enrich.related import References
from enrich.schema import Vocabulary
from index.answers import Answers
from index.model import QUESTION, ModelClient, ModelProcess, RerankClient
from index.refresh import Refresher
from index.search import Searcher
from index.watch import Watcher
from ingest.converter.convert import Converter
from ingest.importer.imports import Imports
from ingest.intake import Intake
from ingest.mail.accounts import Mailboxes
from ingest.pages import page_image
from ingest.parse import ParseStage
from ingest.sandbox.pool import Pool
from ingest.source import Source
from ingest.sources.drop_folder import FolderSource
from policy.admission import Admission
from policy.errors import ConfinementError
from policy.limits import Limits
from store.records import Origin
from store.vault import Vault

_ALIKE = 5  # of what is most like an item, how many may say the same


def build(
    settings: Settings,
    limits: Limits,
    vault: Vault,
    index_folder: Path,
    guard: GuardClient,
    sockets: dict[str, socket.socket],
    admission: Admission,
    layers: tuple[str, ...],
) -> Service:
    """The service on an open vault.

    Args:
        index_folder: a folder in memory that only this process sees.
        sockets: the listening sockets that were inherited: "unix", and "tcp" where loopback is served.
        admission: shut, it is a service for searching only.
        layers: of this process's own confinement.
    """
    file = settings.file
    process = ModelProcess(_model_arguments(file.model), limits, watched=True)
    model = ModelClient(process)
    refresher = Refresher(vault, model, index_folder)
    reranker = RerankClient(process) if file.model.reranker else None
    searcher = Searcher(vault.catalog, refresher, model, limits, reranker)
    answers = Answers(searcher, vault.catalog, refresher, model, limits)
    llm = _llm(file.model, process)
    memory = Memory(vault.catalog, Asker(searcher, Extractor(refresher, model, limits), llm), limits)
    overnight = _overnight(vault, memory, refresher, file.digest.at, answers)
    intake = Intake(vault, limits, admission)
    imports = Imports(vault, intake, limits, watched=True)
    mailboxes = Mailboxes(vault, intake, limits, lambda: load(settings.home).file.mail, guard.connector)
    pool = Pool(settings.parser_workers, limits, watched=True)
    converter = Converter(guard.converter, limits)
    languages = file.reading.ocr_languages
    parse = ParseStage(vault, pool, limits, converter=converter, ocr_languages=languages, admission=admission)
    vocabulary = Vocabulary(tags=file.tag, projects=file.project)
    enrichment, lessons = _enrichment(vocabulary, vault, llm, model)
    stages: dict[str, Stage] = {
        "model": partial(_think, process, reranker),
        "words": refresher.run_text,
        "vectors": refresher.run_vectors,
        "watch": Watcher(vault, answers.matching, refresher.flush).run,
        "enrich": enrichment.run,
        "overnight": overnight.run,
    }
    if admission.refusal is None:
        stages["read"] = partial(_read, pool, parse, admission)
        stages |= {"mail": mailboxes.run, "imports": imports.run}
        sources = _sources(settings, vault, imports)
        stages |= {source.name: partial(intake.run, source) for source in sources}
    hosts, url = _address(sockets.get("tcp"))
    service = Service(stages, vault.ledger)
    degraded = partial(_degraded, service, admission, process, reranker)

    def told() -> dict[str, tuple[str, ...]]:
        every = {"zygote": pool.layers, "model": process.layers, "converter": converter.layers}
        return {"core": layers} | {row: each for row, each in every.items() if each}

    reporter = Reporter(vault, intake, pool, parse, guard, lambda: process.pid, told, degraded, url)
    operations = Operations(
        vault,
        refresher,
        limits,
        reporter.status,
        SearchOperations(vault, searcher, answers, memory, limits),
        MailOperations(vault, limits, mailboxes, imports, admission),
        MeaningOperations(vault, vocabulary, lessons, References(vault.catalog, searcher)),
        partial(page_image, vault, pool),
        admission,
        overnight.digest,
    )
    tokens, mcp = vault.catalog.token_scopes, Mcp(operations, limits, VERSION).answer
    service.show(sockets["unix"], api.application(operations, limits, tokens, None, mcp))
    if "tcp" in sockets:
        service.show(sockets["tcp"], api.application(operations, limits, tokens, hosts, mcp))
    return service


def _overnight(vault: Vault, memory: Memory, refresher: Refresher, at: str, answers: Answers) -> Overnight:
    return Overnight(vault, memory, refresher, time.fromisoformat(at), partial(answers.like, limit=_ALIKE))


def _degraded(
    service: Service, admission: Admission, process: ModelProcess, reranker: RerankClient | None
) -> list[str]:
    troubles = {
        "nothing is taken in": admission.refusal,
        "search by meaning": process.trouble,
        "re-ranking": None if reranker is None else reranker.trouble,
    }
    return service.degraded + [f"{what}: {why}" for what, why in troubles.items() if why]


def _think(process: ModelProcess, reranker: RerankClient | None, stop: threading.Event) -> None:
    process.start()
    if reranker is not None:
        reranker.start()
    stop.wait()
    process.close()


def _read(pool: Pool, parse: ParseStage, admission: Admission, stop: threading.Event) -> None:
    try:
        pool.start()
        parse.run(stop)
    except ConfinementError as error:
        admission.shut(error)
    finally:
        pool.close()


def _llm(model: Model, process: ModelProcess) -> LlmClient | None:
    """The language model that the owner brought."""
    if model.gguf is None:
        return None

    def exchange(request: GenerateRequest, cancelled: threading.Event | None) -> GenerateReply:
        if request.urgent:
            withdraw = None if cancelled is None else (cancelled, Cancel())
            return process.ask(QUESTION, request, GenerateReply, withdraw)
        return process.ask_in_turn(request, GenerateReply)

    gguf = Path(model.gguf)
    return LlmClient(exchange, gguf.name, identity(gguf))


def _enrichment(
    vocabulary: Vocabulary, vault: Vault, llm: LlmClient | None, model: ModelClient
) -> tuple[EnrichStage, Lessons]:
    """Who says what a text means, the first choice first. What the owner says teaches the built-in reader."""
    documents = Documents(vault.catalog, model)
    lessons = Lessons(vault.catalog, documents, vocabulary)
    builtin = BuiltinReader(vocabulary, model, lessons.taught)
    if llm is None:
        return EnrichStage(vault, [builtin], documents, lessons), lessons
    return EnrichStage(vault, [LlmReader(llm, vocabulary, vault.catalog), builtin], documents), lessons


def _model_arguments(model: Model) -> list[str]:
    named = {"--model": model.embedder, "--reranker": model.reranker, "--gguf": model.gguf}
    return [argument for option, path in named.items() if path for argument in (option, path)]


def _sources(settings: Settings, vault: Vault, imports: Imports) -> list[Source]:
    settings.drop_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sources: list[Source] = [FolderSource("drop", settings.drop_folder, consume=True, importer=imports)]
    for watch in settings.file.watch:
        name = f"watch:{watch.name}"

        def known(name: str = name) -> list[Origin]:
            return [origin for _, origin in vault.catalog.places(name)]

        sources.append(FolderSource(name, Path(watch.folder), consume=False, known=known, importer=imports))
    return sources


def _address(listener: socket.socket | None) -> tuple[frozenset[str], str | None]:
    """The Host values under which the listener is reached, and its URL."""
    if listener is None:
        return frozenset(), None
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return frozenset({shown, f"localhost:{port}"}), f"http://{shown}"
