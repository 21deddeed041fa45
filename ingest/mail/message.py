"""Reads one message (.eml): its header, its text cut into zones, and its attachments as children.

By the standard library's `email` with the old policy, which keeps damaged input instead of refusing it and is
several times faster than the new one; decoding of fields and parts is ours (`headers`, `parts`).
"""

from __future__ import annotations

import re
import struct
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32

from ingest.mail import events
from ingest.mail.alternatives import best
from ingest.mail.envelope import is_encrypted, signed_content
from ingest.mail.headers import MOST_ADDRESSES, Headers
from ingest.mail.marks import Mark, header_marks, undo_inline_pgp
from ingest.mail.outlook import OutlookMessage, rebuilt
from ingest.mail.parts import HTML, file_name, inline_files, is_attachment, parameter, payload, text_of
from ingest.mail.repair import parse, repaired, with_found_boundary
from ingest.mail.tnef import SIGNATURE, read_tnef
from ingest.mail.zones import zones
from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.encoding import decode
from ingest.sandbox.messages import ReadMail

# What the standard library lets escape on malformed MIME.
ERRORS = (ValueError, LookupError, TypeError, AttributeError, AssertionError, struct.error)
_MAX_PARTS = 2_000
_MAX_DEPTH = 30  # of multiparts within multiparts
_NOTICE = re.compile(r"\s*(?:this is a|>?\s*this message is in)?.{0,40}\bMIME\b", re.IGNORECASE | re.DOTALL)
# Parts that are lists of header fields, for people to read.
_REPORTS = frozenset(
    f"message/{name}"
    for name in ("delivery-status", "disposition-notification", "feedback-report", "global-delivery-status")
)
_MESSAGES = frozenset(("message/rfc822", "message/global", "message/news"))
_HEADERS_ONLY = frozenset(("text/rfc822-headers", "message/rfc822-headers", "message/global-headers"))
_CALENDARS = frozenset(("text/calendar", "text/x-vcalendar", "application/ics"))
_CARDS = frozenset(("text/vcard", "text/x-vcard", "text/directory"))
_SIGNATURES = {
    "application/pgp-signature": Mark.SIGNED_PGP,
    "application/pkcs7-signature": Mark.SIGNED_SMIME,
    "application/x-pkcs7-signature": Mark.SIGNED_SMIME,
}
_ENVELOPES = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))
_TNEF = frozenset(("application/ms-tnef", "application/vnd.ms-tnef"))
_ENCRYPTED = "the body is encrypted"
_UNFOLDED = compat32.clone(max_line_length=None, cte_type="8bit")  # header lines as they came


def read_message(document: Document, draft: Draft) -> None:
    """A message as it came over the wire, or the first of a file that begins with a "From " line."""
    content = document.content()
    try:
        message = parse(content)
    except RecursionError:
        message = _flat(content, draft)
    headers = Headers(message)
    _describe(headers, draft)
    reader = _Reader(draft)
    reader.mark(*header_marks(headers))
    reader.read(message)
    reader.finish(message, content)


def add_outlook(message: OutlookMessage, draft: Draft) -> None:
    """A message that came as Outlook keeps it."""
    draft.mail = message.mail()
    sender = draft.mail.sender
    wire = message.headers.date()
    draft.describe(
        title=draft.mail.subject,
        author=(sender.name or sender.email) if sender else None,
        created_at=message.sent(),
        zone=wire.zone if wire else None,
    )
    draft.add(Kind.TITLE, draft.mail.subject, level=1)
    reader = _Reader(draft)
    reader.mark(*header_marks(message.headers))
    reader.take_outlook(message, with_body=True)
    name_parts(draft)


def add_zones(text: str, draft: Draft) -> None:
    """Add a plain body: what its author wrote, what is quoted, and the signature."""
    mail = draft.mail or ReadMail()
    sender = f"{mail.sender.name} {mail.sender.email}" if mail.sender else ""
    for kind, piece in zones(text, mail.subject, sender):
        draft.add(kind, piece)


def name_parts(draft: Draft) -> None:
    """A message without a word is still findable: by its sender and the names of what came with it."""
    if not draft.elements:
        names = (draft.author or "", *(child.name for child in draft.children))
        draft.add(Kind.HEADER, "\n".join(names))


def _flat(content: bytes, draft: Draft) -> Message:
    """A message whose parts are nested too deeply: its header, and all below it as one text."""
    draft.missing.append("its parts are nested too deeply to be taken apart")
    head, _, body = repaired(content).replace(b"\r\n", b"\n").partition(b"\n\n")
    kept = (line for line in BytesHeaderParser().parsebytes(head).raw_items())
    message = Message()
    for name, value in kept:
        if not name.lower().startswith("content-"):
            message[name] = value
    message.set_payload(body.decode("ascii", "surrogateescape"))
    return message


def _describe(headers: Headers, draft: Draft) -> None:
    """What the header says, and the subject as the first element."""
    mail = draft.mail = headers.mail()
    if headers.crowded:
        draft.missing.append(f"only the first {MOST_ADDRESSES:,} recipients were kept")
    sent = headers.date()
    draft.describe(
        title=mail.subject,
        author=(mail.sender.name or mail.sender.email) if mail.sender else None,
        created_at=sent.at if sent else None,
        zone=sent.zone if sent else None,
    )
    draft.add(Kind.TITLE, mail.subject, level=1)


class _Reader:
    """The walk over the parts of one message. Text goes into the draft, all else becomes a child of it."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._parts = 0
        self._pixels = 0
        self._events: set[str] = set()
        self._spoken = False  # some part had words

    def mark(self, *marks: Mark) -> None:
        """Note what the message is."""
        if self._draft.mail is not None:
            known = self._draft.mail.marks
            known += [mark.value for mark in dict.fromkeys(marks) if mark.value not in known]

    def read(self, message: Message, depth: int = 0) -> None:
        """Read a part and all below it, in order."""
        stack = [(message, depth)]
        while stack:
            part, depth = stack.pop()
            self._parts += 1
            if self._parts > _MAX_PARTS or depth > _MAX_DEPTH:
                self._draft.missing.append("it has more parts than are read")
                self._spoken = True
                return
            kind = part.get_content_type()
            if kind.startswith("multipart/"):
                stack.extend((child, depth + 1) for child in reversed(self._below(part, kind)))
            else:
                self._leaf(part, kind, depth)

    def finish(self, message: Message, content: bytes) -> None:
        """What is said only when all parts are known.

        Args:
            content: the message as it came; of a multipart that is closed before it begins, the standard
                parser keeps nothing.
        """
        if not (self._spoken or self._draft.children) and message.get_content_maintype() == "multipart":
            lost = with_found_boundary(message, re.split(rb"\r?\n\r?\n", content, maxsplit=1)[-1])
            self.read(lost or Message())
        if not self._spoken and message.preamble and not _NOTICE.match(message.preamble):
            self._text(decode(message.preamble.encode("utf-8", "surrogateescape")))
        if self._pixels:
            self._draft.missing.append(f"pictures of one pixel were left out: {self._pixels}")
        name_parts(self._draft)

    def take_outlook(self, message: OutlookMessage, *, with_body: bool) -> None:
        """The contents of an Outlook message: its body if there is no other, its attachments."""
        self.mark(*message.marks())
        if message.event():
            self._draft.add(Kind.PARAGRAPH, message.event())
        if with_body:
            self._text(message.body())
        signed = Mark.SIGNED_SMIME in message.marks()
        for number, attached in enumerate(message.attachments, start=1):
            name = attached.name or f"attachment {number}"
            if attached.message is not None:
                subject = attached.message.mail().subject[:80].replace("/", "-")
                self._draft.add_child(f"{subject or 'message'}.eml", rebuilt(attached.message, _MAX_DEPTH))
            elif signed and b"multipart/signed" in attached.content[:4096]:
                self.read(parse(attached.content))
            elif is_encrypted(attached.content):
                self._encrypted(Mark.ENCRYPTED_SMIME)
            elif attached.content or not message.missing:
                self._draft.add_child(name, attached.content)
        self._draft.missing += message.missing

    def _below(self, part: Message, kind: str) -> list[Message]:
        """The parts of a multipart that are worth reading."""
        if kind == "multipart/encrypted":
            secret = parameter(part, "content-type", "protocol").lower()
            self._encrypted(Mark.ENCRYPTED_SMIME if "pkcs7" in secret else Mark.ENCRYPTED_PGP)
            return []
        if not part.is_multipart():
            return self._without_boundary(part)
        below = [child for child in part.get_payload() if isinstance(child, Message)]
        if kind == "multipart/alternative":
            below = best(below)
        if part.epilogue and part.epilogue.strip():
            below += self._after(part, part.epilogue)
        return below

    def _without_boundary(self, part: Message) -> list[Message]:
        """A multipart without parts: cut at the boundary that is really there, else it is text."""
        around = part.epilogue or part.preamble or ""
        content = payload(part, part.get_content_type()) or around.encode("utf-8", "surrogateescape")
        found = with_found_boundary(part, content)
        if found is not None:
            return [found]
        self._words(part, content)
        return []

    def _after(self, part: Message, epilogue: str) -> list[Message]:
        """What stands below the last boundary: a list's footer, or parts where it was closed too soon."""
        content = epilogue.encode("utf-8", "surrogateescape")
        found = with_found_boundary(part, content)
        if found is not None:
            return [found]
        rest = Message()
        rest.set_payload(epilogue)
        return [rest]

    def _leaf(self, part: Message, kind: str, depth: int) -> None:
        if kind in _MESSAGES:
            self._draft.add_child(_nested_name(part), _nested_bytes(part))
        elif kind in _REPORTS and part.is_multipart():
            self._text("\n\n".join(str(block).strip() for block in part.get_payload()))
        elif kind in _HEADERS_ONLY:
            self._draft.add(Kind.FORWARDED, decode(_inner_bytes(part, kind)))
        elif kind == "message/partial":
            self._fragment(part, depth)
        elif kind == "message/external-body":
            self._elsewhere(part)
        elif kind in _SIGNATURES:
            self.mark(_SIGNATURES[kind])
        elif kind == "application/pgp-encrypted":
            self._encrypted(Mark.ENCRYPTED_PGP)
        else:
            self._content(part, kind, _inner_bytes(part, kind), depth)

    def _content(self, part: Message, kind: str, content: bytes, depth: int) -> None:
        """A part that holds something of its own."""
        name = file_name(part)
        ending = name.lower().rpartition(".")[2]
        if kind in _TNEF or content.startswith(SIGNATURE):
            self._winmail(name, content)
        elif kind in _ENVELOPES or ending in ("p7m", "p7s"):
            self._envelope(name or "smime.p7m", kind, content, depth)
        elif kind in _CALENDARS or ending == "ics":
            self._calendar(name or "invitation.ics", content)
        elif kind in _CARDS:
            self._draft.add_child(name or "card.vcf", content)
        elif kind in HTML or (kind.startswith("text/") and (kind == "text/plain" or not name)):
            if (depth or name) and is_attachment(part, name):
                self._draft.add_child(name or f"attachment.{part.get_content_subtype()}", content)
            else:
                self._words(part, content)
        elif _is_pixel(content):
            self._pixels += 1
        else:
            self._draft.add_child(
                name or f"attachment.{part.get_content_subtype().removeprefix('x-')}", content
            )

    def _words(self, part: Message, content: bytes) -> None:
        """A part to be read: files that stand in it encoded are taken out."""
        kind = part.get_content_type()
        files: list[tuple[str, bytes]] = []
        if kind not in HTML:
            files, content = inline_files(content)
        self._text(text_of(part, kind, content))
        for name, data in files:
            self._draft.add_child(name, data)

    def _text(self, text: str) -> None:
        text, marks = undo_inline_pgp(text)
        if Mark.ENCRYPTED_PGP in marks:
            self._draft.missing.append(_ENCRYPTED)
        self.mark(*marks)
        self._spoken = self._spoken or bool(text.strip())
        add_zones(text, self._draft)

    def _encrypted(self, mark: Mark) -> None:
        self.mark(mark)
        self._draft.missing.append(_ENCRYPTED)

    def _winmail(self, name: str, content: bytes) -> None:
        try:
            inside = read_tnef(content)
        except ValueError:
            self._draft.missing.append("winmail.dat is damaged")
            self._draft.add_child(name or "winmail.dat", content)
            return
        self.take_outlook(inside, with_body=not self._spoken)

    def _envelope(self, name: str, kind: str, content: bytes, depth: int) -> None:
        """S/MIME in one piece: read if it is only signed."""
        inside = signed_content(content)
        if inside is not None and kind in _ENVELOPES:
            self.mark(Mark.SIGNED_SMIME)
            self.read(parse(inside), depth + 1)
        elif is_encrypted(content):
            self._encrypted(Mark.ENCRYPTED_SMIME)
        else:
            if kind in _ENVELOPES:
                self._draft.missing.append("the S/MIME envelope could not be opened")
            self._draft.add_child(name, content)

    def _calendar(self, name: str, content: bytes) -> None:
        """What, when, where and who, as text; the calendar itself for what can use it."""
        for entry in events.entries(decode(content)):
            if entry.method:
                self.mark(Mark.INVITATION)
            said = events.summary(entry)
            if said not in self._events:  # the same invitation often comes twice
                self._events.add(said)
                self._draft.add(Kind.PARAGRAPH, said)
                if not self._spoken:
                    self._draft.add(Kind.PARAGRAPH, entry.first("DESCRIPTION"))
        self._draft.add_child(name, content)

    def _fragment(self, part: Message, depth: int) -> None:
        """One piece of a message that was sent in several."""
        number, total = parameter(part, "content-type", "number"), parameter(part, "content-type", "total")
        piece = f"part {int(number)}" if number[:6].isdecimal() else "a part"
        whole = f" of {int(total)}" if total[:6].isdecimal() else ""
        self._draft.missing.append(f"this is {piece[:20]}{whole[:20]} of a message that was sent in pieces")
        inner = _nested(part)
        if inner is not None and number.strip() == "1":
            self.read(inner, depth + 1)
        else:
            rest = Message()
            rest.set_payload(_nested_bytes(part).decode("ascii", "surrogateescape"))
            self._words(rest, payload(rest, "text/plain"))

    def _elsewhere(self, part: Message) -> None:
        """A body that lies on a server: named, never fetched."""
        self._draft.missing.append("an attachment lies elsewhere and was not fetched")
        inner = _nested(part)
        said = [
            parameter(part, "content-type", key)
            for key in ("access-type", "site", "directory", "name", "url")
        ]
        said.append(file_name(inner) if inner is not None else "")
        self._draft.add(Kind.HEADER, "Attachment elsewhere: " + " ".join(word for word in said if word))


def _is_pixel(content: bytes) -> bool:
    """A picture that shows nothing and only tells its sender that it was fetched."""
    if len(content) > 2_000:
        return False
    if content.startswith((b"GIF87a", b"GIF89a")):
        return len(content) > 10 and bool(max(struct.unpack_from("<HH", content, 6)) <= 2)
    if content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) > 24:
        return bool(max(struct.unpack_from(">II", content, 16)) <= 2)
    return False


def _nested(part: Message) -> Message | None:
    """The message inside a message/rfc822 part."""
    inner = part.get_payload()
    return inner[0] if isinstance(inner, list) and inner and isinstance(inner[0], Message) else None


def _inner_bytes(part: Message, kind: str) -> bytes:
    """The content of a part, which may be one that the parser took for a message."""
    return _nested_bytes(part) if part.is_multipart() else payload(part, kind)


def _nested_name(part: Message) -> str:
    """A forwarded message is named as it was sent, else after its subject."""
    inner = _nested(part)
    subject = Headers(inner).text("subject") if inner is not None else ""
    return file_name(part) or f"{subject[:80].replace('/', '-') or 'message'}.eml"


def _nested_bytes(part: Message) -> bytes:
    """The forwarded message itself; undone from base64, which is forbidden there and happens."""
    inner = _nested(part)
    if inner is None:
        return payload(part, part.get_content_type())
    coding = str(part.get("content-transfer-encoding", "")).lower().strip()
    if coding in ("base64", "quoted-printable") and not inner.keys():
        inner["content-transfer-encoding"] = coding
        return payload(inner, "message/rfc822")
    return inner.as_bytes(policy=_UNFOLDED)
