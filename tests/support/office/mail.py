"""Turns the written mails (`mail/*.toml`) into messages: threads, quotations, encodings, attachments.

What a person says is in the TOML; how mail programs mangle it is here.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.policy import default as DEFAULT_POLICY
from email.utils import format_datetime
from html import escape
from textwrap import fill
from typing import Any

_WEEKDAYS = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")
_MONTHS = (
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
)


@dataclass(frozen=True)
class Person:
    """Someone who writes; see `mail/people.toml`."""

    name: str
    email: str
    wrap: int
    attribution: str
    sign: str

    @property
    def header(self) -> Address:
        """For To, Cc and From."""
        return Address(self.name, addr_spec=self.email)


@dataclass(frozen=True)
class Letter:
    """A mail with everything that its message needs, and what a reader must find in it."""

    key: str
    sender: Person
    to: tuple[Person, ...]
    cc: tuple[Person, ...]
    date: datetime
    subject: str
    body: str  # as plain text, whole: new words, signature, quotation
    new: str  # without the quotation
    quoted: str
    form: str
    message_id: str
    references: tuple[str, ...]
    parent: str
    forward: str
    attach: tuple[str, ...]
    thread: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """As a mail program exports it: date, time, subject."""
        words = "".join(c for c in self.subject if c not in '\\/:*?"<>|').replace("  ", " ")
        return f"{self.date:%Y-%m-%d %H%M} {words[:80].strip()}.eml"


def read_people(table: Mapping[str, Mapping[str, Any]]) -> dict[str, Person]:
    """The cast by key."""
    return {key: Person(**row) for key, row in table.items()}


def read_letters(tables: list[dict[str, Any]], people: Mapping[str, Person]) -> dict[str, Letter]:
    """Every mail of the TOML files; a reply stands after its parent in its file."""
    letters: dict[str, Letter] = {}
    for table in tables:
        for row in table["mail"]:
            letters[row["key"]] = _letter(row, table.get("project", ""), people, letters)
    return letters


def _letter(
    row: dict[str, Any], project: str, people: Mapping[str, Person], known: Mapping[str, Letter]
) -> Letter:
    sender = people[row["from"]]
    parent = known[row["reply"]] if "reply" in row else None
    style = row.get("attribution", sender.attribution)
    quote = row.get("quote", "top" if parent else "none")
    quoted = _quotation(parent, style) if parent and quote == "top" else ""
    written = _wrap(row["body"], sender.wrap)
    if parent and quote == "inline":
        written = written.replace("{attribution}", _attribution(parent, style))
    new = f"{written}\n\n{sender.sign.strip(chr(10))}\n"
    date = row["date"]
    stamp = hashlib.sha1(row["key"].encode(), usedforsecurity=False).hexdigest()[:10]
    return Letter(
        key=row["key"],
        sender=sender,
        to=tuple(people[key] for key in row["to"]),
        cc=tuple(people[key] for key in row.get("cc", [])),
        date=date,
        subject=row.get("subject") or _reply_subject(parent, style),
        body=f"{new}\n{quoted}" if quoted else new,
        new=new,
        quoted=quoted,
        form=row.get("form", "plain"),
        message_id=f"<{date:%Y%m%d%H%M}.{stamp}@{sender.email.partition('@')[2]}>",
        references=(*parent.references, parent.message_id) if parent else (),
        parent=row.get("reply", ""),
        forward=row.get("forward", ""),
        attach=tuple(row.get("attach", [])),
        thread=parent.thread if parent else row["key"],
        facts={"project": project, **row},
    )


def _reply_subject(parent: Letter | None, style: str) -> str:
    assert parent is not None, "a mail without a parent needs a subject"
    mark = "AW: " if style == "outlook-de" else "Re: "
    return parent.subject if parent.subject.startswith(("Re: ", "AW: ")) else mark + parent.subject


def _wrap(body: str, width: int) -> str:
    lines = body.strip("\n").split("\n")
    if not width:
        return "\n".join(lines)
    return "\n".join(
        line if line.startswith(">") else fill(line, width, break_on_hyphens=False, break_long_words=False)
        for line in lines
    )


def _attribution(parent: Letter, style: str) -> str:
    sender, date = parent.sender, parent.date
    people = "; ".join(person.name for person in parent.to)
    if style == "de":
        return f"Am {date:%d.%m.%Y} um {date:%H:%M} schrieb {sender.name}:"
    if style == "outlook-de":
        when = f"{_WEEKDAYS[date.weekday()]}, {date.day}. {_MONTHS[date.month - 1]} {date.year} {date:%H:%M}"
        marks = ("-----Ursprüngliche Nachricht-----", "Von", "Gesendet", "An", "Betreff")
        return _outlook(marks, sender, when, people, parent.subject)
    if style == "outlook-en":
        when = f"{date:%A}, {date:%B} {date.day}, {date.year} {date:%H:%M}"
        marks = ("-----Original Message-----", "From", "Sent", "To", "Subject")
        return _outlook(marks, sender, when, people, parent.subject)
    return f"On {date:%a}, {date.day} {date:%b %Y} at {date:%H:%M}, {sender.name} <{sender.email}> wrote:"


def _outlook(marks: tuple[str, ...], sender: Person, when: str, people: str, subject: str) -> str:
    values = (f"{sender.name} <{sender.email}>", when, people, subject)
    return "\n".join(
        [marks[0], *(f"{mark}: {value}" for mark, value in zip(marks[1:], values, strict=True)), ""]
    )


def _quotation(parent: Letter, style: str) -> str:
    lines = parent.body.rstrip("\n").split("\n")
    if not style.startswith("outlook"):
        lines = [f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in lines]
    return "\n".join([_attribution(parent, style), *lines, ""])


def message(
    letter: Letter, letters: Mapping[str, Letter], attachments: Mapping[str, tuple[str, bytes]]
) -> bytes:
    """The whole message as bytes."""
    return _build(letter, letters, attachments).as_bytes()


def _build(
    letter: Letter, letters: Mapping[str, Letter], attachments: Mapping[str, tuple[str, bytes]]
) -> EmailMessage:
    mail = EmailMessage(policy=_policy(letter))
    mail["Received"] = (
        f"from mx.{letter.sender.email.partition('@')[2]} by mail.orchard-lighting.example with ESMTPS; "
        + format_datetime(letter.date)
    )
    mail["From"] = letter.sender.header
    mail["To"] = [person.header for person in letter.to]
    if letter.cc:
        mail["Cc"] = [person.header for person in letter.cc]
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(letter.date)
    mail["Message-ID"] = letter.message_id
    if letter.references:
        mail["In-Reply-To"] = letter.references[-1]
        mail["References"] = " ".join(letter.references)
    _set_text(mail, letter)
    for key in letter.attach:
        name, content = attachments[key]
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        main, _, sub = kind.partition("/")
        mail.add_attachment(content, main, sub, filename=name)
    if letter.forward:
        mail.add_attachment(_build(letters[letter.forward], letters, attachments))
    _fix_boundaries(mail, letter)
    return mail


def _policy(letter: Letter) -> EmailPolicy[Any]:
    """Mail from Outlook was stored with CRLF, the rest by a Unix program."""
    return SMTP if letter.sender.attribution.startswith("outlook") else DEFAULT_POLICY


def _set_text(mail: EmailMessage, letter: Letter) -> None:
    if letter.form == "html":
        mail.set_content(_html(letter), subtype="html", cte="quoted-printable")
        return
    charset = "iso-8859-1" if letter.form == "latin1" else "utf-8"
    cte = {"qp": "quoted-printable", "base64": "base64"}.get(letter.form, "8bit")
    mail.set_content(letter.body, charset=charset, cte=cte)
    if letter.form == "alternative":
        mail.add_alternative(_html(letter), subtype="html", cte="quoted-printable")


def _html(letter: Letter) -> str:
    pixel = ""
    if letter.sender.email.startswith("news@"):
        pixel = (
            '<img src="https://lamp-post-weekly.example/open.gif?reader=4711" width="1" height="1" alt="">\n'
        )
    paragraphs = _paragraphs(letter.facts["body"].strip("\n"))
    sign = _paragraphs(
        letter.sender.sign.strip("\n").removeprefix("-- \n"), ' style="color:#777;font-size:small"'
    )
    quoted = ""
    if letter.quoted:
        first, _, rest = letter.quoted.partition("\n")
        lines = "\n".join(line.removeprefix(">").removeprefix(" ") for line in rest.split("\n"))
        quoted = (
            f"<div>{escape(first, quote=False)}</div>\n"
            '<blockquote type="cite" style="border-left:2px solid #ccc;padding-left:1em">\n'
            f"{_paragraphs(lines)}</blockquote>\n"
        )
    return (
        "<html><head><style>p { margin: 0 0 1em } body { font-family: Calibri, sans-serif }</style></head>\n"
        f"<body>\n{paragraphs}{sign}{quoted}{pixel}</body></html>\n"
    )


def _paragraphs(text: str, style: str = "") -> str:
    chunks = [chunk.strip("\n") for chunk in text.split("\n\n") if chunk.strip()]
    return "".join(
        f"<p{style}>{escape(chunk, quote=False).replace(chr(10), '<br>' + chr(10))}</p>\n" for chunk in chunks
    )


def _fix_boundaries(mail: EmailMessage, letter: Letter) -> None:
    """Boundaries are random by default; here they follow from the key."""
    multiparts = [part for part in mail.walk() if part.get_content_maintype() == "multipart"]
    for number, part in enumerate(multiparts):
        part.set_boundary(
            f"=_{hashlib.sha1(f'{letter.key}{number}'.encode(), usedforsecurity=False).hexdigest()[:24]}"
        )
