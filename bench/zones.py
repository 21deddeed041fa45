"""Measures novel text: is the visible reply found in the corpora of replies, is what a mail repeats of its
parents embedded once, whichever comes first, and how much is embedded at all. Nothing is stored.
"""

from __future__ import annotations

import argparse
import email
import io
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec
from lxml import etree

from bench.corpus import ROOT, mails
from ingest.mail.message import read_message
from ingest.mail.zones import zones
from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.hypertext import mail_text
from ingest.reading import Accepted, check
from ingest.relatives import Relatives
from ingest.sandbox.messages import Job, Reply
from policy.limits import Limits
from store.catalog import Catalog
from store.errors import NoSuchItem
from store.records import Element, ElementKind, MailHeader, Reading
from store.threads import Kin, named_ids

_LIMITS = Limits()
_PASSAGE = 20  # words
_EMBEDDED = frozenset({ElementKind.TITLE, ElementKind.PARAGRAPH})
_GITHUB = "mail-github-reply/test/emails"
_ZAPIER = "mail-zapier-reply/test/emails"
_TALON = "mail-talon/tests/fixtures"
# Which words of each body, counted from 0, a reader sees as the reply: judged by eye, closings left out.
_VISIBLE: dict[str, list[tuple[int, int]]] = {
    f"{_GITHUB}/email_1_2.txt": [(0, 1), (43, 153)],
    f"{_GITHUB}/email_1_3.txt": [(0, 8)],
    f"{_GITHUB}/email_1_8.txt": [(97, 103), (107, 110)],
    f"{_GITHUB}/email_2_2.txt": [(0, 7)],
    f"{_GITHUB}/email_bullets.txt": [(0, 20)],
    f"{_GITHUB}/email_sig_delimiter_in_middle_of_line.txt": [(0, 16)],
    f"{_ZAPIER}/email_1_3.txt": [(0, 8)],
    f"{_ZAPIER}/email_1_4.txt": [(0, 8)],
    f"{_ZAPIER}/email_1_5.txt": [(0, 87)],
    f"{_ZAPIER}/email_1_7.txt": [(0, 1)],
    f"{_ZAPIER}/email_2_1.txt": [(0, 4)],
    f"{_ZAPIER}/email_gmail.txt": [(0, 11)],
    f"{_ZAPIER}/email_iPhone.txt": [(0, 4)],
    f"{_ZAPIER}/email_multi_word_sent_from_my_mobile_device.txt": [(0, 4)],
    f"{_TALON}/OLK_SRC_BODY_SECTION.html": [(0, 1)],
    f"{_TALON}/html_replies/gmail.html": [(0, 6)],
    f"{_TALON}/html_replies/mail_ru.html": [(0, 6)],
    f"{_TALON}/html_replies/ms_outlook_2003.html": [(0, 6)],
    f"{_TALON}/standard_replies/apple_mail_2.eml": [(0, 1)],
    f"{_TALON}/standard_replies/comcast.eml": [(0, 1)],
    f"{_TALON}/standard_replies/hotmail.eml": [(0, 1)],
    f"{_TALON}/standard_replies/iphone.eml": [(0, 1)],
    f"{_TALON}/standard_replies/sparrow.eml": [(0, 1)],
    f"{_TALON}/standard_replies/thunderbird.eml": [(9, 10)],
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the corpora")
    parser.add_argument("--mbox", type=Path, help="mails in threads (default: those of mail-list)")
    arguments = parser.parse_args()
    print(f"{'visible reply':<24}{'found':>8}{'of':>6}")
    for corpus in ("mail-talon", "mail-github-reply", "mail-zapier-reply"):
        results = [*_replies(arguments.data, corpus), *_signatures(arguments.data, corpus)]
        print(f"{corpus:<24}{sum(found for _, found in results):>8}{len(results):>6}")
        for name, found in results:
            if not found:
                print(f"    not found: {name}")
    mbox = arguments.mbox or arguments.data / "mail-list" / "linux-mips-part.mbox.gz"
    _threads(_read(mails(mbox)))


def _replies(data: Path, corpus: str) -> list[tuple[str, bool]]:
    """Of each message: whether what is new is the visible reply, word for word, and nothing else."""
    results: list[tuple[str, bool]] = []
    for name, spans in _VISIBLE.items():
        if name.startswith(corpus) and (data / name).exists():
            words, text, subject = _body(data / name)
            results.append((name, _new(text, subject) == [w for a, b in spans for w in words[a:b]]))
    return results


def _body(path: Path) -> tuple[list[str], str, str]:
    """The words of a body, its text as the zones get it, and its subject."""
    content = path.read_bytes()
    if path.suffix == ".html":
        markup = content.decode()
        root = etree.fromstring(markup, etree.HTMLParser(remove_comments=True))
        etree.strip_elements(root, "style", "script", with_tail=False)
        return " ".join(root.find("body").itertext()).split(), mail_text(markup), ""
    subject = ""
    if path.suffix == ".eml":
        message = email.message_from_bytes(content)
        subject = str(message["subject"])
        plain = next(part for part in message.walk() if part.get_content_type() == "text/plain")
        content = cast(bytes, plain.get_payload(decode=True))
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    return text.split(), text, subject


def _signatures(data: Path, corpus: str) -> list[tuple[str, bool]]:
    """talon's bodies with their signatures in files beside them: the body without it is what is visible. A
    name alone, for which there is no such file, counts as visible.
    """
    results: list[tuple[str, bool]] = []
    for path in sorted((data / corpus / "tests" / "fixtures" / "signature" / "emails").rglob("*_body")):
        lines = path.read_text().split("\n")
        marked = [line.removeprefix("#sig#") for line in lines if line.startswith("#sig#")]
        beside = path.with_name(path.name.replace("_body", "_signature"))
        known = beside.read_text() if beside.exists() else "\n".join(marked)
        text = "\n".join(line.removeprefix("#sig#") for line in lines)
        visible = text.split()[: len(text.split()) - len(known.split())]
        new = _new(text, "")
        results.append((str(path.relative_to(data)), new == visible))
    return results


def _new(text: str, subject: str) -> list[str]:
    """The new words."""
    pieces = [piece for kind, piece in zones(text, subject) if kind is Kind.PARAGRAPH]
    return [word for piece in pieces for word in piece.split()]


def _read(raw: Sequence[bytes]) -> list[Reading]:
    """The mails as the core gets them, each message id once."""
    found: dict[str, Reading] = {}
    began = time.process_time()
    for number, content in enumerate(raw):
        sink = io.BytesIO()
        draft = Draft(_LIMITS, sink, media_type="message/rfc822")
        read_message(Document.open(io.BytesIO(content), Job(name="m.eml"), _LIMITS), draft)
        reply = Reply(
            media_type=draft.media_type,
            elements=draft.elements,
            children=draft.children,
            title=draft.title,
            created_at=draft.created_at,
            mail=draft.mail,
        )
        outcome = check(reply, _LIMITS, sink.tell())
        if isinstance(outcome, Accepted) and outcome.reading.mail is not None:
            found.setdefault(outcome.reading.mail.message_id or str(number), outcome.reading)
    each = 1000 * (time.process_time() - began) / max(len(raw), 1)
    print(f"\n{len(found):,} mails read, {each:.2f} ms of CPU each")
    return list(found.values())


class _Shelf:
    """What `Relatives` asks of the catalog, in memory."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        own = {_header(reading).message_id: number for number, reading in enumerate(readings)}
        self.parents = [
            [own[name] for name in named_ids(_header(reading)) if own.get(name, number) != number]
            for number, reading in enumerate(readings)
        ]
        self._replies: dict[int, list[int]] = defaultdict(list)
        for number, parents in enumerate(self.parents):
            for parent in parents:
                self._replies[parent].append(number)
        self.held: dict[int, Reading] = {}

    def kin_of_mails(self, asked: Sequence[tuple[str, MailHeader]], limit: int) -> list[Kin]:
        """As the catalog."""
        return [
            Kin(self._here(self.parents[int(item)], limit), self._here(self._replies[int(item)], limit))
            for item, _ in asked
        ]

    def _here(self, numbers: Sequence[int], limit: int) -> list[str]:
        return [str(number) for number in numbers if number in self.held][:limit]

    def save_readings(self, readings: Sequence[tuple[str, Reading]]) -> None:
        """As the catalog."""
        self.held.update((int(item), reading) for item, reading in readings)

    def relabel(self, item: str, elements: Sequence[Element]) -> None:
        """As the catalog."""
        reading = msgspec.structs.replace(self._reading(item), elements=tuple(elements))
        self.held[int(item)] = reading

    def text(self, item: str) -> str:
        """As the catalog."""
        return self._reading(item).text

    def elements(self, item: str) -> list[Element]:
        """As the catalog."""
        return list(self._reading(item).elements)

    def _reading(self, item: str) -> Reading:
        try:
            return self.held[int(item)]
        except KeyError:
            raise NoSuchItem("it is not here", item=item) from None


def _header(reading: Reading) -> MailHeader:
    assert reading.mail is not None
    return reading.mail


def _threads(readings: Sequence[Reading]) -> None:
    """The table of what is embedded again, by order of arrival."""
    order = sorted(range(len(readings)), key=lambda number: readings[number].created_at or 0.0)
    shelf = _Shelf(readings)
    ancestors = [_above(shelf.parents, number) for number in range(len(readings))]
    whole = [set(_windows(reading.text.split())) for reading in readings]
    print(f"{'arrival':<24}{'repeated passages':>18}{'embedded again':>16}{'':>9}{'embedded':>10}{'ms':>8}")
    _report("(marks alone)", readings, ancestors, whole, 0.0)
    for name, sequence, together in (
        ("oldest first", order, 1),
        ("newest first", order[::-1], 1),
        ("newest first, by 64", order[::-1], 64),
    ):
        shelf = _Shelf(readings)
        relatives = Relatives(cast(Catalog, shelf))
        began = time.process_time()
        for at in range(0, len(sequence), together):
            relatives.save([(str(number), readings[number]) for number in sequence[at : at + together]])
        each = 1000 * (time.process_time() - began) / len(readings)
        _report(name, [shelf.held[number] for number in range(len(readings))], ancestors, whole, each)


def _above(parents: Sequence[Sequence[int]], number: int) -> set[int]:
    found: set[int] = set()
    left = list(parents[number])
    while left:
        if (parent := left.pop()) not in found and parent != number:
            found.add(parent)
            left.extend(parents[parent])
    return found


def _windows(words: Sequence[str]) -> list[int]:
    """Hashes of all passages of twenty words, quote marks left out."""
    bare = [word for word in words if word.strip(">|")]
    return [hash(tuple(bare[at : at + _PASSAGE])) for at in range(len(bare) - _PASSAGE + 1)]


def _embedded(reading: Reading) -> tuple[set[int], int]:
    """Hashes of the passages that are embedded, and how many words are."""
    found: set[int] = set()
    words: list[str] = []
    count = 0
    for element in (*reading.elements, None):
        if element is not None and element.kind in _EMBEDDED:
            some = reading.text[element.start : element.end].split()
            count += len(some)
            words += some
        else:
            found.update(_windows(words))
            words = []
    return found, count


def _report(
    name: str,
    readings: Sequence[Reading],
    ancestors: Sequence[set[int]],
    whole: Sequence[set[int]],
    milliseconds: float,
) -> None:
    """A repeated passage: as many words as go on standing in an ancestor too, twenty at least."""
    embedded = [_embedded(reading) for reading in readings]
    passages = again = 0
    for number, reading in enumerate(readings):
        if not ancestors[number]:
            continue
        said = set[int]().union(*(whole[above] for above in ancestors[number]))
        said_and_embedded = set[int]().union(*(embedded[above][0] for above in ancestors[number]))
        both = embedded[number][0] & said_and_embedded
        inside = counted = False
        for window in _windows(reading.text.split()):
            if window not in said:
                inside = counted = False
                continue
            passages += not inside
            inside = True
            if not counted and window in both:
                counted = True
                again += 1
    words = sum(len(reading.text.split()) for reading in readings)
    share = sum(count for _, count in embedded) / max(words, 1)
    part = again / max(passages, 1)
    print(f"{name:<24}{passages:>18,}{again:>16,}{part:>9.2%}{share:>10.1%}{milliseconds:>8.2f}")


if __name__ == "__main__":
    main()
