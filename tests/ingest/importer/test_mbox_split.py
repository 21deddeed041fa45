"""Mailboxes of every dialect come apart into exactly the messages that were put in."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.importer import mbox
from ingest.importer.kinds import Kind, container_kind
from ingest.importer.mbox import split_mbox
from ingest.importer.postmark import postmark
from tests.support.mailboxes import DIALECTS, POSTMARK, Bytes, apart, message, write_mbox

LINES = st.sampled_from(
    [
        b"",
        b"Hello",
        b"From me to you",
        b">From what I see",
        b">>From what you saw",
        b"From joe@example.org Mon Jan  5 09:03:11 2026",
        b">From joe@example.org Mon Jan  5 09:03:11 2026",
        b"Subject: not a header",
        b"Received: neither",
        b"x" * 90,
        "Grüße".encode(),
    ]
)
BODIES = st.lists(LINES, max_size=9)
BOXES = st.lists(st.tuples(BODIES, st.booleans()), min_size=1, max_size=6)


def undoable(box: list[tuple[list[bytes], bool]], dialect: str) -> list[tuple[list[bytes], bool]]:
    """A mailbox without the lines that its dialect does not keep apart.

    What mboxo wrote as ">From " may have been "From " or not. That mboxcl2 quotes nothing shows only by a
    line that anybody else would have quoted.
    """
    shows = any(line.startswith(b"From ") for lines, _ in box for line in lines)
    if dialect != "mboxo" and (dialect != "mboxcl2" or shows):
        return box
    return [([line for line in lines if not line.startswith(b">")], ends) for lines, ends in box]


def messages_of(box: list[tuple[list[bytes], bool]], eol: bytes) -> list[bytes]:
    made = []
    for number, (lines, ends) in enumerate(box):
        whole = message(number, lines, eol)
        made.append(whole if ends or not lines else whole.removesuffix(eol))
    return made


@pytest.mark.parametrize("dialect", DIALECTS)
@given(box=BOXES, eol=st.sampled_from([b"\n", b"\r\n"]), step=st.sampled_from([17, 1000, 1 << 20]))
@settings(max_examples=120, deadline=None)
def test_every_dialect(dialect: str, box: list[tuple[list[bytes], bool]], eol: bytes, step: int) -> None:
    messages = messages_of(undoable(box, dialect), eol)
    found = apart(split_mbox(Bytes(write_mbox(messages, dialect, eol), step), 0))
    if not dialect.startswith("mboxcl"):  # without lengths, an end of line is all that ends a message
        messages = [each if each.endswith(eol) else each + eol for each in messages]
    assert list(found.messages.values()) == messages
    assert not found.lost


@pytest.mark.parametrize("dialect", DIALECTS)
@given(box=BOXES, seekable=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_large_messages_come_in_parts(
    dialect: str, box: list[tuple[list[bytes], bool]], seekable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mbox, "SMALL_BYTES", 3_000)
    filler = [b"y" * 70] * 150  # more than is ever held back
    box = [([*filler, *lines, *filler], True) for lines, _ in undoable(box, dialect)]
    messages = messages_of(box, b"\n")
    found = apart(split_mbox(Bytes(write_mbox(messages, dialect), 4_096, seekable=seekable), 0))
    if seekable or not dialect.startswith("mboxcl"):
        assert list(found.messages.values()) == messages
    elif dialect == "mboxcl" or not any(b"From joe" in each for each in messages):
        # A length that cannot be looked up stays in the header, and the separating lines are searched for.
        assert [each.count(b"\n") - 1 for each in found.messages.values()] == [
            each.count(b"\n") for each in messages
        ]


@given(box=BOXES, data=st.data())
@settings(max_examples=60, deadline=None)
def test_going_on_at_any_position_gives_the_rest(
    box: list[tuple[list[bytes], bool]], data: st.DataObject
) -> None:
    content = write_mbox(messages_of(box, b"\n"))
    whole = apart(split_mbox(Bytes(content), 0))
    after = data.draw(st.integers(0, len(whole.positions) - 1))
    for seekable in (True, False):
        rest = apart(split_mbox(Bytes(content, seekable=seekable), whole.positions[after]))
        assert list(rest.messages.items()) == list(whole.messages.items())[after + 1 :]


def test_lying_lengths_are_not_believed() -> None:
    for lie in (0, 5, 30, 40_000, 10**11):
        first = message(1).replace(b"Subject:", b"Content-Length: %d\nSubject:" % lie)
        box = write_mbox([first, message(2)], "mboxo")
        assert [len(each) for each in apart(split_mbox(Bytes(box), 0)).messages.values()] == [
            len(first),
            len(message(2)),
        ]


@pytest.mark.parametrize(
    "line",
    [
        b"From joe@example.org Mon Jan  5 09:03:11 2026",
        b"From joe@example.org  Mon Jan  5 09:03:11 2026 +0100",
        b"From - Mon Jan 05 09:03:11 2026",
        b"From 1853047291857@xxx Mon Jan 05 09:03:11 +0000 2026",
        b"From MAILER-DAEMON Fri Jul  8 12:08:34 2011",
        b"From joe@example.org Mon Jan  5 09:03 2026",
        b"From joe@example.org Mon Jan  5 09:03:11 PST 2026",
        b"From joe at example.org  Mon Jan  5 09:03:11 2026",
        b'From "Joe Doe"@example.org Mon Jan  5 09:03:11 2026',
        b"From joe@example.org Mon, 05 Jan 2026 09:03:11 +0000",
        b"From joe 2026-01-05T09:03:11",
        b"From joe@example.org Mon Jan  5 09:03:11 2026 remote from example",
        b"From ???@??? Mon Jan 05 09:03:11 2026",
    ],
)
def test_lines_that_separate(line: bytes) -> None:
    assert postmark(line + b"\nSubject: x\n", after_blank=True) == len(line) + 1


@pytest.mark.parametrize(
    "text",
    [
        b"From here on it gets steep.\nThe path",
        b"From Monday, January 5 at 9:30 in 2026 we meet.\nBring boots",
        b"From: Joe\nSubject: x",
        b"From joe@example.org\nSubject: x",
        b"From joe@example.org Mon Jan  5 09:03:11 2026",
    ],
)
def test_lines_of_a_text(text: bytes) -> None:
    assert not postmark(text, after_blank=text == b"")


def test_texts_that_nobody_escaped() -> None:
    body = [
        b"",
        b"From here on it gets steep.",
        b"",
        b"From Monday 5 January 2026 at 9:30:",
        b"bring boots",
        b"From x",
    ]
    messages = [message(1, body), message(2)]
    box = b"".join(POSTMARK + b"\n" + each + b"\n" for each in messages)
    assert list(apart(split_mbox(Bytes(box), 0)).messages.values()) == messages


def test_garbage_first_and_no_blank_lines_between() -> None:
    entries = [POSTMARK + b"\n" + message(number) for number in range(3)]
    found = apart(split_mbox(Bytes(b"\0garbage\n" * 400 + b"\n" + b"".join(entries)), 0))
    assert list(found.messages.values()) == [message(number) for number in range(3)]
    assert list(found.lost) == ["0"]


def test_what_the_mail_program_noted_does_not_count() -> None:
    plain = message(1)
    noted = {
        "Thunderbird": plain.replace(
            b"From: Joe",
            b"X-Mozilla-Status: 0001\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys:   \nFrom: Joe",
        ),
        "Berkeley": plain.replace(b"\n\n", b"\nStatus: RO\nX-Status: A\nX-UID: 17\n\n", 1),
        "Gmail": b"X-GM-THRID: 1853047291857\nX-Gmail-Labels: Inbox,\n =?UTF-8?Q?Wichtig?=\n" + plain,
    }
    keys = set()
    for each in noted.values():
        found = apart(split_mbox(Bytes(write_mbox([each])), 0))
        assert list(found.messages.values()) == [plain]
        keys |= set(found.messages)
    assert len(keys) == 1
    theirs = plain.replace(b"\n\n", b"\nStatus: under construction\n\n", 1)
    assert list(apart(split_mbox(Bytes(write_mbox([theirs])), 0)).messages.values()) == [theirs]


def test_what_was_deleted_but_not_cleared_away() -> None:
    gone = b"X-Mozilla-Status: 0009\n" + message(1)
    internal = (
        b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1195120000 0000000001\n\nText\n"
    )
    found = apart(split_mbox(Bytes(write_mbox([internal, gone, message(2)])), 0))
    assert list(found.messages.values()) == [message(2)]
    assert len(found.left_out) == 2


def test_nothing_in_it() -> None:
    assert apart(split_mbox(Bytes(b"no mail\n" * 9), 0)).lost
    assert not apart(split_mbox(Bytes(b""), 0)).messages


def test_what_a_mailbox_is() -> None:
    two = write_mbox([message(1), message(2)])
    assert container_kind(two, "Inbox") is Kind.MBOX
    assert container_kind(b"\xef\xbb\xbf\r\n" + two, "x.txt") is Kind.MBOX
    assert container_kind(write_mbox([message(1)]), "kept.eml") is None  # one message that kept its line
    assert container_kind(message(1), "a.eml") is None
    assert container_kind(b"notes\n\n" + two, "notes.txt") is None
    assert container_kind(b"notes\n\n" + two, "notes.mbox") is Kind.MBOX
    assert container_kind(bytes(1000), "zeros.mbox") is None
