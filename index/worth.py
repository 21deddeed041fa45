"""What of a text is worth embedding: prose, in any language. The rest is found by word like everything else.

A vector says what a stretch is about as a reader would put it. Of a patch, a dump or a table of numbers no
reader puts it in words, its vector is near to every other dump's, and it takes as long to compute as prose.
Two rules, both on form alone, and neither judges a short stretch, which costs nothing:

- *Patches* are recognised exactly, by what their own hunk headers say of their length. What a patch does is
  said in the message around it.
- *Of the pieces between white space fewer than three in ten are words*: numbers, paths, identifiers, encoded
  data, rules and boxes. Prose has seven or more, lists of names and addresses four to six, forms five. A word
  is any run of letters, also of scripts that set no spaces, so the rule says nothing against those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_LEAST_WORDS = 0.3

# Letters, signs of other scripts among them, with ordinary punctuation around and - ' / between.
_WORD = re.compile(
    r"""(?<!\S)["'(\[*_<]*[^\s\d!-/:-@\[-`{-~]{2,}(?:[-'/][^\s\d!-/:-@\[-`{-~]+)*["')\],.;:!?*_>]*(?!\S)"""
)
_HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@.*\n?", re.MULTILINE)
# Above the first hunk of a file: how git, Subversion, Mercurial and diff itself introduce it.
_FILE_LINE = re.compile(
    r"(?:diff |Index: |index [0-9a-f]{7}|={20}|--- |\+\+\+ "
    r"|(?:old|new|deleted) (?:file )?mode |rename |similarity )"
)


def is_prose(text: str) -> bool:
    """Whether a stretch of some length says anything in words."""
    return len(_WORD.findall(text)) >= _LEAST_WORDS * len(text.split())


def patches(text: str) -> Iterator[tuple[int, int]]:
    """Where unified diffs stand in a text: (start, end), ascending, not overlapping."""
    start = end = 0
    at = 0
    while hunk := _HUNK.search(text, at):
        begin = _introduced(text, hunk.start(), at)
        if text[end:begin].strip():
            if start < end:
                yield start, end
            start = begin
        at = end = _hunk_end(text, hunk.end(), int(hunk[1] or 1), int(hunk[2] or 1))
    if start < end:
        yield start, end


def _introduced(text: str, at: int, not_before: int) -> int:
    """Where the lines begin that introduce the hunk at `at`."""
    while at > not_before:
        line = text.rfind("\n", 0, at - 1) + 1
        if not _FILE_LINE.match(text, line):
            return at
        at = line
    return at


def _hunk_end(text: str, at: int, old: int, new: int) -> int:
    """The end of a hunk's lines, which begin at `at`, by the numbers of its header.

    Reading a text takes white space from around its paragraphs: so some blank lines may be missing, and the
    line after one may have lost the space that it began with. Where a line is none of a hunk's it ends.
    """
    after_blank = False
    while (old > 0 or new > 0) and at < len(text):
        end = text.find("\n", at) + 1 or len(text)
        sign = text[at]
        if sign not in "+-\\ \t\n":
            if not after_blank:
                break
            sign = " "
        old -= sign in "- \t\n"
        new -= sign in "+ \t\n"
        after_blank = not text[at:end].strip()
        at = end
    return at
