"""How messages are put together: nested, reported, invited, signed, encrypted, in pieces, and broken."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from tests.support.reading_mail import letter, multipart, seen

TEXT = b"Content-Type: text/plain; charset=utf-8\n\n"
PAGE = b"Content-Type: text/html; charset=utf-8\n\n"


def test_a_digest_gives_its_messages() -> None:
    first = b"\nFrom: a@b.example\nSubject: One\n\nfirst words\n"
    second = b"Content-Type: message/rfc822\n\nFrom: a@b.example\nSubject: Two\n\nsecond words\n"
    found = seen(multipart("digest", first, second))
    assert list(found.files) == ["One.eml", "Two.eml"]
    assert seen(found.files["Two.eml"]).text == "second words"


def test_a_forwarded_message_keeps_its_bytes() -> None:
    inner = b"From: a@b.example\nSubject: " + b"long " * 40 + "é\nX-Raw: \xfc\n\nwörds\n".encode("latin-1")
    found = seen(multipart("mixed", TEXT + b"see", b"Content-Type: message/rfc822\n\n" + inner))
    assert next(iter(found.files.values())) == inner


@pytest.mark.parametrize(
    "stub", ["Your mail program shows no HTML. Open this message in a browser.", "View online", " \n"]
)
def test_a_stub_of_plain_text_gives_way_to_the_page(stub: str) -> None:
    words = "<p>" + "The lamp has passed its tests. " * 20 + "</p>"
    found = seen(multipart("alternative", TEXT + stub.encode(), PAGE + words.encode()))
    assert found.text.startswith("The lamp has passed")
    related = b'Content-Type: multipart/related; boundary="C"\n\n--C\n' + PAGE + words.encode() + b"\n--C--\n"
    assert seen(multipart("alternative", TEXT + stub.encode(), related)).text.startswith(
        "The lamp has passed"
    )


def test_plain_text_that_says_as_much_is_preferred() -> None:
    page = "<style>p{margin:0}</style><p>The lamp <b>passed</b>.</p>" + "<br>" * 300
    assert seen(multipart("alternative", TEXT + b"The lamp *passed*.", PAGE + page.encode())).text == (
        "The lamp *passed*."
    )


def test_a_page_that_shows_nothing_still_gives_its_words() -> None:
    assert seen(letter(b"<title>The lamp passed", kind="text/html")).text == "The lamp passed"
    deep = b"<div>" * 5_000 + b"The lamp passed"
    assert "The lamp passed" in seen(letter(deep, kind="text/html")).text
    assert seen(letter(b"<html><p>The lamp</p></html>")).text == "The lamp"  # a page sent as plain text


def test_pictures_of_one_pixel_are_counted_not_kept() -> None:
    dot = b"GIF89a\x01\x00\x01\x00\x80\x00\x00"
    plan = b"GIF89a\x90\x01\x90\x01\x80\x00\x00"
    head = b"Content-Type: image/gif\nContent-Transfer-Encoding: base64\nContent-Disposition: inline\n"
    parts = [head + b"\n" + base64.b64encode(picture) for picture in (dot, plan, dot)]
    found = seen(multipart("related", PAGE + b"<p>hello</p>", *parts))
    assert list(found.files.values()) == [plan]
    assert found.reply.partial == "pictures of one pixel were left out: 2"


CALENDAR = (
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\n"
    "DTSTART:19701025T030000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n"
    "SUMMARY:Site meeting\\, Alder\r\n  House\r\nDTSTART;TZID=Europe/Berlin:20260303T100000\r\n"
    "DTEND;TZID=Europe/Berlin:20260303T113000\r\nLOCATION:Mühlgasse 7\r\n"
    'ORGANIZER;CN="Weiß, Ann":mailto:ann@alder.example\r\n'
    "ATTENDEE;PARTSTAT=ACCEPTED;CN=Bo:MAILTO:bo@alder.example\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\n"
    "DESCRIPTION:Bring the plan\\nand boots\r\nBEGIN:VALARM\r\nSUMMARY:not this\r\nEND:VALARM\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
).encode()
SUMMARY = (
    "Invitation: Site meeting, Alder House\nWhen: Tue 3 March 2026, 10:00 to 11:30 (Europe/Berlin)\n"
    "Repeats: FREQ=WEEKLY;COUNT=3\nWhere: Mühlgasse 7\nOrganiser: Weiß, Ann <ann@alder.example>\n"
    "With: Bo <bo@alder.example> (accepted)"
)


def test_an_invitation_is_readable_and_its_calendar_a_child() -> None:
    part = b'Content-Type: text/calendar; charset="utf-8"; method=REQUEST\n\n' + CALENDAR
    found = seen(multipart("alternative", TEXT + b"Please come.", part))
    assert found.text == f"Please come.\n\n{SUMMARY}"
    assert found.mail.marks == ["invitation"]
    assert list(found.files) == ["invitation.ics"]
    alone = seen(letter(CALENDAR, kind="text/calendar; charset=utf-8"))
    assert alone.text == f"{SUMMARY}\n\nBring the plan\nand boots"
    file = seen(CALENDAR, "meeting.dat")
    assert file.reply.media_type == "text/calendar"
    assert file.reply.title == "Site meeting, Alder House"


def test_cards_and_events_of_other_kinds() -> None:
    card = b"BEGIN:VCARD\nN:Weiss;Ann;;;\nFN:Ann Weiss\nitem1.EMAIL:a@b.example\nORG:Alder;Lamps\nEND:VCARD\n"
    found = seen(multipart("mixed", TEXT + b"my card", b"Content-Type: text/x-vcard\n\n" + card))
    assert list(found.files) == ["card.vcf"]
    assert seen(card, "ann.vcf").text == "Ann Weiss\nMail: a@b.example\nOrganisation: Alder, Lamps"
    cancelled = CALENDAR.replace(b"REQUEST", b"CANCEL").replace(b"T100000", b"").replace(b"T113000", b"")
    assert "Cancelled: Site meeting, Alder House\nWhen: Tue 3 March 2026\n" in seen(cancelled, "a.ics").text
    assert seen(CALENDAR[:-60], "cut.ics").text.startswith("Invitation: Site meeting")


def test_reports_of_delivery_and_receipts_are_readable() -> None:
    status = (
        b"Content-Type: message/delivery-status\nContent-Disposition: attachment; filename=a.txt\n\n"
        b"Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; bo@b.example\nStatus: 5.1.1\n"
    )
    receipt = b"Content-Type: message/disposition-notification\n\nDisposition: manual-action/MDN; displayed\n"
    returned = b"Content-Type: text/rfc822-headers\n\nSubject: The old subject\n"
    found = seen(multipart("report", TEXT + b"It failed.", status, receipt, returned))
    assert "Final-Recipient: rfc822; bo@b.example\nStatus: 5.1.1" in found.text
    assert "displayed" in found.text
    assert [e.text for e in found.reply.elements if e.kind == "forwarded"] == ["Subject: The old subject"]
    assert not found.reply.children


def test_pieces_and_bodies_elsewhere_are_named_and_nothing_is_fetched() -> None:
    first = seen(letter(b"Subject: x\n\nfirst words", kind='message/partial; id="a"; number=1; total=3'))
    assert first.text == "first words"
    assert first.reply.partial == "this is part 1 of 3 of a message that was sent in pieces"
    second = seen(letter(b"more words: of it\nand on", kind='message/partial; id="a"; number=2; total=x'))
    assert second.text == "more words: of it\nand on"
    assert second.reply.partial == "this is part 2 of a message that was sent in pieces"
    kind = b'Content-Type: message/external-body; access-type=URL; URL="https://lamp.example/plan.pdf"\n\n'
    away = seen(multipart("mixed", TEXT + b"see", kind + b"Content-Type: application/pdf\n\n"))
    assert away.text == "see\n\nAttachment elsewhere: URL https://lamp.example/plan.pdf"
    assert away.reply.partial == "an attachment lies elsewhere and was not fetched"


def uu(data: bytes, name: str = "plan.bin") -> bytes:
    lines = [binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45)]
    return f"begin 644 {name}\n".encode() + b"".join(lines) + b"`\nend\n"


def test_uuencoded_and_yenc_files_in_the_text_become_children() -> None:
    data = bytes(range(256)) * 3
    found = seen(letter(b"see below\n\n" + uu(data) + b"\nbegin 644 the work today\nand be glad\n"))
    assert found.files == {"plan.bin": data}
    assert found.text == "see below\n\nbegin 644 the work today\nand be glad"
    body = bytes((value + 42) & 255 for value in data)
    for mark in (b"=", b"\x00", b"\n", b"\r"):
        body = body.replace(mark, bytes((61, (mark[0] + 64) & 255)))
    coded = b"=ybegin line=128 size=768 name=plan.bin\n" + body + b"\n=yend size=768\n"
    assert seen(letter(b"see below\n" + coded, kind="text/plain")).files == {"plan.bin": data}
    fields = "Content-Transfer-Encoding: x-uuencode\n"
    assert seen(letter(uu(b"the words"), fields)).text == "the words"


@pytest.mark.parametrize(
    "raw",
    [
        letter(b"the lamp is on", kind="multipart/mixed"),
        letter(b"the lamp is on", kind='multipart/mixed; boundary="B"'),
        letter(b"--C\n" + TEXT + b"the lamp is on\n--C--", kind='multipart/mixed; boundary="B"'),
        letter(b"--B\n" + TEXT + b"the lamp is on", kind='multipart/mixed; boundary="B"'),
        letter(b"--B--\n--B\n" + TEXT + b"the lamp is on\n--B--\n", kind='multipart/mixed; boundary="B"'),
        letter(b"the lamp is on\n--B--\n", kind='multipart/mixed; boundary="B"'),
        letter(b"--B\n\n--B--\nthe lamp is on\n", kind='multipart/mixed; boundary="B"'),
        letter(b"the lamp is on\n--B\n--B--\n", kind='multipart/mixed; boundary="B"'),
        letter(b"the lamp is on", kind="nonsense"),
        letter(b"the lamp is on", kind="text"),
        letter(b"the lamp is on", kind="text/x-lamp"),
    ],
)
def test_text_is_found_under_broken_boundaries(raw: bytes) -> None:
    assert seen(raw).text == "the lamp is on"


@pytest.mark.parametrize("depth", [25, 200, 3_000])
def test_deeply_nested_parts_are_bounded_and_their_text_is_not_lost(depth: int) -> None:
    head = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(depth)
    )
    found = seen(b"From: a@b.example\nSubject: Deep\n" + head + TEXT + b"the lamp is on\n")
    assert found.reply.title == "Deep"
    assert "the lamp is on" in found.text or found.reply.partial == "it has more parts than are read"
    assert depth == 25 or found.reply.partial


def test_thousands_of_parts_are_bounded() -> None:
    found = seen(multipart("mixed", *(TEXT + b"part %d" % n for n in range(2_500))))
    assert found.reply.partial == "it has more parts than are read"
    assert "part 1990" in found.text


def test_binary_parts_near_the_beginning_do_not_hide_the_message() -> None:
    head = b"Content-Type: application/pdf\nContent-Transfer-Encoding: binary\n\n"
    found = seen(multipart("mixed", TEXT + b"see", head + b"%PDF-1.4\n" + bytes(range(256))))
    assert found.reply.media_type == "message/rfc822"
    assert found.text == "see"


def test_inline_pgp() -> None:
    signed = (
        b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nthe lamp is on\n- -- \nAnn\n"
        b"-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n"
    )
    found = seen(letter(signed))
    assert found.text == "the lamp is on\n\n-- \nAnn"
    assert found.mail.marks == ["signed (PGP)"]
    secret = b"for you:\n-----BEGIN PGP MESSAGE-----\n\nhQEM\n=abcd\n-----END PGP MESSAGE-----\n"
    found = seen(letter(secret))
    assert (found.text, found.reply.partial) == ("for you:", "the body is encrypted")
    assert found.mail.marks == ["encrypted (PGP)"]


def test_detached_signatures_mark_and_are_no_children() -> None:
    signature = (
        b"Content-Type: application/pgp-signature; name=signature.asc\n\n-----BEGIN PGP SIGNATURE-----\n"
    )
    found = seen(multipart("signed", TEXT + b"the lamp is on", signature))
    assert (found.text, found.mail.marks) == ("the lamp is on", ["signed (PGP)"])
    assert not found.reply.children
    signature = b"Content-Type: application/x-pkcs7-signature; name=smime.p7s\n\nAAAA"
    assert seen(multipart("signed", TEXT + b"x", signature)).mail.marks == ["signed (S/MIME)"]


def identity() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ann")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()), key


@pytest.mark.parametrize("kind", ["pkcs7-mime; smime-type=signed-data", "x-pkcs7-mime"])
def test_an_opaque_signed_message_is_opened(kind: str) -> None:
    certificate, key = identity()
    inner = multipart("mixed", TEXT + b"the lamp is on", b"Content-Type: text/plain; name=a.txt\n\ndata")
    builder = pkcs7.PKCS7SignatureBuilder().set_data(inner).add_signer(certificate, key, hashes.SHA256())
    envelope = builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])
    fields = "Content-Transfer-Encoding: base64\n"
    found = seen(letter(base64.encodebytes(envelope), fields, f"application/{kind}"))
    assert (found.text, found.files) == ("the lamp is on", {"a.txt": b"data"})
    assert found.mail.marks == ["signed (S/MIME)"]
    cut = seen(letter(base64.encodebytes(envelope[:40]), fields, f"application/{kind}"))
    assert cut.reply.partial == "the S/MIME envelope could not be opened"
    assert list(cut.files) == ["smime.p7m"]


def test_a_signed_envelope_of_unknown_length() -> None:
    octets = b"\x24\x80\x04\x08\nthe lam\x04\x07p is on\x00\x00"
    content = b"\x30\x80\x06\x09" + bytes.fromhex("2a864886f70d010701") + b"\xa0\x80" + octets + bytes(4)
    signed = b"\x30\x80\x02\x01\x01\x31\x00" + content + bytes(2)
    whole = b"\x30\x80\x06\x09" + bytes.fromhex("2a864886f70d010702") + b"\xa0\x80" + signed + bytes(4)
    fields = "Content-Transfer-Encoding: base64\n"
    assert seen(letter(base64.encodebytes(whole), fields, "application/pkcs7-mime")).text == "the lamp is on"


def test_encrypted_mail_is_stored_marked_and_findable_by_its_header() -> None:
    sealed = b"\x30\x80\x06\x09" + bytes.fromhex("2a864886f70d010703") + b"\xa0\x80" + bytes(8)
    fields = "Content-Transfer-Encoding: base64\n"
    kind = "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"
    found = seen(letter(base64.encodebytes(sealed), fields, kind))
    assert found.mail.marks == ["encrypted (S/MIME)"]
    pgp = (
        b"Content-Type: application/pgp-encrypted\n\nVersion: 1\n",
        b"Content-Type: application/octet-stream\n\nx",
    )
    other = seen(multipart('encrypted; protocol="application/pgp-encrypted"', *pgp))
    assert other.mail.marks == ["encrypted (PGP)"]
    for each in (found, other):
        assert (each.reply.title, each.reply.reason, each.reply.partial) == (
            "Lamp",
            None,
            "the body is encrypted",
        )
        assert not each.reply.children


_MANY = 300_000  # bytes


@pytest.mark.parametrize(
    "body",
    [
        b"begin 644 a\nM" + b"A" * 60 + b"\n",
        b"=ybegin name=a\n",
        b"-----BEGIN PGP SIGNED MESSAGE-----\n",
        b"-----BEGIN PGP MESSAGE-----\n",
        b"=?a?q?",
        b"(",
        b'"',
        b"<",
        b"<script>",
        b"BEGIN:VEVENT\n",
        b'A;"',
        b"--B\n",
        b"x@",
        b"\x1b$B",
        b"=3D\n",
    ],
)
def test_repeated_beginnings_take_no_time(body: bytes) -> None:
    """Each would be a quadratic search if its end were sought from every beginning."""
    many = body * (_MANY // len(body))
    for kind in ("text/plain", "text/html", "text/calendar", "multipart/mixed; boundary=B"):
        assert seen(letter(many, kind=kind)).reply.media_type == "message/rfc822"
    for name in ("Subject", "To", "Content-Disposition", "References"):
        field = many[:100_000].replace(b"\n", b" ").decode()
        assert seen(letter(b"x", f"{name}: {field}\n")).text == "x"
