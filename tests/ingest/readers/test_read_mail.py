"""Messages: header fields, zones, attachments, and lies about charsets."""

from __future__ import annotations

import io
from email.message import EmailMessage

import pytest

from ingest.mail.headers import decode_words
from ingest.mail.zones import zones
from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply


def read_mail(raw: bytes, name: str = "m.eml") -> tuple[Reply, bytes]:
    children = io.BytesIO()
    return read(io.BytesIO(raw), Job(name=name), children), children.getvalue()


def pieces(reply: Reply) -> list[tuple[str, str]]:
    return [(element.kind, element.text) for element in reply.elements]


HEAD = (
    b"From: =?utf-8?q?J=C3=B6rg_Wei=C3=9F?= <joerg@alder.example>\r\n"
    b"To: Ann <ann@alder.example>, b@alder.example\r\n"
    b"Cc: c@alder.example\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\nDate: Tue, 3 Mar 2026 10:00:00 +0100\r\n"
    b"Message-ID: <1@alder.example>\r\nIn-Reply-To: <0@alder.example>\r\n"
    b"References: <a@x> <0@alder.example>\r\n"
)


def test_header_fields_are_decoded() -> None:
    reply, _ = read_mail(HEAD + b"\r\nHello Ann,\r\n\r\nplease send the plan.\r\n")
    assert reply.media_type == "message/rfc822"
    assert reply.mail is not None
    assert reply.mail.sender is not None
    assert (reply.mail.sender.name, reply.mail.sender.email) == ("Jörg Weiß", "joerg@alder.example")
    addresses = [to.email for to in reply.mail.recipients]
    assert addresses == ["ann@alder.example", "b@alder.example", "c@alder.example"]
    assert reply.mail.message_id == "1@alder.example"
    assert reply.mail.in_reply_to == "0@alder.example"
    assert reply.mail.references == ["a@x", "0@alder.example"]
    assert (reply.title, reply.author, reply.created_at) == ("Grüße", "Jörg Weiß", 1772528400.0)
    assert pieces(reply)[1:] == [("paragraph", "Hello Ann,"), ("paragraph", "please send the plan.")]


def test_attachments_and_nested_messages_become_children() -> None:
    inner = EmailMessage()
    inner["Subject"] = "Inner"
    inner.set_content("inside")
    outer = EmailMessage()
    outer["From"] = "a@alder.example"
    outer["Subject"] = "Outer"
    outer.set_content("see attached")
    outer.add_alternative("<p>see attached</p>", subtype="html")
    outer.add_attachment(b"%PDF-1.4 x", maintype="application", subtype="pdf", filename="Übersicht.pdf")
    outer.add_attachment(inner)
    reply, children = read_mail(outer.as_bytes())
    assert pieces(reply) == [("title", "Outer"), ("paragraph", "see attached")]
    assert [child.name for child in reply.children] == ["Übersicht.pdf", "Inner.eml"]
    first, second = reply.children
    assert children[first.offset : first.offset + first.length] == b"%PDF-1.4 x"
    nested, _ = read_mail(children[second.offset : second.offset + second.length])
    assert nested.title == "Inner"


def test_body_is_cut_into_own_words_quotation_and_signature() -> None:
    body = (
        "Yes, Friday suits me.\n\nOn Mon, 2 Mar 2026 at 09:00, Ann <ann@alder.example> wrote:\n"
        "> Does Friday suit you?\n>\n> Ann\n\nI will bring the plan.\n\n-- \nJörg\nAlder House\n"
    )
    assert [(kind.value, text.split("\n")[0]) for kind, text in zones(body)] == [
        ("paragraph", "Yes, Friday suits me."),
        ("quoted", "On Mon, 2 Mar 2026 at 09:00, Ann <ann@alder.example> wrote:"),
        ("paragraph", "I will bring the plan."),
        ("signature", "-- "),
    ]


@pytest.mark.parametrize(
    "below",
    [
        "-----Original Message-----\nFrom: Ann\nold words",
        "-----Ursprüngliche Nachricht-----\nVon: Ann\nold words",
        "Von: Ann <ann@alder.example>\nGesendet: Montag, 2. März\nAn: Jörg\nBetreff: Plan\n\nold words",
        "________________________________\nFrom: Ann\nSent: Monday\nTo: Jörg\nSubject: Plan\n\nold words",
        "Am 02.03.2026 um 09:00 schrieb Ann <ann@alder.example>:\n\nold words",
        "Am 02.03.2026 um 09:00 schrieb Ann\n<ann@alder.example>:\n> old words",
        "Le 2 mars 2026 à 09:00, Ann <ann@alder.example> a écrit :\n> old words",
    ],
)
def test_earlier_mail_below_is_quoted(below: str) -> None:
    cut = list(zones(f"Agreed.\n\n{below}\n"))
    assert [kind.value for kind, _ in cut] == ["paragraph", "quoted"]
    assert "old words" in cut[1][1]


def test_forwarded_mail_is_new_to_its_reader() -> None:
    body = "FYI\n\n-----Original Message-----\nFrom: Ann\n\nthe rent rises in May\n"
    assert [(kind.value, piece) for kind, piece in zones(body, subject="WG: Rent")] == [
        ("paragraph", "FYI"),
        ("forwarded", "-----Original Message-----\nFrom: Ann"),
        ("paragraph", "the rent rises in May"),
    ]


@pytest.mark.parametrize(
    "prose",
    [
        "From: here on, things improve.\nWe wrote: a letter.",
        "On Friday we met.\nShe wrote: nothing.",
        "Am Freitag treffen wir uns:\n- Plan\n- Miete",
    ],
)
def test_prose_is_not_taken_for_quotation(prose: str) -> None:
    assert [kind.value for kind, _ in zones(prose)] == ["paragraph"]


def test_html_only_body_becomes_text_with_its_quotation() -> None:
    markup = (
        "<div>Dear Ann,</div><div>the <b>rent</b> rises.</div><blockquote type=cite>old words</blockquote>"
    )
    raw = (
        b"From: a@b.example\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n" + markup.encode()
    )
    reply, _ = read_mail(raw)
    assert pieces(reply) == [("paragraph", "Dear Ann,\nthe rent rises."), ("quoted", "> old words")]


@pytest.mark.parametrize("declared", ["us-ascii", "utf-8", "iso-8859-1", "x-unknown", "windows-1252"])
@pytest.mark.parametrize("real", ["utf-8", "cp1252"])
def test_lies_about_the_charset_do_no_harm(declared: str, real: str) -> None:
    head = f"From: a@b.example\nMIME-Version: 1.0\nContent-Type: text/plain; charset={declared}\n\n"
    reply, _ = read_mail(head.encode() + "Die Miete für die Räume wächst – ärgerlich.".encode(real))
    assert pieces(reply) == [("paragraph", "Die Miete für die Räume wächst – ärgerlich.")]


def test_raw_eight_bit_header_and_words_cut_inside_a_character() -> None:
    reply, _ = read_mail("From: J\u00f6rg <j@b.example>\nSubject: Gr\u00fc\u00dfe\n\nx\n".encode("latin-1"))
    assert reply.mail is not None
    assert reply.mail.subject == "Grüße"
    assert reply.mail.sender is not None
    assert reply.mail.sender.name == "Jörg"
    assert decode_words("=?utf-8?q?Gr=C3?= =?utf-8?q?=BC=C3=9Fe?= an =?x?b?!!?=").startswith("Grüße an ")


def test_a_message_without_words_is_findable_by_sender_and_attachment() -> None:
    message = EmailMessage()
    message["From"] = "Ann <ann@alder.example>"
    message.add_attachment(b"GIF89a", maintype="image", subtype="gif", filename="plan.gif")
    reply, _ = read_mail(message.as_bytes())
    assert pieces(reply) == [("header", "Ann\nplan.gif")]


def test_a_memo_is_not_a_message() -> None:
    reply, _ = read_mail(b"To: all staff\nSubject: parking\n\nThe yard is closed on Friday.\n", "memo.txt")
    assert reply.media_type == "text/plain"
    assert "Subject: parking" in reply.elements[0].text


def test_a_message_is_known_by_its_content() -> None:
    reply, _ = read_mail(HEAD + b"\r\nHello.\r\n", "letter.txt")
    assert reply.media_type == "message/rfc822"


def test_encrypted_body_is_said_to_be_missing() -> None:
    raw = (
        b"From: a@b.example\nSubject: Secret\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=X\n\n'
        b"--X\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n"
        b"--X\nContent-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\n--X--\n"
    )
    reply, _ = read_mail(raw)
    assert reply.partial == "the body is encrypted"
