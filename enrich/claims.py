"""Finds the sentences of an item that say that something was done: sent, attached, paid, received, erledigt.

By rules, in English and German, in the author's own words only. A claim closes nothing: to which action item
of the conversation it belongs is looked for in `follow_ups.py`, and whether that is closed the owner says.
"""

from __future__ import annotations

import re

from enrich import evidence
from enrich.document import Document
from enrich.words import plain
from store.records import Claim

MAX_CLAIMS = 20
_LONGEST = 400  # characters of a sentence

_DONE = (
    "sent|paid|signed|attached|enclosed|uploaded|forwarded|called|ordered|booked|submitted|completed|finished"
    "|fixed|delivered|transferred|returned|posted|mailed|e-?mailed|filed|checked|confirmed|cancell?ed|handed"
    "|brought|bought|wired|shipped|scanned|arranged|scheduled|dealt with|taken care of|took care of|reviewed"
    "|updated|corrected|informed|contacted|renewed|settled|resolved|done|prepared|dropped|given|gave|written"
    "|wrote|collected|picked up|measured|installed|repaired|replaced|drafted|printed|copied|shared|registered"
)
_GETAN = (
    "geschickt|gesandt|gesendet|gebracht|gegeben|gezahlt|gebucht|gekauft|gemacht|geprüft|gefaxt|gemailt"
    "|geholt|gescannt|gekündigt|geklärt|getan|gemessen|gemeldet|gelesen|korrigiert|storniert|informiert|erledigt"
    "|bezahlt|überwiesen|unterschrieben|unterzeichnet|bestellt|beauftragt|bestätigt|vereinbart|versandt|beglichen"
    "|besorgt|beantragt|verschickt|repariert|ausgefüllt|angerufen|angehängt|beigefügt|eingereicht|eingeworfen"
    "|hochgeladen|weitergeleitet|abge(?:schickt|sandt|geben|holt)|nachgereicht|vorbeigebracht|mitgeschickt"
    "|zurückge(?:schickt|sandt|geben|bracht)|angelegt|eingetragen|umgesetzt|übergeben"
)
_WELL = "(?: just| already| now| also| finally| meanwhile)*"
# How surely a sentence says that something was done in which one of the patterns occurs.
_CLAIMS = tuple(
    (confidence, re.compile("|".join(patterns)))
    for confidence, *patterns in (
        (
            0.85,
            rf"\b(?:i|we)(?:'ve| have)?{_WELL} (?:{_DONE})\b",
            rf"\b(?:habe?|haben) (?:ich|wir)\b[^.?!]{{0,120}}?\b(?:{_GETAN})\b",
            rf"\b(?:ich|wir) (?:habe?|haben)\b[^.?!]{{0,120}}?\b(?:{_GETAN})\b",
        ),
        (
            0.8,
            rf"^(?:all |it's |this is |just |both )?(?:{_DONE})(?: [a-z]+){{0,3}}[.!]*$",
            rf"^(?:alles |schon |ist |bereits |gestern |heute )*(?:{_GETAN}|fertig|ist raus)[.!]*$",
            rf"\b(?:is|are|was|were|has been|have been|it's){_WELL} (?:all )?(?:{_DONE}|on its way)\b",
            rf"\b(?:ist|sind|wurden?)\b[^.?!]{{0,80}}?\b(?:{_GETAN}|fertig|raus|unterwegs)\b",
        ),
        (
            0.7,
            r"^(?:attached|enclosed|anbei|beiliegend|im anhang|in der anlage|beigefügt|angehängt)\b",
            r"\b(?:see|find) (?:the )?(?:attached|enclosed)\b",
            r"\b(?:attached|enclosed|im anhang|anbei)[.!]?$",
            r"^(?!i |we )(?:[\w-]+ ){1,4}(?:sent|paid|signed|ordered|booked)[.!]*$",
            r"\b(?:im anhang|in der anlage) (?:finden|findest|ist|sind|schicke|sende|erhalten)\b",
        ),
        (
            0.6,
            r"\bhere (?:is|are) (?:the|my|our|your|an?)\b",
            r"\bhier (?:ist|sind|kommt|kommen) (?:der|die|das|mein\w*|unser\w*)\b",
            r"\b(?:i|we)(?:'ve| have)?(?: just| already)? (?:received|got)\b",
            r"\barrived (?:safely|today|yesterday)\b",
            r"\bthank(?:s| you)(?: so much)? for (?:sending|paying|signing|the)\b",
            r"\bhaben?\b[^.?!]{0,80}\b(?:erhalten|bekommen)\b",
            r"\b(?:angekommen|eingegangen|eingetroffen)\b",
            r"\bdank(?:e|e dir|e ihnen| sehr| schön)? für (?:die|den|das|ihre|deine|eure)\b",
        ),
    )
)
# In the clause of the claim: then it was not done, or not yet, or somebody only asks.
_NOT = re.compile(
    r"n't\b|\b(?:not|never|no|none|nothing|nobody|nichts|niemand|once|when|if|until|unless|as soon as|after"
    r"|before|will|to be|would|should|must|needs?|almost|nearly|half|partly|well done|whether|nicht|nie"
    r"|kein\w*|wird|werden|sobald|wenn|falls|bevor|nachdem|bis|muss|müssen|soll|sollte|kann|könnte|fast|teilweise|hätte"
    r"|wäre|ob|bitte(?! finden| entnehmen))\b"
)
_CLAUSE = re.compile(r"[,;:–—]\s")


def claims_done(sentence: str) -> float | None:
    """How surely the sentence says that something was done; None if it does not."""
    text = plain(sentence)
    if len(text) > _LONGEST or text.endswith("?"):
        return None
    for confidence, pattern in _CLAIMS:
        for found in pattern.finditer(text):
            if not _NOT.search(_clause(text, found.start(), found.end())):
                return confidence
    return None


def find_claims(document: Document) -> tuple[Claim, ...]:
    """The claims of one item in reading order, at most `MAX_CLAIMS`."""
    found = [
        Claim(
            item=document.item.id,
            confidence=confidence,
            evidence=evidence.cut(document.text, sentence.start, sentence.end),
        )
        for sentence in document.said
        if (confidence := claims_done(sentence.text)) is not None
    ]
    return tuple(found[:MAX_CLAIMS])


def _clause(text: str, start: int, end: int) -> str:
    """The part between commas in which `text[start:end]` stands."""
    before = [mark.end() for mark in _CLAUSE.finditer(text, 0, start)]
    after = _CLAUSE.search(text, end)
    return text[before[-1] if before else 0 : after.start() if after else len(text)]
