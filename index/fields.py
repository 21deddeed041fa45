"""The fields of the query language: what may stand behind each colon, and the condition that it makes. How a
query is cut into pieces is the business of `grammar.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from index.errors import QueryError
from index.kinds import language, media_types
from index.query import Filters
from index.when import instants
from policy.limits import Limits
from store.filters import Condition, Field, Having

TEXT_FIELDS = frozenset({"subject"})  # they say where text stands; the others are conditions on items
NAMES = (*(field.value for field in Field), *sorted(TEXT_FIELDS), "before", "after")

# What people write for a field that is called otherwise, in English and German.
_ALSO = {
    "from": "sender author absender von",
    "to": "cc bcc recipient empfänger an",
    "subject": "title betreff titel",
    "tag": "tags label labels schlagwort",
    "project": "projects projekt",
    "type": "types kind filetype format typ",
    "in": "folder source account ordner",
    "has": "hat",
    "lang": "language sprache",
    "before": "until vor bis",
    "after": "since nach seit ab",
    "date": "dates datum",
    "size": "größe",
}
_CALLED = {word: name for name, words in _ALSO.items() for word in words.split()}
_LEAST_NEAR = 5  # letters; shorter words are near too many others

_WHEN = "for example 2026, 2026-03, 14.03.2026, yesterday, 7d, or in quotation marks"
_UNITS = {"": 1, "b": 1} | {
    f"{letter}{rest}": base**power
    for power, letter in enumerate("kmg", 1)
    for rest, base in (("", 1000), ("b", 1000), ("i", 1024), ("ib", 1024))
}
_SIZE = re.compile(rf"(\d{{1,12}}(?:[.,]\d{{1,3}})?) ?({'|'.join(filter(None, _UNITS))})?")
_HAVING = {
    "attachment": "attachments anhang anhänge",
    "tag": "tags schlagwort",
    "action": "actions task tasks aufgabe aufgaben",
    "project": "projects projekt",
}
_HAVING_CALLED = {word: name for name, words in _HAVING.items() for word in (name, *words.split())}

_Reader = Callable[[str, float], Condition | None]


def meant(name: str) -> str | None:
    """The field that is probably meant by a name that is none; None: the name is text."""
    if name in _CALLED:
        return _CALLED[name]
    near = (field for field in NAMES if len(field) >= _LEAST_NEAR and _one_slip(name, field))
    return next(near, None)


def condition(name: str, value: str, now: float, at: int | None) -> Condition:
    """What a field and its value ask for.

    Args:
        name: one of `NAMES`, but for those of text.
        now: what "last month" refers to.
        at: where it stands in the query; None: it stands beside it.

    Raises:
        QueryError: the value is none for this field. It says how to write one, and nothing of the value.
    """
    read, what, remedy = _FIELDS[name]
    found = read(value, now)
    if found is None:
        raise QueryError(f"after {name}: stands no {what}", position=at, remedy=remedy)
    return found


def beside(filters: Filters, limits: Limits) -> list[tuple[Condition, ...]]:
    """The filters beside a query as conditions of the query language.

    Raises:
        QueryError: a value is no text, is too long, or names no kind of document or language.
    """
    fields = (
        ("type", filters.types),
        ("tag", filters.tags),
        ("project", filters.projects),
        ("from", _if_given(filters.sender)),
        ("to", _if_given(filters.recipient)),
        ("in", _if_given(filters.source)),
        ("lang", _if_given(filters.language)),
    )
    for name, values in fields:
        if len(values) > limits.query_conditions or any(map(limits.query_chars.__lt__, map(len, values))):
            raise QueryError(f"there are too many or too long values of {name}:", position=None)
        if not all(map(_is_text, values)):
            raise QueryError(f"a value of {name}: holds half a character", position=None)
    groups = [
        tuple(condition(name, value, 0.0, None) for value in values) for name, values in fields if values
    ]
    if filters.after is not None or filters.before is not None:
        groups.append((Condition(field=Field.DATE, least=filters.after, below=filters.before),))
    return groups


def _if_given(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _is_text(value: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _one_slip(name: str, field: str) -> bool:
    """Whether one letter too many, too few, wrong, or two exchanged tell them apart."""
    if abs(len(name) - len(field)) > 1 or name == field:
        return False
    start = next((i for i, (a, b) in enumerate(zip(name, field, strict=False)) if a != b), len(field))
    ends = ((1, 1), (1, 0), (0, 1))
    return any(name[start + a :] == field[start + b :] for a, b in ends) or (
        name[start : start + 2] == field[start : start + 2][::-1] and name[start + 2 :] == field[start + 2 :]
    )


# ---------------------------------------------------------------------------------------- one for each field


def _named(field: Field) -> _Reader:
    return lambda value, now: Condition(field=field, values=(value,))


def _type(value: str, now: float) -> Condition | None:
    found = media_types(value.strip())
    return Condition(field=Field.TYPE, values=found) if found else None


def _language(value: str, now: float) -> Condition | None:
    found = language(value.strip())
    return Condition(field=Field.LANGUAGE, values=(found,)) if found else None


def _having(value: str, now: float) -> Condition | None:
    found = _HAVING_CALLED.get(value.strip().lower())
    return Condition(field=Field.HAVING, values=(Having(found),)) if found else None


def _date(value: str, now: float) -> Condition | None:
    """Within one span, or from the first instant of one to the last of another."""
    first, dots, last = value.partition("..")
    begin, end = instants(first, now), instants(last if dots else first, now)
    if not begin or not end or begin[0] >= end[1]:
        return None
    return Condition(field=Field.DATE, least=begin[0], below=end[1])


def _after(value: str, now: float) -> Condition | None:
    span = instants(value, now)
    return Condition(field=Field.DATE, least=span[0]) if span else None


def _before(value: str, now: float) -> Condition | None:
    span = instants(value, now)
    return Condition(field=Field.DATE, below=span[0]) if span else None


def _size(value: str, now: float) -> Condition | None:
    """More or less than some bytes, or from some to some, both included."""
    text = value.strip().lower()
    first, dots, last = text.partition("..")
    if dots:
        least, most = _bytes(first), _bytes(last)
        if least is None or most is None or least > most:
            return None
        return Condition(field=Field.SIZE, least=least, below=math.floor(most) + 1)
    sign = next((sign for sign in (">=", "<=", ">", "<") if text.startswith(sign)), None)
    if sign is None or (count := _bytes(text.removeprefix(sign))) is None:
        return None
    if sign[0] == ">":
        return Condition(field=Field.SIZE, least=count if "=" in sign else math.floor(count) + 1)
    return Condition(field=Field.SIZE, below=math.floor(count) + 1 if "=" in sign else count)


def _bytes(text: str) -> float | None:
    match = _SIZE.fullmatch(text.strip())
    return float(match[1].replace(",", ".")) * _UNITS[match[2] or ""] if match else None


_FIELDS: dict[str, tuple[_Reader, str, str]] = {
    "from": (_named(Field.SENDER), "name", 'write from:name or from:"first last"'),
    "to": (_named(Field.RECIPIENT), "name", 'write to:name or to:"first last"'),
    "tag": (_named(Field.TAG), "name", 'write tag:name or tag:"two words"'),
    "project": (_named(Field.PROJECT), "name", 'write project:name or project:"two words"'),
    "type": (
        _type,
        "kind of document that is known",
        "for example type:pdf, type:mail, type:word, type:image",
    ),
    "in": (_named(Field.PLACE), "name", "write in:drop, in:account or in:inbox"),
    "has": (_having, "thing that is known", "write has:attachment, has:tag, has:action or has:project"),
    "lang": (_language, "language that is known", "for example lang:de or lang:german"),
    "date": (_date, "date that is understood", f'{_WHEN} date:"last month"; a range is 2026-01..2026-03'),
    "after": (_after, "date that is understood", f'{_WHEN} after:"last month"'),
    "before": (_before, "date that is understood", f'{_WHEN} before:"last month"'),
    "size": (_size, "size that is understood", "write size:>5MB, size:<100k or size:1MB..5MB"),
}
