"""Questions to all papers of the invented office, answered without a language model: most of those that they
answer, hardly any that they do not.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from enrich.ask import Answer, Asker
from enrich.extract import Extractor
from index.embed import SentenceEmbedder
from store.vault import Vault
from tests.support.documents import read_file
from tests.support.homes import LIMITS, put, throwaway_vault
from tests.support.indexing import indexing, until

pytestmark = pytest.mark.nightly
FIXTURES = Path(__file__).parents[2] / "fixtures"
QUESTIONS = tomllib.loads((Path(__file__).parent / "questions.toml").read_text(encoding="utf-8"))["question"]
READ = {".eml", ".txt", ".md", ".docx", ".odt", ".rtf", ".html", ".xlsx", ".pdf", ".epub"}


def take_in(vault: Vault, path: Path) -> None:
    """Read a paper as far as it has text, and store that; what is stored already is not read again."""
    item = put(vault, path.read_bytes(), str(path))
    if not item.created:
        return
    reading = read_file(path.read_bytes(), path.name)
    vault.catalog.save_reading(item.item, msgspec.structs.replace(reading, title=reading.title or path.stem))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Answer]]:
    folder, embedder = tmp_path_factory.mktemp("questions"), SentenceEmbedder()
    with (
        throwaway_vault(folder) as vault,
        indexing(vault, embedder, folder / "index") as (refresher, searcher),
    ):
        for path in sorted((*(FIXTURES / "mail").glob("*.eml"), *(FIXTURES / "docs").rglob("*.*"))):
            if path.suffix in READ:
                take_in(vault, path)
        until(lambda: not vault.catalog.unchunked(9) and not vault.catalog.unembedded_count(), 300)
        asker = Asker(searcher, Extractor(refresher, embedder, LIMITS), None)
        yield [asker.ask(question["asked"]) for question in QUESTIONS]


def test_most_of_what_the_papers_answer_is_answered_and_hardly_anything_else(answers: list[Answer]) -> None:
    right = wrong = invented = 0
    for question, answer in zip(QUESTIONS, answers, strict=True):
        said = [" ".join(one.text.split()) for one in answer.sentences]
        if "says" in question:
            right += any(question["says"] in one for one in said)
            wrong += bool(said) and not any(question["says"] in one for one in said)
        else:
            invented += bool(said)
    told = f"{right} right, {wrong} wrong of {sum('says' in one for one in QUESTIONS)}; {invented} invented"
    assert right >= 20, told
    assert wrong <= 6, told
    assert invented <= 2, told
