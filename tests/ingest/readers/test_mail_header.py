"""Headers as they are really sent: addresses, dates, encoded words, broken lines."""

from __future__ import annotations

import pytest

from ingest.mail.addresses import split_addresses
from ingest.mail.headers import decode_words, parse_date
from tests.support.reading_mail import letter, seen


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("a@b.example", [("", "a@b.example")]),
        ("Ann <a@b.example>, c@d.example", [("Ann", "a@b.example"), ("", "c@d.example")]),
        ('"Weiß, Ann" <a@b.example>', [("Weiß, Ann", "a@b.example")]),
        ("Weiß, Ann <a@b.example>", [("Weiß, Ann", "a@b.example")]),
        ("Weiß, Ann <a@b.example>; Bo <c@d.example>", [("Weiß, Ann", "a@b.example"), ("Bo", "c@d.example")]),
        ('"Weiß, Ann <a@b.example>', [('"Weiß, Ann', "a@b.example")]),
        (r'"Ann \"Lamp\" Weiß" <a@b.example>', [('Ann "Lamp" Weiß', "a@b.example")]),
        ("friends: Ann <a@b.example>, c@d.example;", [("Ann", "a@b.example"), ("", "c@d.example")]),
        ("undisclosed-recipients:;", []),
        ("a@b.example (Ann (at home))", [("Ann (at home)", "a@b.example")]),
        ("<@relay.example:a@b.example>", [("", "a@b.example")]),
        ("Ann <a @ b . example>", [("Ann", "a@b.example")]),
        ('"a@b.example" <c@d.example>', [("a@b.example", "c@d.example")]),
        ("a@b.example <a@b.example>", [("a@b.example", "a@b.example")]),
        ("=?utf-8?Q?Wei=C3=9F,_Ann?= <a@b.example>", [("=?utf-8?Q?Wei=C3=9F,_Ann?=", "a@b.example")]),
        ("a@b.example c@d.example", [("", "a@b.example"), ("", "c@d.example")]),
        ("MAILER DAEMON <>", [("MAILER DAEMON", "")]),
        ("Ann <a@b.example", [("Ann", "a@b.example")]),
        (", a@b.example, ,", [("", "a@b.example")]),
        ("", []),
    ],
)
def test_addresses_are_told_apart(field: str, expected: list[tuple[str, str]]) -> None:
    assert split_addresses(field, 100) == expected


def test_ten_thousand_recipients_are_cut_and_said_so() -> None:
    many = ", ".join(f'"Nr, {number}" <n{number}@b.example>' for number in range(10_000))
    found = seen(letter(b"hello", f"To: {many}\n"))
    assert len(found.mail.recipients) == 1_000
    assert found.mail.recipients[-1].name == "Nr, 999"
    assert found.reply.partial == "only the first 1,000 recipients were kept"
    assert found.text == "hello"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Tue, 3 Mar 2026 10:00:00 +0100", 1772528400.0),
        ("3 Mar 26 09:00 GMT", 1772528400.0),
        ("Tue, 3 Mar 126 09:00:00 +0000", 1772528400.0),  # a program that counts from 1900
        ("2026-03-03T10:00:00+01:00", 1772528400.0),
        ("2026-03-03 09:00:00", 1772528400.0),
        ("Tue, 3 Mar 2026 09:00:00", 1772528400.0),  # no zone: UTC, wherever this runs
        ("yesterday", None),
        ("Tue, 99 Foo 2026 99:99:99 +9999", None),
        ("Thu, 1 Jan 1803 00:00:00 +0000", None),
        ("", None),
    ],
)
def test_dates(value: str, expected: float | None) -> None:
    found = parse_date(value)
    assert (found and found.at) == expected


def test_a_broken_date_is_replaced_by_the_last_servers() -> None:
    fields = "Received: from a by b; Tue, 3 Mar 2026 10:00:00 +0100\nDate: soon\n"
    assert seen(letter(b"x", fields)).reply.created_at == 1772528400.0


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("=?utf-8?B?TGFtcGU=?= =?utf-8?B?bsO2bA==?=", "Lampenöl"),
        ("=?UTF-8*de?q?Lampen=C3=B6l?=", "Lampenöl"),
        ("=?utf-8?q?Lampen=C3=B6l", "Lampenöl"),  # cut off
        ("=?utf-8?q?Why?now?=", "Why?now"),
        ("=?iso-8859-1?q?Lampen=C3=B6l?=", "Lampenöl"),  # a lie
        ("=?x-none?B?TGFtcGU?=", "Lampe"),
        ("a =?utf-8?q?=C3=B6?=b =?broken", "a öb =?broken"),
    ],
)
def test_encoded_words(field: str, expected: str) -> None:
    assert decode_words(field) == expected


def test_a_subject_is_one_line_whatever_is_in_it() -> None:
    found = seen(letter(b"x").replace(b"Lamp", b"=?utf-8?q?one=0Atwo=00_=1B[31mred?="))
    assert found.reply.title == "one two [31mred"


@pytest.mark.parametrize(
    "head",
    [
        b"\xef\xbb\xbfFrom: Ann <a@b.example>\nSubject: Lamp\nTo: c@d.example\n\n",
        b"\n\n  \nFrom: Ann <a@b.example>\nSubject: Lamp\nTo: c@d.example\n\n",
        b"From ann Tue Mar  3\n>From bo\nFrom: Ann <a@b.example>\nSubject: Lamp\nTo: c@d.example\n\n",
        b"From: Ann <a@b.example>\nthis line is no field\nSubject: Lamp\nTo: c@d.example\n\n",
        b"From  : Ann <a@b.example>\nSubject\t: Lamp\nTo: c@d.example\n\n",
        b"From: Ann <a@b.example>\rSubject: Lamp\rTo: c@d.example\r\r",
        b"From: Ann <a@b.example>\r\r\nSubject: Lamp\r\r\nTo: c@d.example\r\r\n\r\r\n",
        b"From: Ann <a@b.example>\nX-Odd: a\rb\nSubject: Lamp\nTo: c@d.example\n\n",
    ],
)
def test_a_broken_header_is_read_to_its_end(head: bytes) -> None:
    found = seen(head + b"the lamp is on")
    assert found.sender == ("Ann", "a@b.example")
    assert found.reply.title == "Lamp"
    assert [to.email for to in found.mail.recipients] == ["c@d.example"]
    assert found.text == "the lamp is on"


def test_a_header_without_an_empty_line_ends_where_the_words_begin() -> None:
    found = seen(b"From: a@b.example\nSubject: Lamp\nthe lamp is on\nand on")
    assert (found.reply.title, found.text) == ("Lamp", "the lamp is on\nand on")


def test_a_message_saved_as_utf_16() -> None:
    found = seen(letter("für Ann".encode()).decode().encode("utf-16"))
    assert (found.reply.title, found.text) == ("Lamp", "für Ann")


def test_headers_alone_are_a_message() -> None:
    found = seen(b"From: Ann <a@b.example>\nSubject: Lamp\nMessage-ID: <1@b.example>")
    assert found.reply.reason is None
    assert (found.reply.title, found.mail.message_id) == ("Lamp", "1@b.example")


def test_references_of_all_fields_and_folded_ids() -> None:
    fields = "References: <1@a.example>\nReferences: <2@a.example>, <3\n @a.example>\n"
    fields += "In-Reply-To: words <3@a.example>\n"
    found = seen(letter(b"x", fields))
    assert found.mail.references == ["1@a.example", "2@a.example", "3@a.example"]
    assert found.mail.in_reply_to == "3@a.example"


def test_an_absurdly_long_header_is_bounded() -> None:
    fields = "Subject: " + "long " * 200_000 + "\nX-Fill: " + "x" * 3_000_000 + "\n"
    found = seen(fields.encode() + letter(b"the lamp is on"))
    assert found.text == "the lamp is on"
    assert len(found.reply.title or "") <= 500


def test_marks_of_the_header() -> None:
    fields = "List-Id: <lamps.alder.example>\nPrecedence: bulk\nAuto-Submitted: auto-replied\n"
    assert seen(letter(b"x", fields)).mail.marks == ["list", "bulk", "automatic"]
    assert seen(letter(b"x", "Auto-Submitted: no\n")).mail.marks == []


@pytest.mark.parametrize(
    "field",
    [
        "filename*=utf-8''..%2F..%2Fetc%2Fpl%C3%A4ne.txt",
        "filename*0*=utf-8''..%2Fpl%C3; filename*1*=%A4ne.txt",
        'filename="=?utf-8?q?C:\\pl=C3=A4ne.txt?="',
        'filename="pläne.txt"',
        "filename=pläne.txt",
    ],
)
def test_names_of_attachments_are_decoded_and_no_paths(field: str) -> None:
    part = b"Content-Type: text/plain\nContent-Disposition: attachment; " + field.encode() + b"\n\ndata"
    raw = letter(b"--B\n" + part + b"\n--B--\n", kind="multipart/mixed; boundary=B")
    assert list(seen(raw).files) == ["pläne.txt"]
