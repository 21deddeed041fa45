"""Damaged documents through real workers: each is read, partly read, or refused with a true reason; no reader
fails with an exception of its own, and no worker dies.

More of them, also of other documents: `python -m tests.support.mutate --folder …`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.readers import samples
from ingest.sandbox.pool import Pool
from policy.limits import Limits
from tests.support.mutate import Source, damaged_source, files_of, read_damaged

FIXTURES = Path(__file__).parents[2] / "fixtures"
FOLDER = "STRONGROOM_DOCUMENTS"  # a folder of the owner's, whose documents are damaged too, nightly
QUICK, NIGHTLY = 500, 100_000


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return [*samples.documents(), *files_of([FIXTURES])]


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    started = Pool(None, Limits())
    started.start()
    yield started
    started.close()


def test_damaged_documents_end_with_a_true_reason(pool: Pool, sources: list[Source]) -> None:
    seed = int(time.time())
    print(f"seed {seed}")
    tally = read_damaged(pool, sources, seed, range(QUICK), pages=0.02)
    assert tally.bugs == []
    assert sum(tally.ends.values()) == QUICK


@pytest.mark.nightly
def test_a_hundred_thousand_damaged_documents_end_with_a_true_reason(
    pool: Pool, sources: list[Source]
) -> None:
    if FOLDER in os.environ:
        sources = [*sources, *files_of([Path(os.environ[FOLDER])])]
    seed = int(time.time())
    print(f"seed {seed}")
    tally = read_damaged(pool, sources, seed, range(NIGHTLY), pages=0.01)
    assert tally.bugs == []


def test_a_seed_gives_the_same_damage_again(sources: list[Source]) -> None:
    assert [damaged_source(sources, 7, n) for n in range(50)] == [
        damaged_source(sources, 7, n) for n in range(50)
    ]
    assert damaged_source(sources, 7, 0) != damaged_source(sources, 8, 0)
