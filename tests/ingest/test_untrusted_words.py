"""Whatever another process says, in its schema or not, becomes a clean refusal or something within bounds."""

from __future__ import annotations

import contextlib
import functools
import io
import random
import socket
import tracemalloc

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.connector import messages as connector
from ingest.errors import ParserLied, RemoteFailed, SplitterGone
from ingest.importer import messages as importer
from ingest.importer.splitter import Account
from ingest.readers import samples, table
from ingest.reading import check
from ingest.sandbox.control import Ended, Forked, Ready
from ingest.sandbox.messages import ANSWER, Drawn, Job, Progress, ReadElement, Reply
from ingest.sandbox.weight import weigh
from ingest.scans import read_scans
from ingest.sources.remote import ConnectorRemote
from policy.limits import MIB, Limits
from policy.wire import Wire, WireError
from tests.support.sound import assert_sound

LIMITS = Limits()
CHILDREN = 1000  # bytes that the parser wrote for its children

anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(0, 9), inner),
    max_leaves=20,
)


def believed(body: bytes) -> None:
    """An answer's way from the wire into the store, up to it."""
    try:
        weigh(msgspec.Raw(body), LIMITS)
        untrusted = msgspec.msgpack.decode(body, type=ANSWER)
    except (WireError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    if isinstance(untrusted, Progress | Drawn):
        return
    for untrusted_reply in untrusted:
        try:
            if untrusted_reply.scans:
                untrusted_reply = read_scans(untrusted_reply, lambda _: Reply(reason="EMPTY"), LIMITS)
            outcome = check(untrusted_reply, LIMITS, CHILDREN)
        except ParserLied:
            continue
        assert_sound(outcome, LIMITS, CHILDREN)


@settings(max_examples=60)
@given(anything)
def test_a_parser_may_say_anything(said: object) -> None:
    believed(msgspec.msgpack.encode(said))


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(Reply.__struct_fields__), anything, max_size=4))
def test_a_parser_may_say_anything_in_the_fields_of_a_reply(fields: dict[str, object]) -> None:
    believed(msgspec.msgpack.encode([fields]))


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(ReadElement.__struct_fields__), anything, max_size=4))
def test_a_parser_may_say_anything_in_the_fields_of_an_element(fields: dict[str, object]) -> None:
    believed(msgspec.msgpack.encode([{"elements": [{"kind": "table", "text": "a"} | fields]}]))


@functools.cache
def real_answers() -> tuple[bytes, ...]:
    """Of the sample documents of all formats."""
    return tuple(
        msgspec.msgpack.encode([table.read(io.BytesIO(content), Job(name=name), io.BytesIO())])
        for name, content in samples.documents()
    )


@pytest.mark.parametrize("count", [1_000, pytest.param(100_000, marks=pytest.mark.nightly)])
def test_real_answers_with_damage_are_refused_or_sound(count: int) -> None:
    answers = real_answers()
    for number in range(count):
        believed(damaged(answers[number % len(answers)], random.Random(number)))


def damaged(body: bytes, chance: random.Random) -> bytes:
    """Some bytes exchanged, doubled, taken away, or made into what begins something large."""
    garbled = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(garbled))
        stretch = slice(at, at + chance.randint(1, 40))
        match chance.randrange(5):
            case 0:
                garbled[at] ^= 1 << chance.randrange(8)
            case 1:
                garbled[at] = chance.choice(
                    b"\x80\x8f\x90\x9f\xc0\xc1\xc6\xca\xcb\xcf\xd3\xdb\xdc\xdd\xde\xdf\xff"
                )
            case 2:
                garbled[at:at] = garbled[stretch]
            case 3 if len(garbled) > 100:
                del garbled[stretch]
            case _:
                garbled[stretch] = chance.randbytes(len(garbled[stretch]))
    return bytes(garbled)


@pytest.mark.parametrize(
    "field", ["elements", "children", "scans", "rows", "cells", "marks", "references", "x"]
)
@pytest.mark.parametrize("each", [b"\x80", b"\x90", b"\xa0", b"\x00", b"\x81\xa4rows\x90"])
def test_a_full_frame_takes_no_more_memory_than_its_length_says(field: str, each: bytes) -> None:
    count = 1 << 20
    many = msgspec.Raw(b"\xdd" + count.to_bytes(4, "big") + each * count)
    said: object = {field: many}
    if field in ("rows", "cells"):
        said = {"elements": [{"kind": "table", "text": "", "rows": many if field == "rows" else [many]}]}
    elif field in ("marks", "references"):
        said = {"mail": {field: many}}
    body = msgspec.msgpack.encode([said])
    tracemalloc.start()
    try:
        believed(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(body) + 16 * MIB


def over_the_wire(said: bytes, schema: type) -> object:
    """A frame received as the core receives it."""
    ours, theirs = socket.socketpair()
    with theirs:
        wire = Wire(ours, 1 << 20)
        theirs.sendall(len(said).to_bytes(4, "big") + said)
        try:
            return wire.receive_alone(schema)
        finally:
            wire.close()


@pytest.mark.parametrize("schema", [Ready, Forked, Ended, importer.Told, connector.REPLY])
@settings(max_examples=30)
@given(said=anything | st.lists(st.nothing()).map(lambda _: {"type": "Failed", "failure": "tls", "what": 1}))
def test_what_fits_no_schema_is_an_error_of_the_wire(schema: type, said: object) -> None:
    with contextlib.suppress(WireError):
        over_the_wire(msgspec.msgpack.encode(said), schema)


def test_what_is_nested_too_deeply_is_an_error_of_the_wire() -> None:
    deep = msgspec.msgpack.encode({"layers": [], "tomorrow": msgspec.Raw(b"\x91" * 100_000 + b"\xc0")})
    with pytest.raises(WireError):
        over_the_wire(deep, Ready)


keys = st.sampled_from(["1", "a/b", "", "x" * 2_000, "\x1b[2J", "a\nb"])
numbers = st.integers(-2, 300) | st.sampled_from([2**62, 2**63 - 1, -(2**63)])
told = st.lists(
    st.one_of(
        st.builds(
            importer.Several,
            found=st.lists(st.builds(importer.Found, key=keys, content=st.binary(max_size=9))).map(tuple),
            position=numbers,
            read=numbers,
        ),
        st.builds(importer.Large, key=keys),
        st.builds(importer.Slice, content=st.binary(max_size=9) | st.just(bytes((1 << 20) + 1))),
        st.builds(importer.LargeEnd, position=numbers, read=numbers),
        st.builds(importer.Skipped, key=keys, why=st.text(max_size=9) | st.just("x" * 301), position=numbers),
        st.builds(importer.Going, read=numbers),
        st.builds(
            importer.Finished, position=numbers, foreign=numbers, failed=st.none() | st.text(max_size=9)
        ),
        st.builds(importer.Ready),
    )
)


@given(told)
def test_a_splitter_tells_what_can_be_or_is_gone(words: list[importer.Told]) -> None:
    account = Account(0, 200, LIMITS)
    position, inside = 0, False
    for word in words:
        try:
            account.check(word)
        except SplitterGone:
            return
        assert not isinstance(word, importer.Ready)
        assert isinstance(word, importer.Slice) <= inside
        if isinstance(word, importer.Several | importer.LargeEnd | importer.Skipped | importer.Finished):
            assert position <= word.position < 2**62
            position = word.position
        for found in word.found if isinstance(word, importer.Several) else ():
            assert found.key.isprintable()
            assert 0 < len(found.key) <= importer.KEY_CHARS
        if isinstance(word, importer.Finished):
            assert 0 <= word.foreign < 2**32
        inside = isinstance(word, importer.Large) or (
            inside and isinstance(word, importer.Slice | importer.Going)
        )


def test_a_splitter_that_never_ends_is_gone() -> None:
    account = Account(0, 1000, LIMITS)
    several = importer.Several(found=(importer.Found(key="1", content=b""),) * 400, position=1, read=1)
    for _ in range(600):
        account.check(several)
    with pytest.raises(SplitterGone, match="more than can be"):
        [account.check(several) for _ in range(600)]


wild = st.integers(-2, 9) | st.sampled_from([2**32, 2**63 - 1, 2**64 - 1])
ranges = st.none() | st.lists(st.tuples(wild, wild), max_size=4).map(tuple)
replies = st.one_of(
    st.builds(connector.SignedIn, address=st.text()),
    st.builds(
        connector.Folders,
        folders=st.lists(st.builds(connector.RemoteFolder, name=st.text() | st.just("x" * 2000))).map(tuple),
    ),
    st.builds(connector.Opened, uidvalidity=wild, uidnext=wild, exists=wild, modseq=wild, vanished=ranges),
    st.builds(connector.Uids, ranges=st.lists(st.tuples(wild, wild), max_size=4).map(tuple)),
    st.builds(
        connector.Messages,
        messages=st.lists(
            st.builds(
                connector.Fetched,
                uid=wild,
                content=st.none() | st.binary(max_size=9),
                size=wild,
                received_at=st.floats(),
            )
        ).map(tuple),
    ),
    st.builds(connector.Slice, content=st.none() | st.binary(max_size=9)),
    st.builds(connector.Woken, changed=st.booleans()),
    st.builds(connector.Failed, failure=st.sampled_from(connector.Failure), what=st.text()),
)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(replies)
def test_a_server_says_what_can_be_or_failed(reply: connector.Reply) -> None:
    body = msgspec.msgpack.encode(reply)
    for ask in (0, 1, 2, 3, 4):
        ours, theirs = socket.socketpair()
        with theirs:
            remote = ConnectorRemote(ours)
            theirs.sendall(len(body).to_bytes(4, "big") + body)
            failed = None
            try:
                asked(remote, ask)
            except RemoteFailed as error:
                failed = error.what
            finally:
                remote.close()
            assert failed is None or (failed.isprintable() and len(failed) <= 300)


def asked(remote: ConnectorRemote, ask: int) -> None:
    """One question, and what must hold of its answer."""
    match ask:
        case 0:
            assert all(0 < len(folder.name) <= 1_000 for folder in remote.list_folders())
        case 1:
            opened = remote.examine("INBOX", 1, 1)
            assert 0 < opened.uidvalidity < 2**32
            assert 0 <= opened.exists <= 2_000_000
            assert opened.modseq is None or 0 < opened.modseq < 2**63
            assert all(0 < first <= last < 2**32 for first, last in opened.vanished or ())
        case 2:
            uids = remote.list_uids(3)
            assert uids == sorted(set(uids))
            assert all(3 <= uid < 2**32 for uid in uids)
        case 3:
            fetched = remote.fetch([1, 2, 3], 5)
            assert {each.uid for each in fetched} <= {1, 2, 3}
            assert all(len(each.content or b"") <= 5 for each in fetched)
        case _:
            assert len(remote.fetch_slice(1, 0, 5) or b"") <= 5
