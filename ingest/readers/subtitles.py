"""Subtitles (WebVTT, SubRip): what is said, without the times."""

from __future__ import annotations

import re
from html import unescape

from ingest.readers.draft import Document, Draft, Kind
from ingest.readers.text import decoded

_TIMES = re.compile(r"\s*\d[\d:.,]{3,15}[ \t]*-->")
_SPEAKER = re.compile(r"<v(?:\.[^\s<>]{1,80})?[ \t]+([^<>]{1,200})>")
_TAG = re.compile(r"</?[^<>]{0,200}>|\{\\[^{}]{0,80}\}")
_BLOCKS = ("WEBVTT", "STYLE", "REGION")


def read_subtitles(document: Document, draft: Draft) -> None:
    """A paragraph for each stretch that one speaker says, or that is shown at once."""
    speaker = ""
    for block in _blocks(decoded(document, draft).removeprefix("\ufeff")):
        times = next((at for at, line in enumerate(block[:2]) if _TIMES.match(line)), None)
        if times is None:
            if block[0].startswith("NOTE"):
                draft.add(Kind.PARAGRAPH, "\n".join(block)[4:])
            elif not block[0].startswith(_BLOCKS):
                draft.add(Kind.PARAGRAPH, "\n".join(block))
            continue
        text = "\n".join(block[times + 1 :])
        said = _SPEAKER.search(text)
        text = unescape(_TAG.sub("", text))
        if said and said[1] != speaker:
            speaker = said[1]
            text = f"{unescape(speaker)}: {text}"
        draft.add(Kind.PARAGRAPH, text)


def _blocks(text: str) -> list[list[str]]:
    """The lines between empty lines."""
    blocks: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            blocks[-1].append(line.rstrip())
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]
