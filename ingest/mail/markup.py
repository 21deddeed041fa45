"""How mail programs mark in HTML what is quoted, where an earlier message begins, and their signature."""

from __future__ import annotations

import re
from enum import Enum, auto

from lxml import etree

# What repeats an earlier message, or says who wrote it.
_QUOTES = re.compile(r"yahoo_quoted|protonmail_quote|tutanota_quote|moz-cite-prefix|gmail_attr")
# Gmail's holds the line that says who wrote, the quotation, and sometimes the answer below it.
_OPEN_QUOTES = re.compile(r"gmail_quote")
# Above the header lines of an earlier message, which is not marked itself; Outlook, Zimbra, Apple.
_HEADERS = re.compile(
    r"divRplyFwdMsg|OutlookMessageHeader|OLK_SRC_BODY_SECTION|ms-outlook-mobile-reference-message"
    r"|zwchr|stopSpelling|reply-intro"
)
_HEADER_STYLE = re.compile(r"border-top:\s*solid\s+(?:#\w{6}|windowtext)\s+1\.0pt", re.IGNORECASE)
_SIGNATURES = re.compile(
    r"gmail_signature(?!_prefix)|protonmail_signature_block(?!-)|ms-outlook-mobile-signature"
)
_INDENT_STYLE = re.compile(r"border(?:-left)?:\s*(?:none|0)", re.IGNORECASE)
_PEEK = 80


class Role(Enum):
    """What an element is in a message."""

    ORDINARY = auto()
    QUOTE = auto()
    OPEN_QUOTE = auto()  # until the first quotation in it ends
    HEADER = auto()  # an earlier message begins
    SIGNATURE = auto()


def role(element: etree._Element, tag: str) -> Role:
    """What an element of a message is, by the marks of the program that wrote it."""
    names = f"{element.get('class', '')} {element.get('id', '')}"
    if tag == "blockquote":
        style = element.get("style", "")
        cited = element.get("type") == "cite" or "quote" in names
        return Role.QUOTE if cited or not _INDENT_STYLE.search(style) else Role.ORDINARY
    if tag == "div" and _HEADER_STYLE.search(element.get("style", "")):
        return Role.HEADER
    if len(names) < 2:
        return Role.ORDINARY
    if _HEADERS.search(names):
        return Role.HEADER
    if tag not in ("div", "span", "table", "p"):
        return Role.ORDINARY
    if _SIGNATURES.search(names):
        return Role.SIGNATURE
    found = Role.QUOTE if _QUOTES.search(names) else Role.OPEN_QUOTE if _OPEN_QUOTES.search(names) else None
    # Under "---- Forwarded message ----" stands what is new to the reader: the words decide, not the mark.
    return found if found and not _first_words(element).startswith("--") else Role.ORDINARY


def _first_words(element: etree._Element) -> str:
    text = ""
    for piece in element.itertext():
        text = (text + piece).lstrip()
        if len(text) > _PEEK:
            break
    return text
