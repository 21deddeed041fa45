"""Workers with the real readers: what they take for ordinary documents, what they tell of a long one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingest.readers import samples
from ingest.sandbox.pool import Pool
from policy.limits import Limits
from tests.support.measured import read_costly
from tests.support.parsing import read

STAYS_MIB = 350


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    started = Pool(1, Limits())
    started.start()
    yield started
    started.close()


def test_ordinary_documents_of_all_formats_take_little_memory(pool: Pool) -> None:
    peaks = {name: read_costly(pool, name, content).peak_mib for name, content in samples.documents()}
    assert len(peaks) > 15
    assert max(peaks.values()) < STAYS_MIB, peaks


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
