"""How the action items of one conversation hang together: which is the same again, which claimed to be done.

Pure. Taken together is what is nearly the same word for word, and a reminder ("did you have a chance to send
the drawings?") of the one action item that has its words. A claim belongs to an action item of whoever makes
it if they have words in common, or to his only one if it has none ("Done."). In doubt nothing is related: two
lines for one thing are better than one thing lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources
from typing import NamedTuple

from store.actions import Asked, Claimed, Ties
from store.names import fold, same_address
from store.records import ActionKind

_ALIKE = 0.75  # of all words of two sentences, the share that both have
_WORD = re.compile(r"[^\W_]+")
_ENDING = re.compile(r"(?:ing|ed|en|er|em|es|e|n|s|t)$")
_SHORTEST_STEM = 4
_NOT_LETTERS = re.compile(r"[\W_]+")
_ADDRESS = re.compile(r"<?([^\s<>]+@[^\s<>]+)>?")

_COMMON = resources.files("enrich").joinpath("common_words.txt").read_text(encoding="utf-8")
_SAYS_NOTHING = frozenset(_COMMON.partition("\n")[2].split())  # its first line says what it is
_REMINDS = re.compile(
    r"\bremind|\bdid you (?:already|manage|get|have|find|see|send|pay|sign|call)\b"
    r"|\bhave you (?:already|had|sent|paid|signed|called|got|been)\b|\bany (?:news|update)"
    r"|\bstill (?:need|wait|miss|have not|haven't)|\bagain\b|\byet\?|\bfollow(?:ing)? up\b|\berinner"
    r"|\bnoch ?mals?\b|\berneut\b|\bschon\b.*\?|\bnoch nicht\b|\bwie steht\b|\bwarte[nt]? (?:noch|immer)"
    r"|\bdazu gekommen\b"
)
# What is to be done, or was, by folded stems; where both sentences say it, it must agree.
_DEEDS = tuple(
    re.compile(rf"\b(?:{stems})(?:e|en|et|est|t|te|ten|st|s|es|d|ed|ing)?\b")
    for stems in (
        "send|sent|forward|e?mail|giv|gave|provid|bring|brought|attach|enclos|return|deliver|ship|shipp|submit"
        "|submitt|upload|hand|shar|receiv|got|arriv|schick|geschick|gesend|gesand|versand|verschick|gib|geb|gegeb"
        "|anbei|beiliegend|beigefug|anhang|anlage|angehang|(?:ein|nach)?(?:ge)?reich|(?:ab|zuruck|mit)geschick"
        "|weitergeleit|ubersend|liefer|geliefer|erhalt|bekomm|angekomm|eingegang|nachreich|zusend",
        "pay|paid|transfer|transferr|wir|settl|zahl|bezahl|gezahl|uberweis|uberwies|begleich|beglich",
        "sign|unterschreib|unterschrieb|unterzeichn|unterzeichnet",
        "call|ring|rang|phon|ruf|anruf|angeruf|telefonier",
        "order|book|buy|bought|bestell|buch|gebuch|kauf|gekauf|reservier",
        "check|review|look|read|verif|verifi|pruf|gepruf|schau|les|geles|korrigier|correct",
        "cancel|cancell|kundig|gekundig|stornier|absag",
    )
)
_RECEIPT = re.compile(
    r"\b(?:received|got|arrived|erhalten|bekommen|angekommen|eingegangen|eingetroffen)\b|\bthank|\bdank"
)


def related(asked: Sequence[Asked], claimed: Sequence[Claimed]) -> Ties:
    """See the module; ids as they were given. A pair holds whatever else is asked for, but for the bounds
    that the doubtful cases need: one candidate, no later repetition.
    """
    conversation = _Conversation(asked)
    repeats = conversation.repeats()
    closings = {(one.id, claim.id) for claim in claimed for one in conversation.closed_by(claim)}
    # What closes a reminder closes what it reminds of.
    closings |= {(earlier, claim) for later, earlier in repeats for id, claim in closings if id == later}
    said = {one.id: one.at for one in claimed}
    latest: dict[int, float] = {}
    at = {one.id: one.at for one in asked}
    for later, earlier in repeats:
        latest[earlier] = max(latest.get(earlier, 0.0), at[later])
    standing = {pair for pair in closings if latest.get(pair[0], 0.0) < said[pair[1]]}
    return Ties(sorted(repeats), sorted(standing))


class _Terms(NamedTuple):
    """What a sentence is compared by."""

    plain: str  # letters and digits
    words: frozenset[str]  # stems of the words that tell it from another
    things: frozenset[str]  # of these, without what only says what is done with them
    numbers: frozenset[str]
    deeds: frozenset[int]
    reminds: bool
    got: bool  # its author received something


class _Conversation:
    """The action items of one conversation. Nothing of it outlives the comparison: people wrote it."""

    def __init__(self, asked: Sequence[Asked]) -> None:
        self._asked = sorted(asked, key=lambda one: (one.at, one.item, one.id))
        self._terms = {one.id: _terms(one.what, one.due_text) for one in asked}
        self._same: dict[tuple[str, str], bool] = {}

    def repeats(self) -> set[tuple[int, int]]:
        """Pairs of a later one and an earlier one that it repeats."""
        pairs: set[tuple[int, int]] = set()
        root = {one.id: one.id for one in self._asked}  # the first of those that are the same
        for number, later in enumerate(self._asked):
            before = [one for one in self._asked[:number] if self._may_be_same(later, one)]
            same = [one for one in before if self._is_said_again(later, one)]
            if not same:
                reminded = [one for one in before if self._reminds(later, one)]
                same = reminded if len({root[one.id] for one in reminded}) == 1 else []
            if same:
                root[later.id] = root[same[0].id]
                pairs |= {(later.id, one.id) for one in same}
        return pairs

    def closed_by(self, claim: Claimed) -> list[Asked]:
        """The action items that a claim may be about."""
        said = _terms(claim.text)
        own: list[Asked] = []
        others: list[Asked] = []
        for one in self._asked:
            if one.item == claim.item or one.at >= claim.at:
                continue
            if self._are_same(claim.by, one.owner):
                own.append(one)
            # Whoever waits for another does not end that by what he did himself, but by what he got.
            elif said.got or not self._are_same(claim.by, one.by):
                others.append(one)
        if said.got:
            own = []  # nor does it end what he owes himself
        if said.things:
            return [
                *(one for one in own if _are_about_same(said, self._terms[one.id], least=1)),
                *(one for one in others if _are_about_same(said, self._terms[one.id], least=2)),
            ]
        newest = max((one.at for one in own), default=0.0)
        last = [one for one in own if one.at == newest and _agree(said, self._terms[one.id])]
        return last if len(last) == 1 else []

    def _may_be_same(self, later: Asked, earlier: Asked) -> bool:
        """It is the same one's to do, or at least the same one asks; and not for another day."""
        both = later.owner and earlier.owner
        if later.item == earlier.item or not (
            self._are_same(later.owner, earlier.owner) if both else self._are_same(later.by, earlier.by)
        ):
            return False
        another_day = later.due and earlier.due and later.due != earlier.due
        return not another_day or self._terms[later.id].reminds

    def _is_said_again(self, later: Asked, earlier: Asked) -> bool:
        ours, theirs = self._terms[later.id], self._terms[earlier.id]
        if later.kind is not earlier.kind:
            return False
        if ours.plain == theirs.plain:
            return True
        if min(len(ours.words), len(theirs.words)) < 2 or ours.numbers != theirs.numbers:
            return False
        return len(ours.words & theirs.words) >= _ALIKE * len(ours.words | theirs.words)

    def _reminds(self, later: Asked, earlier: Asked) -> bool:
        ours, theirs = self._terms[later.id], self._terms[earlier.id]
        if not ours.reminds or ActionKind.COMMITMENT in (later.kind, earlier.kind):
            return False
        if self._are_same(later.by, earlier.owner):
            return False  # nobody reminds himself
        return bool(ours.things) and ours.things <= theirs.words and _agree(ours, theirs)

    def _are_same(self, one: str | None, other: str | None) -> bool:
        if not one or not other:
            return False
        if (one, other) not in self._same:
            self._same[one, other] = _same_person(one, other)
        return self._same[one, other]


def _terms(text: str, due_text: str | None = None) -> _Terms:
    lower = text.lower()
    undated = lower.replace(due_text.lower(), " ", 1) if due_text else lower
    plain = [fold(word) for word in _WORD.findall(undated) if word not in _SAYS_NOTHING]
    words = frozenset(_stem(word) for word in plain if len(word) > 1 or word.isdigit())
    folded = fold(text)
    return _Terms(
        plain=_NOT_LETTERS.sub(" ", lower).strip(),
        words=words,
        things=frozenset(word for word in words if not any(deed.fullmatch(word) for deed in _DEEDS)),
        numbers=frozenset(word for word in words if any(map(str.isdigit, word))),
        deeds=frozenset(number for number, deed in enumerate(_DEEDS) if deed.search(folded)),
        reminds=bool(_REMINDS.search(lower)),
        got=bool(_RECEIPT.search(lower)),
    )


def _stem(word: str) -> str:
    """Rough, but the same for most forms of one word: drawings, drawing; Rechnungen, Rechnung."""
    if word.startswith("ge") and len(word) > _SHORTEST_STEM + 2 and word.endswith(("t", "en")):
        word = word[2:]
    while (shorter := _ENDING.sub("", word)) != word and len(shorter) >= _SHORTEST_STEM:
        word = shorter
    return word


def _are_about_same(ours: _Terms, theirs: _Terms, *, least: int) -> bool:
    """Both name at least so many of the same things, and half of those that either names."""
    common = len(ours.things & theirs.things)
    few = min(len(ours.things), len(theirs.things))
    return common >= least and 2 * common >= few and _agree(ours, theirs)


def _agree(ours: _Terms, theirs: _Terms) -> bool:
    """They are not about different deeds."""
    return not ours.deeds or not theirs.deeds or bool(ours.deeds & theirs.deeds)


def _same_person(one: str, other: str) -> bool:
    """By their addresses; where one has none, if all of his name is in the other's."""
    addresses = [found[1] for found in (_ADDRESS.search(one), _ADDRESS.search(other)) if found]
    if len(addresses) == 2:
        return same_address(addresses[0]) == same_address(addresses[1])
    ours, theirs = (set(_WORD.findall(fold(_ADDRESS.sub("", text)))) for text in (one, other))
    return bool(ours and theirs) and (ours <= theirs or theirs <= ours)
