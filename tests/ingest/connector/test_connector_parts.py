"""The connector's pure parts: addresses, sets of UIDs, answers to FETCH."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.connector import spans
from ingest.connector.dialer import refusal
from ingest.connector.fetching import answers, message_of
from ingest.connector.messages import REPLY, Uids


@pytest.mark.parametrize(
    ("host", "addresses", "allowed"),
    [
        ("mail.example.org", ["192.0.2.7"], True),
        ("mail.example.org", ["2001:db8::7", "192.0.2.7"], True),
        ("nas", ["192.168.1.4"], True),
        ("nas", ["fd00::4"], True),
        ("10.0.0.4", ["10.0.0.4"], True),
        ("localhost", ["127.0.0.1", "::1"], True),
        ("LOCALHOST.", ["127.0.0.1"], True),
        ("127.0.0.5", ["127.0.0.5"], True),
        ("::1", ["::1"], True),
        ("::ffff:127.0.0.1", ["::ffff:127.0.0.1"], True),
        ("localhost", ["192.0.2.7"], False),
        ("mail.example.org", ["127.0.0.1"], False),
        ("mail.example.org", ["192.0.2.7", "127.0.0.1"], False),  # rebinding: one is enough
        ("mail.example.org", ["::1"], False),
        ("mail.example.org", ["::ffff:127.0.0.1"], False),
        ("127.1", ["127.0.0.1"], False),
        ("localhost.example.org", ["127.0.0.1"], False),
        ("mail.example.org", ["0.0.0.0"], False),
        ("mail.example.org", ["0.1.2.3"], False),
        ("mail.example.org", ["::"], False),
        ("mail.example.org", ["169.254.169.254"], False),
        ("mail.example.org", ["::ffff:169.254.169.254"], False),
        ("mail.example.org", ["fe80::1%eth0"], False),
        ("fe80::1", ["fe80::1"], False),
        ("mail.example.org", ["224.0.0.251"], False),
        ("mail.example.org", ["ff02::fb"], False),
        ("mail.example.org", ["255.255.255.255"], False),
        ("mail.example.org", ["240.0.0.1"], False),
    ],
)
def test_which_addresses_may_be_connected_to(host: str, addresses: list[str], allowed: bool) -> None:
    reason = refusal(host, addresses)
    assert (reason is None) == allowed, reason


UID = st.integers(1, 400)


@given(st.lists(st.tuples(UID, UID)), UID)
def test_spans_hold_what_was_put_in(pairs: list[tuple[int, int]], first: int) -> None:
    written = ",".join(f"{a}:{b}" for a, b in pairs).encode()
    held = spans.Spans(spans.ranges(written), first)
    expected = {uid for a, b in pairs for uid in range(min(a, b), max(a, b) + 1) if uid >= first}
    assert {uid for a, b in held for uid in range(a, b + 1)} == expected
    assert held.count() == len(expected)
    listed = list(held)
    assert all(a <= b for a, b in listed)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(listed))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(held.packed()), type=REPLY) == Uids(
        ranges=tuple(listed)
    )


@given(st.sets(st.integers(1, 2**32 - 1)), st.integers(5, 100))
def test_sets_in_commands_name_each_uid_once_and_stay_short(uids: set[int], most: int) -> None:
    lines = list(spans.written(sorted(uids), most))
    assert all(len(line) <= most + 22 for line in lines)
    named = spans.Spans(spans.ranges(",".join(lines).encode()))
    assert {uid for a, b in named for uid in range(a, b + 1)} == uids


HEADS = [
    b'1 (UID 7 RFC822.SIZE 5 INTERNALDATE "21-Nov-2026 06:30:00 +0100" BODY[]<0> {5}',
    b'1 (RFC822.SIZE 5 UID 7 INTERNALDATE "21-Nov-2026 06:30:00 +0100" BODY[] {5}',
    b'1 (FLAGS (\\Seen) UID 7 INTERNALDATE "21-Nov-2026 06:30:00 +0100" RFC822.SIZE 5 BODY[]<0> {5}',
]


@pytest.mark.parametrize("head", HEADS)
def test_the_quick_way_and_the_parser_say_the_same(head: bytes) -> None:
    quick = message_of([(head, b"seven"), b")"])
    parsed = message_of([(head, b"seven"), b" MODSEQ (5))"])
    assert quick is not None
    assert quick == parsed
    assert (quick.uid, quick.content, quick.size, quick.received_at) == (7, b"seven", 5, 1795239000.0)


@given(st.lists(st.one_of(st.binary(max_size=40), st.tuples(st.binary(max_size=40), st.binary(max_size=9)))))
def test_nonsense_is_no_message_and_no_exception(parts: list[bytes | tuple[bytes, bytes]]) -> None:
    for answer in answers(parts):
        message_of(answer)
        message_of([(HEADS[0], b"seven"), *answer])
