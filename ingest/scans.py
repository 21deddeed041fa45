"""Text in pictures of pages: asks for it page by page and puts it where it belongs among what the first pass
read. Who reads a page, and when, is left to the caller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

import msgspec

from ingest.errors import ParserLied
from ingest.sandbox.messages import ReadElement, Reply
from policy.limits import Limits

_IN_VAIN = 5  # pages running that cannot be read: the others will not be better
_ILLUSTRATED = 100  # characters on a page: with so many, a picture without words is no gap
_NO_WORDS = "IMAGE_ONLY"


def read_scans(untrusted_first: Reply, ask: Callable[[int], Reply], limits: Limits) -> Reply:
    """The whole of a document: what the first pass read, and the text in its pictures.

    Args:
        ask: reads one page; the answer is as untrusted as the first.

    Raises:
        ParserLied: such pages cannot be.
    """
    untrusted_pages: dict[int, Reply] = {}
    chars, elements, cells = _weight(untrusted_first)
    in_vain = 0
    for number in _numbers(untrusted_first, limits):
        if in_vain >= _IN_VAIN:
            untrusted_pages[number] = _unread("TIMEOUT", "after others that could not be read")
            continue
        if chars > limits.text_chars:
            untrusted_pages[number] = _unread("TOO_LARGE", "there is as much text as may be")
            continue
        untrusted_page = ask(number)
        more = _weight(untrusted_page)
        chars, elements, cells = chars + more[0], elements + more[1], cells + more[2]
        if chars > limits.text_chars or elements > limits.elements or cells > limits.table_cells:
            chars = limits.text_chars + 1
            untrusted_page = _unread("TOO_LARGE", "there is as much text as may be")
        in_vain = in_vain + 1 if untrusted_page.reason in ("TIMEOUT", "PARSER_CRASH") else 0
        untrusted_pages[number] = untrusted_page
    return merge(untrusted_first, untrusted_pages)


def merge(untrusted_first: Reply, untrusted_pages: Mapping[int, Reply]) -> Reply:
    """The elements of each page behind those that the first pass found on it, and what is missing."""
    merged = [(page, 0, element) for page, element in _placed(untrusted_first.elements)]
    languages = Counter[str]()
    wanting: dict[tuple[str, str], list[int]] = {}
    letters = Counter[int]()
    for page_number, _, element in merged:
        letters[page_number] += len(element.text)
    for number, page in untrusted_pages.items():
        if page.reason is not None or not page.elements:
            reason = page.reason or _NO_WORDS
            if reason == _NO_WORDS and letters[number] >= _ILLUSTRATED:
                continue  # a picture among text
            wanting.setdefault((reason, page.detail or ""), []).append(number)
            continue
        # Whatever it says, this is the page that was asked for.
        merged += [(number, 1, msgspec.structs.replace(e, page=number)) for e in page.elements]
        languages.update([page.language] if page.language else [])
        if page.partial:
            wanting.setdefault(("", page.partial), []).append(number)
    if not merged and not untrusted_first.children and untrusted_first.mail is None and wanting:
        return _nothing(untrusted_first, wanting)
    merged.sort(key=lambda placed: placed[:2])
    missing = ([untrusted_first.partial] if untrusted_first.partial else []) + _sentences(wanting)
    return msgspec.structs.replace(
        untrusted_first,
        elements=[element for *_, element in merged],
        scans=[],
        language=untrusted_first.language or next(iter(dict(languages.most_common(1))), None),
        partial="; ".join(missing) or None,
    )


def _numbers(untrusted_first: Reply, limits: Limits) -> list[int]:
    numbers = untrusted_first.scans
    last = min(untrusted_first.pages or 0, limits.pages)
    if numbers and not (numbers[0] >= 1 and numbers[-1] <= last):
        raise ParserLied("the parser asks for pages that are not there")
    if any(second <= first for first, second in pairwise(numbers)):
        raise ParserLied("the parser asks for pages in no order")
    return numbers


def _weight(untrusted_reply: Reply) -> tuple[int, int, int]:
    """Characters, elements and cells of a reply."""
    chars = cells = 0
    for element in untrusted_reply.elements:
        chars += len(element.text) + 2
        for row in element.rows or ():
            chars += sum(map(len, row)) + 3 * len(row)
            cells += len(row)
    return chars, len(untrusted_reply.elements), cells


def _placed(elements: Iterable[ReadElement]) -> Iterable[tuple[int, ReadElement]]:
    """Each element with the page that it stands on or behind: the order of the first pass stays as it is."""
    page = 0
    for element in elements:
        page = max(page, element.page or 0)
        yield page, element


def _unread(reason: str, detail: str) -> Reply:
    return Reply(reason=reason, detail=detail)


def _nothing(untrusted_first: Reply, wanting: Mapping[tuple[str, str], list[int]]) -> Reply:
    """The document holds no text at all, for the reason that most of its pages give."""
    counts = Counter[str]()
    for (reason, _), numbers in wanting.items():
        counts[reason] += len(numbers)
    [(reason, _)] = counts.most_common(1)
    details = {detail for (why, detail) in wanting if why == reason}
    if len(counts) > 1 or len(details) > 1:
        detail = "; ".join(_sentences(wanting))
    elif reason == _NO_WORDS and (untrusted_first.pages or 1) > 1:
        detail = "its pages are pictures in which no words were found"
    else:
        detail = details.pop() or "no words were found in the picture"
    return Reply(
        media_type=untrusted_first.media_type, title=untrusted_first.title, reason=reason, detail=detail
    )


def _sentences(wanting: Mapping[tuple[str, str], list[int]]) -> list[str]:
    """What is missing, each thing once."""
    said: list[str] = []
    wordless = sorted(n for (reason, _), numbers in wanting.items() if reason == _NO_WORDS for n in numbers)
    if wordless:
        said.append(f"no words were found on {page_list(wordless)}")
    for (reason, detail), numbers in wanting.items():
        if reason == "":
            said.append(f"{page_list(numbers)}: {detail}")
        elif reason != _NO_WORDS:
            said.append(f"{page_list(numbers)} could not be read" + (f" ({detail})" if detail else ""))
    return said


def page_list(numbers: Iterable[int]) -> str:
    """Pages in words: "page 3", "pages 2, 5-9 and others"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs[:20])
    shown += " and others" if len(runs) > 20 else ""
    return f"page {shown}" if shown.isdigit() else f"pages {shown}"
