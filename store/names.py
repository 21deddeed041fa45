"""Names and addresses of people as strangers write them, brought to one form for comparing. Pure."""

from __future__ import annotations

import contextlib
import functools
import re
import unicodedata

from store.records import Address

_NAME_CHARS, _ADDRESS_CHARS = 200, 320
_SPACE = re.compile(r"\s+")
_DOMAIN = re.compile(r"[a-z0-9_.-]+")
_LETTERS = re.compile(r"[^\W\d_]+")
# Letters that do not decompose into a base and a mark.
_BASES = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
)
_AFTER_COMMA = frozenset({"jr", "sr", "ii", "iii", "phd", "md", "mba", "gmbh", "inc", "llc", "ltd"})

# Where anybody can have an address: there an equal name says little.
_PUBLIC = frozenset(
    """
    gmail.com googlemail.com outlook.com hotmail.com hotmail.co.uk live.com msn.com yahoo.com yahoo.co.uk
    yahoo.de yahoo.fr ymail.com aol.com icloud.com me.com mac.com gmx.de gmx.net gmx.com gmx.at gmx.ch web.de
    t-online.de freenet.de mail.ru yandex.ru yandex.com proton.me protonmail.com pm.me fastmail.com
    fastmail.fm zoho.com mail.com posteo.de mailbox.org qq.com 163.com 126.com sina.com naver.com daum.net
    orange.fr wanadoo.fr free.fr laposte.net libero.it tiscali.it comcast.net verizon.net att.net
    btinternet.com bigpond.com rediffmail.com wp.pl o2.pl onet.pl seznam.cz bluewin.ch
    """.split()  # noqa: SIM905
)
# Second-level labels below which a country registers names: example.co.uk.
_REGISTRIES = frozenset({"co", "com", "org", "net", "ac", "gov", "edu", "or", "ne", "go", "gob"})


def fold(text: str) -> str:
    """For comparing: no case, no diacritics, single spaces."""
    # Some letters have a case only once they are brought to their plain form.
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = "".join(letter for letter in plain if not unicodedata.combining(letter)).translate(_BASES)
    return " ".join(kept.split())


@functools.lru_cache(maxsize=4096)
def shown_name(name: str) -> str:
    """A name as it may be kept and shown: one line, without control and direction characters."""
    kept = "".join(letter if unicodedata.category(letter)[0] != "C" else " " for letter in name)
    return _SPACE.sub(" ", kept).strip(" '\"")[:_NAME_CHARS].rstrip(" '\"")


@functools.lru_cache(maxsize=4096)
def folded_name(name: str) -> str:
    """A name for comparing; "Orchard, Tamsin" is "tamsin orchard"."""
    folded = fold(name)
    before, _, after = (part.strip() for part in folded.partition(","))
    reverse = before and after and "," not in after and after.strip(" .") not in _AFTER_COMMA
    return f"{after} {before}" if reverse else folded


@functools.lru_cache(maxsize=4096)
def same_address(email: str) -> str:
    """The one form of an address: case-folded, the domain as ASCII (IDNA).

    Strictly, servers may tell local parts apart by case; none that people use does.
    """
    cleaned = "".join(letter for letter in email if unicodedata.category(letter)[0] not in "CZ")
    local, at, domain = cleaned[:_ADDRESS_CHARS].casefold().rpartition("@")
    if not at:
        return domain
    with contextlib.suppress(UnicodeError):
        ascii_domain = domain.rstrip(".").encode("idna").decode()
        if _DOMAIN.fullmatch(ascii_domain):  # else it is no name of the Internet, and stays as it is
            domain = ascii_domain
    return f"{local}@{domain}"


def identity(address: Address) -> str:
    """What names a person in the table of addresses: the address, or the name where there is none."""
    return same_address(address.email) or folded_name(shown_name(address.name))


def folded_address(address: str) -> str:
    """What is searched of an address: as people write it, and in ASCII where that differs."""
    local, at, domain = address.rpartition("@")
    try:
        readable = fold(f"{local}{at}{domain.encode().decode('idna')}")
    except UnicodeError:
        readable = fold(address)
    return readable if readable == address else f"{readable} {address}"


def safe_key(name: str, address: str) -> str | None:
    """What two addresses have in common that are one person's without asking; None: ask.

    An equal name alone proves nothing: namesakes are common, and a display name is whatever its sender
    wrote. It is taken as proof only where an organisation vouches for it: a full name of two to four words,
    at the same registered domain, which is not a public mail provider, and both local parts are made of that
    name (`torchard`, `tamsin.orchard`) without a number, by which organisations tell namesakes apart. Roles,
    lists and services that put people's names before their own address never fit that.
    """
    words = _LETTERS.findall(folded_name(name))
    local, _, domain = address.rpartition("@")
    registered = _registered(domain)
    if not 2 <= len(words) <= 4 or min(map(len, words)) < 2 or any(map(str.isdigit, name + local)):
        return None
    if not registered or registered in _PUBLIC:
        return None
    telling = (words[0], words[-1])
    if not any(len(word) >= 3 and word in fold(local) for word in telling):
        return None
    return f"{' '.join(words)} @ {registered}"


def is_full(folded: str) -> bool:
    """Whether a folded name is so full that an equal one is worth a question."""
    return len([word for word in _LETTERS.findall(folded) if len(word) >= 2]) >= 2


def _registered(domain: str) -> str:
    """The part of a domain that somebody registered, by rule of thumb; empty if there is none."""
    labels = domain.split(".")
    if len(labels) < 2 or not all(labels):
        return ""
    country = len(labels) >= 3 and len(labels[-1]) == 2 and labels[-2] in _REGISTRIES
    return ".".join(labels[-3:] if country else labels[-2:])
