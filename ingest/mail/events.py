"""Calendars (RFC 5545) and address cards (RFC 6350) as text that a person can read and search."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.encoding import decode

_FOLD = re.compile(r"\r?\n[ \t]|\r[ \t]")
_LINE = re.compile(
    r'([A-Za-z0-9-]{1,60}(?:\.[A-Za-z0-9-]{1,60})?)((?:;(?:[^":;]|"[^"]*")*)*):(.*)', re.DOTALL
)
_PARAMETER = re.compile(r';([A-Za-z0-9-]{1,60})=("[^"]*"|[^";]*)')
_ESCAPE = re.compile(r"\\([nN\\;,])")
_WHEN = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?")
_ENTRIES = frozenset(("VEVENT", "VTODO", "VJOURNAL", "VCARD"))
_METHODS = {"REQUEST": "Invitation", "CANCEL": "Cancelled", "REPLY": "Answer", "COUNTER": "Counter-proposal"}
_ANSWERS = {"ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "tentative"}
_PEOPLE_SHOWN = 200
_CARD = {
    "ORG": "Organisation",
    "TITLE": "Title",
    "ROLE": "Role",
    "EMAIL": "Mail",
    "TEL": "Telephone",
    "ADR": "Address",
    "URL": "Page",
    "BDAY": "Birthday",
    "NOTE": "Note",
}


@dataclass
class Entry:
    """An event, a task, a journal entry or a card: its properties in order as (name, parameters, value)."""

    kind: str
    method: str = ""
    properties: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    def first(self, name: str) -> str:
        """The value of the first property of that name, as text."""
        return next((_text(value) for key, _, value in self.properties if key == name), "")


def read_calendar(document: Document, draft: Draft) -> None:
    """A calendar file or a file of cards: one paragraph for each entry, its description below it."""
    for entry in entries(decode(document.content())):
        draft.describe(title=entry.first("SUMMARY") or entry.first("FN"))
        draft.add(Kind.PARAGRAPH, summary(entry))
        draft.add(Kind.PARAGRAPH, entry.first("DESCRIPTION"))


def entries(untrusted_text: str) -> Iterator[Entry]:
    """The events, tasks and cards in a calendar; alarms and time zones are left out."""
    method, current, inner = "", None, 0
    for line in re.split(r"\r\n|\n|\r", _FOLD.sub("", untrusted_text)):
        found = _LINE.match(line)
        if not found:
            continue
        name, value = found[1].rpartition(".")[2].upper(), found[3]
        if name == "BEGIN":
            if current is not None:
                inner += 1
            elif value.strip().upper() in _ENTRIES:
                current = Entry(value.strip().upper(), method)
        elif name == "END" and current is not None:
            if inner:
                inner -= 1
            else:
                yield current
                current = None
        elif name == "METHOD" and current is None:
            method = value.strip().upper()
        elif current is not None and not inner:
            parameters = {key.upper(): word.strip('"') for key, word in _PARAMETER.findall(found[2])}
            current.properties.append((name, parameters, value))
    if current is not None:  # cut off
        yield current


def summary(entry: Entry) -> str:
    """What, when, where and who, a line each; all that an entry says but its description."""
    if entry.kind == "VCARD":
        return _card(entry)
    what = entry.first("SUMMARY")
    if entry.first("STATUS") == "CANCELLED":
        lines = [f"Cancelled: {what}"]
    else:
        lines = [f"{_METHODS[entry.method]}: {what}" if entry.method in _METHODS else what]
    lines += [
        f"{title}: {said}"
        for title, said in (
            ("When", _span(entry)),
            ("Due", _moments(entry, "DUE")),
            ("Repeats", entry.first("RRULE")),
            ("Where", entry.first("LOCATION")),
            ("Organiser", ", ".join(_people(entry, "ORGANIZER"))),
            ("With", ", ".join(_people(entry, "ATTENDEE"))),
            ("Comment", entry.first("COMMENT")),
        )
        if said
    ]
    return "\n".join(line for line in lines if line)


def _card(entry: Entry) -> str:
    name = entry.first("FN") or " ".join(reversed(entry.first("N").split(";")[:2])).strip()
    lines = [name]
    for key, _, value in entry.properties:
        if key in _CARD:
            lines.append(f"{_CARD[key]}: {', '.join(part for part in _text(value).split(';') if part)}")
    return "\n".join(lines)


def _people(entry: Entry, name: str) -> list[str]:
    shown: list[str] = []
    for key, parameters, value in entry.properties:
        if key == name and len(shown) < _PEOPLE_SHOWN:
            address = re.sub(r"(?i)^mailto:", "", _text(value)).strip()
            known = parameters.get("CN", "")
            said = f"{known} <{address}>" if known and known != address else known or address
            answer = _ANSWERS.get(parameters.get("PARTSTAT", "").upper())
            shown.append(f"{said} ({answer})" if answer else said)
    return shown


def _span(entry: Entry) -> str:
    """ "Tue 3 March 2026, 10:00 to 11:00 (Europe/Berlin)", in the zone that the invitation names."""
    start, zone = _moment(entry, "DTSTART")
    end, end_zone = _moment(entry, "DTEND")
    if start is None:
        return ""
    said = _shown(start)
    if end is not None and end != start:
        same_day = isinstance(start, datetime) and isinstance(end, datetime) and start.date() == end.date()
        said += f" to {end:%H:%M}" if same_day and zone == end_zone else f" to {_shown(end)}"
    elif duration := entry.first("DURATION"):
        said += f" for {duration}"
    return f"{said} ({zone})" if zone else said


def _moments(entry: Entry, name: str) -> str:
    when, zone = _moment(entry, name)
    return "" if when is None else _shown(when) + (f" ({zone})" if zone else "")


def _moment(entry: Entry, name: str) -> tuple[date | None, str]:
    """A date or date and time, and the name of its zone."""
    for key, parameters, value in entry.properties:
        if key == name and (found := _WHEN.match(value.strip())):
            year, month, day = int(found[1]), int(found[2]), int(found[3])
            try:
                if found[4] is None:
                    return date(year, month, day), ""
                zone = "UTC" if found[6] else parameters.get("TZID", "")
                return datetime(year, month, day, int(found[4]), int(found[5])), zone
            except ValueError:
                return None, ""
    return None, ""


def _shown(when: date) -> str:
    day = f"{when:%a} {when.day} {when:%B %Y}"
    return f"{day}, {when:%H:%M}" if isinstance(when, datetime) else day


def _text(value: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], value).strip()
