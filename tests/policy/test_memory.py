"""Secrets are locked in memory while they live, and not longer; where they cannot be, all goes on."""

from __future__ import annotations

import os
import resource

import pytest

from policy import memory
from policy.redact import Private
from store.keys import Keys
from tests.support.confined import outcomes

PAGE = resource.getpagesize()


def _flags(address: int) -> set[str]:
    """What the kernel says of the mapping that holds it."""
    inside = False
    with open("/proc/self/smaps") as maps:
        for line in maps:
            first, _, rest = line.partition("-")
            if rest and all(c in "0123456789abcdef" for c in first):
                inside = int(first, 16) <= address < int(rest.split()[0], 16)
            elif inside and line.startswith("VmFlags:"):
                return set(line.split()[1:])
    raise AssertionError("no such mapping")


@pytest.fixture(autouse=True)
def _lockable() -> None:
    probe = b"probe" * 10
    if not memory.lock(probe):
        pytest.skip("RLIMIT_MEMLOCK lets nothing be locked here")
    memory.unlock(probe)


@pytest.mark.parametrize("value", [os.urandom(32), "secret" * 10, os.urandom(5 * PAGE)], ids=len)
def test_a_secret_is_locked_and_not_dumped_while_it_lives(value: bytes | str) -> None:
    held = Private(value)
    last = id(value) + len(value)
    assert {"lo", "dd"} <= _flags(id(value)) & _flags(last)
    del held
    assert not {"lo", "dd"} & _flags(id(value))


def test_a_page_stays_locked_while_any_secret_lies_on_it() -> None:
    values = [os.urandom(32) for _ in range(200)]  # several to a page
    held = [Private(value) for value in values]
    del held[1:]
    assert {"lo", "dd"} <= _flags(id(values[0]))
    del held
    assert not any({"lo", "dd"} & _flags(id(value)) for value in values)


def test_the_master_key_and_all_that_unfolds_from_it_are_locked() -> None:
    keys = Keys("00" * 16, Private(os.urandom(32)))
    unfolded = [value for value in vars(keys).values() if isinstance(value, Private)]
    assert len(unfolded) >= 5
    for value in [*unfolded, keys.epoch(1)]:
        assert "lo" in _flags(id(value.reveal()))


def test_where_nothing_may_be_locked_secrets_are_held_all_the_same() -> None:
    told = outcomes(
        """
        import resource
        from policy import privileges
        from policy.redact import Private
        privileges.drop_capabilities(frozenset())
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
        value = Private(b"secret" * 10)
        told["locked"] = value._locked
        told["value"] = value.reveal().decode()
        del value
        """
    )
    assert told == {"locked": False, "value": "secret" * 10}
