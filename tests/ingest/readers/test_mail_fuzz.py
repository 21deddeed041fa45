"""Mail damaged at random: always a reading or a reason, never an error or a reply that the core refuses."""

from __future__ import annotations

import base64
import io
import random
from functools import cache

import pytest

from ingest.readers.table import read
from ingest.reading import Accepted, check
from ingest.sandbox.messages import Job
from policy.limits import Limits
from tests.support.outlook_mail import Mail, msg, stored_rtf, tnef
from tests.support.reading_mail import letter, multipart

_WORDS = (
    b"--B\n", b"--B--\n", b"\n\n", b"\r", b"\x00", b"=?utf-8?q?=C3?=", b"begin 644 a\n", b"=ybegin name=a\n",
    b"Content-Type: message/rfc822\n\n", b"Content-Type: multipart/mixed; boundary=B\n\n", b"<" * 50, b'"',
    b"Content-Transfer-Encoding: base64\n", b"charset=utf-7;", b"\xff\xfe", b"{\\*\\htmltag", b";", b",",
    b"BEGIN:VEVENT\n", b"-----BEGIN PGP MESSAGE-----\n", b"filename*0*=x''%", b"From: ", b"=\n", b"(((((",
    b"\x1b$B",
)  # fmt: skip
# Small, so that the limits are met as often as everything else.
_LIMITS = Limits(text_chars=3_000, elements=40, children=3, child_bytes=4_000)


@cache
def seeds() -> tuple[tuple[str, bytes], ...]:
    """One mail of each kind that takes another way through the code."""
    text = b"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
    text += b"On Monday Ann wrote:\n> f=FCr\n\nthe lamp is on\n-- \nBo\n"
    page = b"Content-Type: text/html\n\n<p>the <b>lamp</b></p><blockquote>old</blockquote>"
    event = (
        b"BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:Site\nDTSTART:20260303T100000Z\nEND:VEVENT\n"
    )
    inner = Mail(
        {0x0037: "In", 0x1000: "words", 0x0039: 134_000_000_000_000_000}, [{0x3001: "Bo", 0x3003: "b@b"}]
    )
    outlook = Mail(
        {0x0037: "Out", 0x1009: stored_rtf(rb"{\rtf1\fromhtml1 {\*\htmltag <p>}on \'e4{\*\htmltag </p>}}")},
        [],
        [({0x3707: "a.txt"}, b"the plan"), ({}, inner)],
    )
    winmail = b"Content-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\n"
    status = b"Content-Type: message/delivery-status\n\nStatus: 5.1.1\n\nAction: failed\n"
    signed = (
        b"\x30\x80\x06\x09"
        + bytes.fromhex("2a864886f70d010702")
        + b"\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80"
    )
    signed += b"\x06\x01\x01\xa0\x80\x24\x80\x04\x04\nabc" + bytes(12)
    people = 'To: "Weiß, Ann" <a@b.example>, g: c@d.example;, e@f.example (E)\n'
    people += "Date: Tue, 3 Mar 2026 10:00:00 +0100\n"
    forwarded = b"Content-Type: message/rfc822\n\n" + multipart("alternative", text, page)
    calendar = b"Content-Type: text/calendar\n\n" + event
    return (
        ("m.eml", multipart("mixed", text, page, forwarded, status, fields=people)),
        ("m.eml", multipart("alternative", text, page, calendar, fields=people)),
        ("m.eml", multipart("digest", letter(b"one"), letter(b"two"))),
        ("m.eml", multipart("mixed", text, winmail + base64.encodebytes(tnef(outlook)))),
        ("m.eml", letter(b"see\nbegin 644 a.bin\n#86)C\n`\nend\n=ybegin line=9 name=b\nabc\n=yend\n")),
        (
            "m.eml",
            letter(b"-----BEGIN PGP SIGNED MESSAGE-----\n\nhello\n-----BEGIN PGP SIGNATURE-----\n\nabc\n"),
        ),
        (
            "m.eml",
            letter(base64.b64encode(signed), "Content-Transfer-Encoding: base64\n", "application/pkcs7-mime"),
        ),
        (
            "m.eml",
            letter("Привет".encode("koi8-r"), kind="text/plain; charset=koi8-r; format=flowed; delsp=yes"),
        ),
        ("m.eml", letter(b"x", kind="message/partial; number=2; total=3")),
        ("m.msg", msg(outlook)),
        ("winmail.dat", tnef(outlook)),
        ("m.ics", event),
    )


def mutated(raw: bytes, rng: random.Random) -> bytes:
    """A few random injuries: bytes changed, cut out, doubled, put in, the end lost."""
    data = bytearray(raw)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 3, 20, 200)))
        way = rng.randrange(6)
        if way == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif way == 1:
            del data[at:end]
        elif way == 2:
            data[at:at] = data[at:end] * rng.randint(1, 4)
        elif way == 3:
            data[at:at] = rng.choice(_WORDS)
        elif way == 4:
            data[at:end] = rng.randbytes(end - at)
        elif rng.random() < 0.2:
            del data[at:]
    return bytes(data)


def fuzz(first: int, count: int) -> None:
    """Each round has its own seed, so that one number repeats a failure."""
    for seed in range(first, first + count):
        rng = random.Random(seed)
        name, raw = rng.choice(seeds())
        children = io.BytesIO()
        limits = _LIMITS if seed % 2 else Limits()
        try:
            reply = read(io.BytesIO(mutated(raw, rng)), Job(name=name), children, limits)
            verdict = check(reply, limits, len(children.getvalue()))
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
        if isinstance(verdict, Accepted):
            assert verdict.reading.text or verdict.children or verdict.reading.mail, f"seed {seed}"


def test_three_thousand_damaged_mails() -> None:
    first = random.randrange(1 << 40)
    print(f"seeds from {first}")  # shown when it fails
    fuzz(first, 2_000)
    fuzz(0, 1_000)


@pytest.mark.nightly
def test_a_hundred_thousand_damaged_mails() -> None:
    first = random.randrange(1 << 40)
    print(f"seeds from {first}")
    fuzz(first, 100_000)
