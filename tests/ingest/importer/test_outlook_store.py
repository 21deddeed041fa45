"""Items of an Outlook store become messages again, always the same; damaged ones are named."""

from __future__ import annotations

import contextlib
import email
import io
import os
import struct
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.importer import pst
from ingest.importer.embedded import embedded_item
from ingest.importer.pst import split_pst
from tests.support.mailboxes import Apart, apart, container_apart
from tests.support.outlook_tree import (
    Attachment,
    Folder,
    Item,
    Recipients,
    RecordSet,
    Store,
    item,
    number,
    old_text,
    property_context,
    raw,
    text,
    when,
)

NOON = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)

NOTE = item(
    2097188,
    text(0x1A, "IPM.Note"),
    text(0x37, "\x01\x05AW: Grüße"),
    text(0x0C1A, "Jördis Brandt"),
    text(0x5D01, "joerdis@example.org"),
    text(0x1000, "Hallo,\r\nbis morgen.\r\n"),
    raw(0x1013, b"<p>Hallo, <b>bis morgen</b></p>"),
    number(0x3FDE, 65001),
    text(0x1035, "<1@example.org>"),
    text(0x1042, "<0@example.org>"),
    when(0x39, NOON),
    recipients=Recipients(
        [
            RecordSet([text(0x3001, "Anna"), text(0x39FE, "anna@example.org"), number(0x0C15, 1)]),
            RecordSet([text(0x3001, "bo@example.org"), text(0x3003, "bo@example.org"), number(0x0C15, 2)]),
        ]
    ),
    attachments=[
        Attachment(b"a,b\n1,2\n" * 90_000, [text(0x3707, 'Zähler "neu".csv'), text(0x370E, "text/csv")]),
        Attachment(b"", [text(0x3001, "Weitergeleitet"), number(0x3705, 5)]),
        Attachment(b"x", [text(0x3707, "b.bin")], fails=True),
    ],
)
WIRE = item(
    2097220,
    text(0x1A, "IPM.Note"),
    text(
        0x7D,
        "Microsoft Mail Internet Headers Version 2.0\r\n"
        "Received: from a by b;\r\n\tMon, 9 Mar 2026 12:00:00 +0100\r\n"
        "From: Joe <joe@example.org>\r\nSubject: wire\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n\tboundary="x"\r\n'
        "Message-ID: <2@example.org>\r\n\r\n",
    ),
    old_text(0x1000, "caf\xe9".encode("cp1252")),
)


def taken(monkeypatch: pytest.MonkeyPatch, store: Store, start: int = 0, leave_out: int = 0) -> Apart:
    monkeypatch.setattr(pst, "pypff", lambda: store)
    return apart(split_pst(io.BytesIO(), start, leave_out))


def parsed(content: bytes) -> EmailMessage:
    assert b"\n" not in content.replace(b"\r\n", b"")
    message = email.message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def tree(*items: Item | None) -> Store:
    return Store(Folder(None, [], [Folder("Top", [], [Folder("In/box", list(items))])]))


def test_a_note_from_properties(monkeypatch: pytest.MonkeyPatch) -> None:
    found = taken(monkeypatch, tree(NOTE))
    key = "Top/In\N{DIVISION SLASH}box/2097188"
    message = parsed(found.messages[key])
    assert message["Subject"] == "AW: Grüße"
    assert message["From"].addresses[0].display_name == "Jördis Brandt"
    assert str(message["To"]) == "Anna <anna@example.org>"
    assert str(message["Cc"]) == "bo@example.org"
    assert message["Message-ID"] == "<1@example.org>"
    assert message["In-Reply-To"] == "<0@example.org>"
    assert message["Date"].datetime == NOON
    plain = message.get_body(("plain",))
    html = message.get_body(("html",))
    assert plain is not None
    assert "bis morgen" in plain.get_content()
    assert html is not None
    assert "<b>bis morgen</b>" in html.get_content()
    table, damaged = message.iter_attachments()
    assert table.get_filename() == "Zähler 'neu'.csv"
    assert table.get_content() == "a,b\n1,2\n" * 90_000
    assert damaged.get_content() == b""
    assert "Weitergeleitet" in found.lost[f"{key}/attachments"]
    assert "b.bin" in found.lost[f"{key}/attachments"]
    assert taken(monkeypatch, tree(NOTE)).messages == found.messages


def test_a_message_with_the_header_that_it_came_with(monkeypatch: pytest.MonkeyPatch) -> None:
    (content,) = taken(monkeypatch, tree(WIRE)).messages.values()
    message = parsed(content)
    assert content.startswith(b"Received: from a by b;\r\n\tMon")
    assert message["Message-ID"] == "<2@example.org>"
    assert message.get_content() == "café"
    assert len(message.get_all("Content-Type", [])) == 1


def test_bodies_of_html_or_rich_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    html = item(1, text(0x1A, "IPM.Note"), raw(0x1013, b"<p>caf\xe9</p>"), number(0x3FDE, 1252))
    rich = item(2, text(0x1A, "IPM.Note"), rtf_body=rb"{\rtf1\ansi Hello \b there\b0}")
    empty = item(3, text(0x1A, "IPM.Note"))
    contents = [parsed(each) for each in taken(monkeypatch, tree(html, rich, empty)).messages.values()]
    assert [each.get_content().strip() for each in contents] == ["<p>café</p>", "Hello there", ""]


def test_cards_and_appointments_are_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    card = item(
        1, text(0x1A, "IPM.Contact"), text(0x3001, "Anna Zeh"), text(0x3A1C, "0170 1"), text(0x3A16, "QE")
    )
    date = item(2, text(0x1A, "IPM.Appointment"), text(0x37, "Kick-off"), when(0x8001, NOON))
    inner = item(3, text(0x1A, "IPM.Microsoft.FolderDesign.NamedView"))
    found = taken(monkeypatch, tree(card, date, inner))
    first, second = (parsed(each) for each in found.messages.values())
    assert first["Subject"] == "Anna Zeh"
    assert "Mobile phone: 0170 1" in first.get_content()
    assert "Start: 2026-03-09 12:00 UTC" in second.get_content()
    assert list(found.left_out.values()) == ["not a message (IPM.Microsoft.FolderDesign.NamedView)"]


def test_attached_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = [text(0x1A, "IPM.Note"), text(0x37, "inside"), text(0x1000, "the text within"), when(0x39, NOON)]
    whole, far = property_context(*inner), property_context(*inner, outside=[0x1000])
    attachments = [
        Attachment(content, [text(0x3001, "inside"), number(0x3705, 5)]) for content in (whole, far)
    ]
    found = taken(
        monkeypatch, tree(item(7, text(0x1A, "IPM.Note"), text(0x1000, "see"), attachments=attachments))
    )
    (content,) = found.messages.values()
    first, second = parsed(content).iter_attachments()
    (message,) = first.get_payload()
    assert (message["Subject"], message.get_content().strip()) == ("inside", "the text within")
    (message,) = second.get_payload()
    assert (message["Subject"], message.get_content().strip()) == ("inside", "")
    assert "could not be reached" in found.lost["Top/In\N{DIVISION SLASH}box/7/attachments"]


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 255))
def test_attached_rubbish(tail: bytes, at: int, value: int) -> None:
    damaged = bytearray(property_context(text(0x37, "inside"), text(0x1000, "the text")) + tail)
    damaged[at % len(damaged)] = value
    with contextlib.suppress(ValueError, struct.error):
        embedded_item(bytes(damaged))


def test_damaged_items_are_named_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tree(WIRE, None, NOTE).root_folder, orphans=[item(9, text(0x1A, "IPM.Note"))])
    found = taken(monkeypatch, store)
    assert [key.rpartition("/")[2] for key in found.messages] == ["2097220", "2097188", "9"]
    assert "Top/In\N{DIVISION SLASH}box/item 2" in found.lost
    for start, leave_out in ((0, 1), (1, 0), (2, 1), (3, 0), (3, 1)):
        rest = taken(monkeypatch, store, start, leave_out)
        keys = list(found.messages)
        assert list(rest.messages) == keys[max(0, start + leave_out - (start + leave_out > 1)) :]


def test_random_bytes() -> None:
    found = container_apart(b"!BDN" + os.urandom(200_000), "x.pst")
    assert found.broken
    assert not found.messages


@pytest.mark.nightly
def test_real_stores() -> None:
    stores = sorted(Path(os.environ.get("STRONGROOM_TEST_STORES", "nowhere")).glob("*.[op]st"))
    if not stores:
        pytest.skip("STRONGROOM_TEST_STORES names no folder with Outlook stores")
    for path in stores:
        content = path.read_bytes()
        found = container_apart(content, path.name)
        assert found.messages
        assert container_apart(content, path.name) == found
        for each in found.messages.values():
            assert parsed(each)["Subject"] is not None
        cut = container_apart(content[: len(content) // 2], path.name)
        assert cut.broken or set(cut.messages) <= set(found.messages)
