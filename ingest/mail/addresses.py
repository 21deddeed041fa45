"""Lists of mail addresses as people and programs really write them: commas in names without quotes, groups,
comments, encoded words, semicolons. A field that is no list gives whatever in it looks like an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# What nearly all lists consist of, one address and its comma at a time. Possessive, so it stays linear.
_PLAIN = re.compile(
    r"""\s*+(?:(?:"(?P<quoted>[^"\\]*+)"\s*+|(?P<name>[^",:;()<>\\@\[\]]*+))<\s*+(?P<angle>[^<>\s"(),;:\\@]++@"""
    r"""[^<>\s"(),;:\\@]++)\s*+>|(?P<bare>[^\s<>()\[\],;:\\"@]++@[^\s<>()\[\],;:\\"@]++))\s*+(?:,\s*+|$)"""
)
_TOKEN = re.compile(
    r"(?P<encoded>=\?[^?\s]{1,40}\?[bBqQ]\?[^?]{0,2000}\?=)"
    r'|"(?P<quoted>(?:[^"\\]|\\.){0,4000})"'
    r"|<(?P<angle>[^<>]*)>?|(?P<end>[,;])|(?P<colon>:)|(?P<comment>\()|\\(?P<escaped>.)"
    r'|(?P<word>[^"<,;:(\\=]++|.)',
    re.DOTALL,
)
_EMAIL = re.compile(r"[^\s<>()\[\],;:\"'\\]{1,64}@[\w.-]{1,255}")
_ROUTE = re.compile(r"@[^:@]{0,500}:")


def split_addresses(field: str, most: int) -> list[tuple[str, str]]:
    """(name, address) pairs of a field, RFC 2047 not yet undone; at most `most` of them."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(field) and len(found) < most and (plain := _PLAIN.match(field, at)):
        found.append(((plain["quoted"] or plain["name"] or "").strip(), plain["angle"] or plain["bare"]))
        at = plain.end()
    if at == len(field):
        return found
    return found + _odd_addresses(field[at:], most - len(found))


def _odd_addresses(field: str, most: int) -> list[tuple[str, str]]:
    """The same of a list, or the rest of one, that is not written as the standard says."""
    found: list[tuple[str, str]] = []
    lost: list[str] = []  # "Doe" of «Doe, Ann <ann@…>»
    for name, address in _mailboxes(field):
        if address:
            found.append((", ".join((*lost, name)) if name else "", address))
            if not name:
                found[-1:-1] = [(word, "") for word in lost]
            lost = []
        else:
            lost.append(name)
        if len(found) + len(lost) >= most:
            break
    found += [(word, "") for word in lost]
    if any(address for _, address in found):
        return found
    return [("", email) for email in _EMAIL.findall(field)] or found


class _Mailbox:
    """What has been seen since the last comma."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.comments: list[str] = []
        self.address = ""
        self.quoted = False

    def pairs(self) -> Iterator[tuple[str, str]]:
        """It as (name, address): one, or none, or several that nobody separated."""
        name = " ".join("".join(self.words).split())
        if not self.address and "@" in name and not self.quoted:
            joined = _joined(name)
            if " " not in joined:
                name, self.address = "", joined
            else:
                emails = _EMAIL.findall(name)
                if len(emails) > 1:
                    yield from (("", email) for email in emails)
                    return
                if emails:
                    name, self.address = name.replace(emails[0], "").strip(), emails[0]
        name = name or " ".join(self.comments)
        if name or self.address:
            yield name, self.address


def _mailboxes(field: str) -> Iterator[tuple[str, str]]:
    """What stands between the commas of a field; the names of groups are left out."""
    box, at, groups = _Mailbox(), 0, ";" in field
    while at < len(field):
        token = _TOKEN.match(field, at)
        if token is None:
            break
        at = token.end()
        kind, text = token.lastgroup, token[token.lastgroup or 0]
        if kind == "end":
            yield from box.pairs()
            box = _Mailbox()
        elif kind == "quoted":
            box.words.append(re.sub(r"\\(.)", r"\1", text))
            box.quoted = True
        elif kind == "angle" and "@" in text:
            if box.address:
                yield from box.pairs()
                box = _Mailbox()
            box.address = _joined(_ROUTE.sub("", text))
        elif kind == "colon" and groups and not box.address:
            box = _Mailbox()
        elif kind == "comment":
            comment, at = _comment(field, at)
            box.comments.append(comment)
        elif text:
            box.words.append(text)
    yield from box.pairs()


def _joined(address: str) -> str:
    """An address without the spaces that some write around its dots and its @."""
    return re.sub(r"\s*([.@])\s*", r"\1", address.strip())


def _comment(field: str, at: int) -> tuple[str, int]:
    """The comment that begins here, and where it ends; they nest."""
    depth, start = 1, at
    while at < len(field) and depth:
        char = field[at]
        at += 2 if char == "\\" else 1
        depth += (char == "(") - (char == ")")
    return field[start : at - 1 if depth == 0 else at].strip(), at
