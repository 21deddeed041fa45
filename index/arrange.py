"""From fused passages to the list that is shown: what is called so or holds an identifier of the query first,
fresh items a little higher, one hit for each conversation and document, copies behind. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from index.fuse import Fused, Half, Part, Single
from index.query import Wanted
from store.records import Item

# Of points, where the parts together have about 1 between a good and a middling candidate: an item of today
# gains so much over one that is very old, and half of it over one without a date. Among the first ten of
# Cranfield and msmarco5k it would pass none or one by that, two in one of twenty cases, six at most.
_FRESH = 0.1
_HALF_LIFE_S = 180 * 86_400.0

# Of points, to what is called by all the words of a query, of which there are three at least. Who knows what
# something is called looks for this one thing; meaning would bury it among all that is about the same. Of 300
# mails asked for by paraphrases, the mean reciprocal rank is 0.72 without, 0.77 with 4, 0.79 with 8 or 12.
_NAMED = 8.0
_NAMED_FROM = 0.5  # share of the words
_NAMED_WORDS = 3

_ALIKE = 0.99  # the cosine from which two passages say the same
_COPIES = 2  # of such are shown on one page
_CODE_CHARS = 5  # letters and digits; fewer name no single thing: "ww1", "2024"

_TOKEN = re.compile(r"[^\W_]+")
_JOINED = re.compile(r"[^\W_][-/_.#:][^\W_]")
_REPLY = frozenset({"re", "aw", "fw", "fwd", "wg"})
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}$")


class Found(msgspec.Struct, frozen=True):
    """An item that answers."""

    item: Item
    passage: int  # its best
    more: int  # further items of its conversation, or versions of it, that answer too


def identifiers(wanted: Wanted) -> list[str]:
    """The words of a query that name one single thing: numbers and codes."""
    return [word for word in wanted.words if _is_identifier(word)]


def only_codes(wanted: Wanted) -> bool:
    """Whether a query asks for numbers and codes alone: to the model all are alike, and its nearest would
    bury what has this one.
    """
    words = wanted.texts
    return bool(words) and all(any(letter.isdigit() for letter in word) for word in words)


def arrange(
    fused: Fused,
    owners: Mapping[int, int],
    items: Mapping[int, Item],
    *,
    wanted: Wanted,
    held: Mapping[int, int],
    now: float,
    versions: bool,
) -> list[Found]:
    """One hit for each conversation and document, the best first.

    Args:
        fused: gets what else has a say.
        owners: passage → number of its item. Passages and items that are not in are left out: they were
            deleted.
        wanted: the query.
        held: passage → how many identifiers of the query it holds.
        now: seconds since the epoch.
        versions: former versions are shown, each as a hit of its own.
    """
    shown = [items.get(owners.get(passage, 0)) for passage in fused.passages]
    if {Part.WORDS, Part.MEANING} <= fused.parts:
        _let_names_speak(fused, shown, wanted)
    _let_dates_speak(fused, shown, now)
    _put_exact_first(fused, shown, wanted, held)
    best: dict[str, tuple[Item, int]] = {}
    members: dict[str, set[str]] = {}
    for row in fused.order():
        item = shown[row]
        if item is None or (item.superseded and not versions):
            continue
        group = item.thread or (item.id if versions else item.family)
        best.setdefault(group, (item, fused.passages[row]))
        members.setdefault(group, set()).add(item.id)
    return [Found(item, passage, len(members[group]) - 1) for group, (item, passage) in best.items()]


def _let_names_speak(fused: Fused, items: Sequence[Item | None], wanted: Wanted) -> None:
    words = {token for piece in wanted.texts for token in _tokens(piece) if len(token) > 1}
    if len(words) < 2:
        return
    shares: dict[str, float] = {}
    for item in items:
        if item is not None and item.id not in shares:
            held = len(
                words.intersection(_tokens(" ".join((item.title or "", item.name, item.sender or ""))))
            )
            above = (held / len(words) - _NAMED_FROM) / (1 - _NAMED_FROM)
            shares[item.id] = above * min(1.0, (held - 1) / (_NAMED_WORDS - 1)) if above > 0 else 0.0
    named = np.array([shares[item.id] if item is not None else 0.0 for item in items], np.float32)
    if named.any():
        fused.give(Part.NAMED, np.where(named > 0, named, np.nan), _NAMED * named)


def _let_dates_speak(fused: Fused, items: Sequence[Item | None], now: float) -> None:
    fresh = np.array([_freshness(item, now) for item in items], np.float32)
    if not np.isnan(fresh).all():
        fused.give(Part.RECENT, fresh, _FRESH * np.nan_to_num(fresh, nan=0.5))


def _put_exact_first(
    fused: Fused, items: Sequence[Item | None], wanted: Wanted, held: Mapping[int, int]
) -> None:
    """Give what is exact as many points as all else together, for each identifier and for its name."""
    asked = _tokens(wanted.plain)
    called = [item is not None and _is_called(item, asked) for item in items]
    exact = np.array([held.get(id, 0) for id in fused.passages], np.float32) + np.array(called, np.float32)
    if exact.any():
        fused.give(Part.EXACT, np.where(exact > 0, exact, np.nan), exact * fused.perfect())


def apart(found: Sequence[Found], vectors: Mapping[int, Half], page: int) -> list[Found]:
    """The same hits; of those that say the same the best two keep their places, the others come behind the
    page.

    Args:
        vectors: of passages; what has none is like nothing.
        page: how many hits are shown.
    """
    kept: list[Found] = []
    copies: list[Found] = []
    rows: list[Single] = []  # of what is kept
    for number, hit in enumerate(found):
        if len(kept) == page:
            return [*kept, *copies, *found[number:]]
        if (vector := vectors.get(hit.passage)) is not None:
            row = vector.astype(np.float32)
            if rows and np.count_nonzero(np.stack(rows) @ row >= _ALIKE) >= _COPIES:
                copies.append(hit)
                continue
            rows.append(row)
        kept.append(hit)
    return [*kept, *copies]


def unread_first(ranking: Iterable[int], owners: Mapping[int, int], items: Mapping[int, Item]) -> set[int]:
    """The passages at the head of the ranking by word whose items could not be read: these have no meaning to
    be ranked by, and are not left behind all that is near in meaning.
    """
    first: set[int] = set()
    for passage in ranking:
        item = items.get(owners.get(passage, 0))
        if item is None or item.reason is None:
            break
        first.add(passage)
    return first


def _is_identifier(word: str) -> bool:
    letters = "".join(_TOKEN.findall(word))
    digits = any(letter.isdigit() for letter in letters)
    return digits and (len(letters) >= _CODE_CHARS or _JOINED.search(word) is not None)


def _is_called(item: Item, asked: Sequence[str]) -> bool:
    """Whether its title or its file name is the query, but for `Re:` and the ending."""
    if not asked:
        return False
    names = (item.title or "", item.name, _ENDING.sub("", item.name))
    return any(_tokens(name) == asked for name in names if asked[0] in name.casefold())


def _tokens(text: str) -> list[str]:
    return [token for token in _TOKEN.findall(text.casefold()) if token not in _REPLY]


def _freshness(item: Item | None, now: float) -> float:
    """1 today, a half after half a year, 0 in the end; NaN without a date."""
    if item is None or item.created_at is None:
        return float("nan")
    return float(2.0 ** (-max(0.0, now - item.created_at) / _HALF_LIFE_S))
