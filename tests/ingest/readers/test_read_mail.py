"""Messages: header fields, zones, attachments, and lies about charsets."""

from __future__ import annotations

import io
from email.message import EmailMessage

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
    assert [to.email for to in reply.mail.recipients] == [
        "ann@alder.example",
        "b@alder.example",
        "c@alder.example",
    ]
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
