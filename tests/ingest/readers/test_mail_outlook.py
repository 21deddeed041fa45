"""What Outlook writes: .msg with messages inside, code pages, wrapped HTML; winmail.dat."""

from __future__ import annotations

import base64

import pytest

from tests.support.outlook_mail import Mail, msg, stored_rtf, tnef
from tests.support.reading_mail import Seen, multipart, seen

SENT = (1772528400 + 11_644_473_600) * 10_000_000
INNER = Mail(
    {0x001A: "IPM.Note", 0x0037: "Surge test", 0x1000: "The lamp passed.\r\n", 0x0039: SENT,
     0x1035: "<7@b.example>", 0x0042: "Weiß, Ann", 0x5D02: "ann@b.example"},
    [{0x3001: "Bo", 0x39FE: "bo@b.example"}],
    [({0x3707: "log.csv"}, b"a,b\n1,2\n")],
)  # fmt: skip
OUTER = Mail(
    {0x001A: "IPM.Note", 0x0037: "FW: Surge test", 0x1000: "See inside.", 0x0039: SENT, 0x0C1A: "Cy",
     0x5D01: "cy@b.example"},
    [{0x3001: "Ann", 0x39FE: "ann@b.example"}, {0x3001: "Bo", 0x3003: "/o=Org/cn=bo"}],
    [({0x3707: "Plan.txt", 0x3704: "PLAN~1.TXT"}, b"the plan"), ({0x3001: "Surge test"}, INNER)],
)  # fmt: skip


def check_inner(child: bytes) -> None:
    inner = seen(child)
    assert inner.sender == ("Weiß, Ann", "ann@b.example")
    assert inner.text == "The lamp passed."
    assert inner.files == {"log.csv": b"a,b\n1,2\n"}
    assert (inner.reply.created_at, inner.mail.message_id) == (1772528400.0, "7@b.example")


@pytest.mark.parametrize("narrow", ["", "cp1252"])
def test_a_message_inside_a_message_is_a_child_that_can_be_read(narrow: str) -> None:
    found = seen(msg(OUTER, narrow=narrow), "a.msg")
    assert found.reply.media_type == "application/vnd.ms-outlook"
    assert (found.reply.title, found.text, found.sender) == (
        "FW: Surge test",
        "See inside.",
        ("Cy", "cy@b.example"),
    )
    assert [to.name for to in found.mail.recipients] == ["Ann", "Bo"]
    assert found.reply.created_at == 1772528400.0
    assert list(found.files) == ["Plan.txt", "Surge test.eml"]
    check_inner(found.files["Surge test.eml"])
    assert found.files == seen(msg(OUTER, narrow=narrow), "b.msg").files  # the same message, the same item


@pytest.mark.parametrize("page", [0x3FFD, 0x3FDE])
def test_strings_of_eight_bits_are_read_in_the_messages_code_page(page: int) -> None:
    words = "Лампа уже стоит на столе"
    found = seen(msg(Mail({0x0037: words, 0x1000: words, page: 1251}), narrow="cp1251"), "a.msg")
    assert (found.reply.title, found.text) == (words, words)


def test_the_header_that_came_over_the_wire_is_believed() -> None:
    header = "From: Ann <ann@b.example>\r\nTo: bo@b.example\r\nMessage-ID: <9@b.example>\r\n"
    header += "List-Id: <l.b.example>\r\n"
    found = seen(msg(Mail({0x007D: header, 0x1000: "x", 0x0037: "Lamp"})), "a.msg")
    assert found.sender == ("Ann", "ann@b.example")
    assert (found.mail.message_id, found.mail.marks) == ("9@b.example", ["list"])


WRAPPED = (
    rb"{\rtf1\ansi\ansicpg1251\fromhtml1 {\fonttbl{\f0\fswiss Arial;}{\f1\fswiss\fcharset238 Arial CE;}}"
    rb"{\*\htmltag19 <html>}{\*\htmltag50 <body>}{\*\htmltag64 <p>}\htmlrtf {\f1 \htmlrtf0 "
    rb"The lamp is \'f8 {\*\htmltag84 <b>}\htmlrtf {\b \htmlrtf0 on\htmlrtf }\htmlrtf0 {\*\htmltag92 </b>}"
    rb" \u8211? \{now\}\htmlrtf \par}\htmlrtf0 {\*\htmltag72 </p>}{\*\htmltag58 </body>}{\*\mhtmltag <x>}}"
)


def test_html_wrapped_into_rich_text_is_unwrapped() -> None:
    found = seen(msg(Mail({0x0037: "Lamp", 0x1009: stored_rtf(WRAPPED)})), "a.msg")
    assert found.text == "The lamp is ř on – {now}"
    plain = stored_rtf(rb"{\rtf1\ansi The lamp is on.\par}")
    assert seen(msg(Mail({0x0037: "Lamp", 0x1009: plain})), "a.msg").text == "The lamp is on."
    damaged = seen(msg(Mail({0x0037: "Lamp", 0x1009: b"short"})), "a.msg")
    assert damaged.reply.partial == "the formatted body is damaged"


def winmail(mail: Mail, words: bytes = b"") -> Seen:
    head = b"Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\n"
    text = b"Content-Type: text/plain\n\n" + words
    return seen(multipart("mixed", text, head + base64.encodebytes(tnef(mail))))


def test_winmail_is_unpacked_into_its_message() -> None:
    found = winmail(OUTER)
    assert found.text == "See inside."
    assert list(found.files) == ["Plan.txt", "Surge test.eml"]
    check_inner(found.files["Surge test.eml"])
    assert winmail(OUTER, b"The same words.").text == "The same words."
    rich = Mail({0x1009: stored_rtf(WRAPPED)})
    assert winmail(rich).text == "The lamp is ř on – {now}"


def test_winmail_alone_and_cut_off() -> None:
    content = tnef(OUTER)
    alone = seen(content, "winmail.dat")
    assert (alone.reply.media_type, alone.reply.title) == ("application/vnd.ms-tnef", "FW: Surge test")
    assert alone.files["Plan.txt"] == b"the plan"
    for size in range(6, len(content), 23):
        reply = seen(content[:size], "winmail.dat").reply
        assert reply.elements or reply.reason, size


def test_messages_within_messages_end_somewhere() -> None:
    mail = INNER
    for _ in range(12):
        mail = Mail({0x0037: "again", 0x1000: "more"}, [], [({}, mail)])
    for found in (seen(msg(mail), "a.msg"), seen(tnef(mail), "winmail.dat")):
        assert found.reply.title == "again"
        assert len(found.files) == 1


def test_a_meeting_and_a_signed_message_are_marked() -> None:
    times = {0x0060: SENT, 0x0061: SENT + 36_000_000_000}
    meeting = Mail({0x001A: "IPM.Schedule.Meeting.Request", 0x0037: "Site", 0x1000: "Come.", **times})
    found = seen(msg(meeting), "a.msg")
    assert found.mail.marks == ["invitation"]
    assert found.text == "When: Tue 3 March 2026, 09:00 to 10:00 (UTC)\n\nCome."
    inner = multipart(
        "signed", b"Content-Type: text/plain\n\nthe lamp is on", b"Content-Type: text/plain; name=a\n\nb"
    )
    signed = Mail(
        {0x001A: "IPM.Note.SMIME.MultipartSigned", 0x0037: "Site"}, [], [({0x3707: "smime.p7m"}, inner)]
    )
    found = seen(msg(signed), "a.msg")
    assert (found.text, found.mail.marks) == ("the lamp is on", ["signed (S/MIME)"])


def test_sectors_of_an_absurd_size_are_damage() -> None:
    content = bytearray(msg(OUTER))
    content[32:34] = b"\x48\x00"  # MS-CFB, mini sector shift: 2 to the power of 72
    reply = seen(bytes(content), "a.msg").reply
    assert reply.elements or reply.reason == "TRUNCATED"


def test_a_draft_has_the_date_of_its_making() -> None:
    assert seen(msg(Mail({0x0037: "Draft", 0x3007: SENT})), "a.msg").reply.created_at == 1772528400.0
