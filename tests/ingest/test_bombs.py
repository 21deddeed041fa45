"""Documents meant to cost too much, each through a real worker under the limits of the appliance: they end in
time and memory, with text or with the true reason, and the next document is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ingest.sandbox.pool import Pool
from policy.limits import MIB, Limits
from tests.support.bomb import SCANS, TEXT, Bomb
from tests.support.bombs import BOMBS
from tests.support.measured import read_costly
from tests.support.parsing import read, text_of

QUICK = [kind for kind in BOMBS.values() if not kind.slow]
SLOW = [kind for kind in BOMBS.values() if kind.slow]
SECONDS = 20.0
PEAK_MIB = 1e9 / MIB
# Of a page that is read as a picture: what there is in it, or that it takes too long.
PAGE_ENDS = {TEXT, "IMAGE_ONLY", "TIMEOUT", "TOO_LARGE", "TRUNCATED"}
_LOOPS, _LOOPS_S = 3_000_000, 0.09  # on a quiet machine of the kind for which the limits are made


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    started = Pool(1, Limits())
    started.start()
    yield started
    started.close()


def slowness() -> float:
    """How many times slower this machine is now, at least 1."""
    began = time.monotonic()
    for _ in range(_LOOPS):
        pass
    return max(1.0, (time.monotonic() - began) / _LOOPS_S)


def ends(pool: Pool, kind: Bomb) -> None:
    name, content = kind.make()
    before = slowness()
    cost = read_costly(pool, name, content)
    slow = max(before, slowness()) if cost.seconds > SECONDS else 1.0
    first, *pages = cost.ends
    assert first in kind.ends, cost
    assert set(pages) <= PAGE_ENDS, cost
    assert bool(pages) == (first == SCANS), cost
    assert cost.seconds < SECONDS * slow, cost
    assert cost.peak_mib < PEAK_MIB, cost
    assert text_of(read(pool, "an innocent letter")) == "an innocent letter"


@pytest.mark.parametrize("kind", QUICK, ids=lambda kind: kind.name)
def test_a_bomb_ends_and_the_next_document_is_read(pool: Pool, kind: Bomb) -> None:
    ends(pool, kind)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", SLOW, ids=lambda kind: kind.name)
def test_a_bomb_that_burns_long_ends_too(pool: Pool, kind: Bomb) -> None:
    ends(pool, kind)


def test_nothing_from_outside_a_document_is_in_its_text(pool: Pool) -> None:
    name, content = BOMBS["external_entities"].make()
    text = text_of(read(pool, content, name=name))
    assert "root:" not in text
    assert "PATH=" not in text


def test_the_kinds_are_many() -> None:
    assert len(BOMBS) >= 100
