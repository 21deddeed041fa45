"""Evidence is cut from the text by code; what the store would refuse (`store/proof.py`) is dropped here.

Pure. A reader that quotes is believed only as far as `locate` finds its words in the item's text.
"""

from __future__ import annotations

import re

import msgspec

from store.proof import holds
from store.records import Evidence, Findings

_MIN_QUOTE = 3  # characters; shorter quotations prove nothing


def cut(text: str, start: int, end: int) -> Evidence:
    """The evidence for `text[start:end]`, without the white space around it.

    Raises:
        ValueError: the span is outside the text or holds no visible character.
    """
    if not 0 <= start < end <= len(text):
        raise ValueError(f"no span {start}:{end} in a text of {len(text)} characters")
    span = text[start:end]
    inner = span.strip()
    if not inner:
        raise ValueError(f"the span {start}:{end} is blank")
    start += len(span) - len(span.lstrip())
    return Evidence(start=start, end=start + len(inner), text=inner)


def locate(text: str, untrusted_quote: str, start: int = 0, end: int | None = None) -> Evidence | None:
    """Find a quotation within `text[start:end]`; the evidence is the text's own wording.

    Runs of white space match one another, because models flatten line breaks; everything else is verbatim.
    None if the words do not occur or are too few to prove anything.
    """
    words = untrusted_quote.split()
    if sum(map(len, words)) < _MIN_QUOTE:
        return None
    limit = len(text) if end is None else end
    found = text.find(untrusted_quote.strip(), start, limit)
    if found >= 0:
        return cut(text, found, found + len(untrusted_quote.strip()))
    match = re.compile(r"\s+".join(map(re.escape, words))).search(text, start, limit)
    return cut(text, match.start(), match.end()) if match else None


def proven(text: str, findings: Findings) -> Findings:
    """The findings whose evidence holds; what does not hold is dropped, whoever said it."""
    return msgspec.structs.replace(
        findings,
        tags=tuple(tag for tag in findings.tags if holds(text, tag.evidence)),
        actions=tuple(action for action in findings.actions if holds(text, action.evidence)),
        claims=tuple(claim for claim in findings.claims if holds(text, claim.evidence)),
        links=tuple(link for link in findings.links if holds(text, link.evidence)),
        mentions=tuple(mention for mention in findings.mentions if holds(text, mention.evidence)),
    )
