"""Workers with the real readers: what they stay at over ordinary documents, what they tell of a long one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingest.readers import samples
from ingest.sandbox.pool import Pool
from policy.limits import MIB, Limits
from tests.support.measured import read_costly
from tests.support.parsing import read

STAYS_MIB = 350


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    started = Pool(1, Limits())
    started.start()
    yield started
    started.close()


def test_a_worker_stays_small_over_ordinary_documents_of_all_formats(pool: Pool) -> None:
    [before] = [worker.pid for worker in pool.workers()]
    grown = []
    for _ in range(3):
        for name, content in samples.documents():
            read_costly(pool, name, content)
        [worker] = pool.workers()
        grown.append(worker.rss / MIB)
    assert worker.pid == before  # one and the same, with OCR loaded
    assert grown[-1] < STAYS_MIB
    assert grown[-1] - grown[0] < 20


def test_a_worker_stays_small_over_large_documents_too_or_is_replaced(pool: Pool) -> None:
    for n in range(3):
        read(pool, f"{n} " + "words of a long letter " * 800_000, name="long.txt")
        assert all(worker.rss < STAYS_MIB * MIB for worker in pool.workers())


def test_a_long_pdf_tells_how_far_it_is(pool: Pool) -> None:
    pages = 1_000
    content = samples.pdf([f"This is what is written on page {n} of a long book." for n in range(pages)])
    told: list[tuple[int, int | None]] = []
    reply = read(pool, content, name="long.pdf", tell=lambda done, total: told.append((done, total)))
    assert (reply.pages, reply.partial) == (pages, None)
    assert {element.page for element in reply.elements} == set(range(1, pages + 1))
    assert len(told) >= 2
    assert told == sorted(told)
    assert all(total == pages for _, total in told)
