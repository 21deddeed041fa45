"""Damages documents by chance, always the same for the same seed: bytes, blocks, numbers, and with sense for
zips, PDFs and markup. Run as a program it has damaged files read by the parser pool and counts how they end.
"""

from __future__ import annotations

import argparse
import io
import lzma
import os
import random
import re
import struct
import sys
import threading
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ingest.errors import ParserCrash, ParserError, ParserOverMemory, ParserTimeout
from ingest.sandbox.messages import Job, Reply
from ingest.sandbox.pool import Pool
from policy.limits import Limits
from tests.support.parsing import memfd

Source = tuple[str, bytes]  # file name, content
_MOST_BYTES = 2 << 20  # of a file that is worth damaging: many small ones find more than few large ones
_OBJECT = re.compile(rb"\d+ \d+ obj\b.*?\bendobj\b", re.DOTALL)
_REFERENCE = re.compile(rb"\b\d+ 0 R\b")
_NUMBER = re.compile(rb"\d+")
_TAG = re.compile(rb"<[^<>]{1,300}>")
_WORDS = (b"0", b"-1", b"1", b"65535", b"2147483647", b"4294967296", b"99999999999999999999", b"1e999", b"")
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, ValueError, RuntimeError, EOFError)
_INTEGERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


def damaged(chance: random.Random, content: bytes) -> bytes:
    """The content with one to four damages."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        kinds = list(_ANYWHERE)
        if content[:4] == b"PK\3\4":
            kinds += [_in_zip] * len(kinds) * 2
        elif b"%PDF" in content[:1024]:
            kinds += [_in_pdf] * len(kinds)
        elif content[:512].lstrip()[:1] == b"<":
            kinds += [_in_markup] * len(kinds)
        content = chance.choice(kinds)(chance, content)
    return content


def damaged_source(sources: Sequence[Source], seed: int, number: int) -> Source:
    """The damaged document of a number: one of the sources, or rarely the beginning of one and the end of
    another.
    """
    chance = random.Random(f"{seed}/{number}")
    name, content = chance.choice(sources)
    if chance.random() < 0.03:
        _, other = chance.choice(sources)
        content = content[: chance.randrange(len(content) + 1)] + other[chance.randrange(len(other) + 1) :]
    return name, damaged(chance, content)


def _span(chance: random.Random, content: bytes, most: int) -> tuple[int, int]:
    start = chance.randrange(len(content) + 1)
    return start, min(len(content), start + chance.randint(1, most))


def _flip(chance: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 3, 20)) if content else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(chance: random.Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _cut_out(chance: random.Random, content: bytes) -> bytes:
    start, end = _span(chance, content, chance.choice((8, 512, 65_536)))
    return content[:start] + content[end:]


def _swap(chance: random.Random, content: bytes) -> bytes:
    size = chance.choice((16, 512, 4_096))
    first, second = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    second = max(second, first + size)
    one, other = content[first : first + size], content[second : second + size]
    return content[:first] + other + content[first + size : second] + one + content[second + size :]


def _insert(chance: random.Random, content: bytes) -> bytes:
    at = chance.randrange(len(content) + 1)
    start, end = _span(chance, content, 512)
    length = chance.choice((1, 16, 5_000))
    run = chance.choice(
        (content[start:end], bytes([chance.randrange(256)]) * length, chance.randbytes(length))
    )
    return content[:at] + run + content[at:]


def _number(chance: random.Random, content: bytes) -> bytes:
    """A number in digits is another one."""
    found = list(_NUMBER.finditer(content))
    return _replaced(content, chance.choice(found), chance.choice(_WORDS)) if found else content


def _integer(chance: random.Random, content: bytes) -> bytes:
    """Two or four bytes are a number at the edge of what they can be."""
    at = chance.randrange(len(content) + 1)
    order, form = chance.choice("<>"), chance.choice("HI")
    value = chance.choice(_INTEGERS) & (0xFFFF if form == "H" else 0xFFFFFFFF)
    packed = struct.pack(order + form, value)
    return content[:at] + packed + content[at + len(packed) :]


_ANYWHERE: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_flip, _cut, _cut_out, _swap, _insert, _number, _integer),
)


def _in_zip(chance: random.Random, content: bytes) -> bytes:
    """One member is damaged, gone, or another one's content; the zip around it is whole."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except _ZIP_ERRORS:
        return _flip(chance, content)
    if not members:
        return content
    at = chance.randrange(len(members))
    name, member = members[at]
    deed = chance.random()
    if deed < 0.1:
        del members[at]
    elif deed < 0.15:
        members[at] = name, chance.choice(members)[1]
    else:
        members[at] = name, damaged(chance, member)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members:
            archive.writestr(zipfile.ZipInfo(name), member)
    return out.getvalue()


def _in_pdf(chance: random.Random, content: bytes) -> bytes:
    """An object is gone, there twice, or another one; a reference leads elsewhere."""
    objects, references = list(_OBJECT.finditer(content)), list(_REFERENCE.finditer(content))
    if references and (chance.random() < 0.5 or not objects):
        return _replaced(content, chance.choice(references), chance.choice(references)[0])
    if not objects:
        return _flip(chance, content)
    chosen = chance.choice(objects)
    return _replaced(content, chosen, chance.choice((b"", chosen[0] * 2, chance.choice(objects)[0])))


def _in_markup(chance: random.Random, content: bytes) -> bytes:
    """A tag is gone, there many times, or another one."""
    tags = list(_TAG.finditer(content))
    if not tags:
        return _flip(chance, content)
    chosen = chance.choice(tags)
    return _replaced(content, chosen, chance.choice((b"", chosen[0] * 300, chance.choice(tags)[0])))


def _replaced(content: bytes, found: re.Match[bytes], by: bytes) -> bytes:
    return content[: found.start()] + by + content[found.end() :]


def files_of(folders: Sequence[Path]) -> list[Source]:
    """The files below some folders that are not too large to be worth it, in the order of their paths."""
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [(path.name, path.read_bytes()) for path in paths if 0 < path.stat().st_size <= _MOST_BYTES]


@dataclass
class Tally:
    """How damaged documents ended."""

    ends: Counter[tuple[str, str]] = field(default_factory=Counter)  # (media type, end)
    bugs: list[str] = field(default_factory=list)  # a line for each that ended without a true reason
    lock: threading.Lock = field(default_factory=threading.Lock)


def read_damaged(
    pool: Pool, sources: Sequence[Source], seed: int, numbers: Sequence[int], *, pages: float = 0.05
) -> Tally:
    """Have damaged documents read.

    Args:
        pages: the part of those with pictures of which one page is read too, which takes seconds.
    """
    tally = Tally()

    def one(number: int) -> None:
        name, content = damaged_source(sources, seed, number)
        with memfd(content) as document:
            media_type, end, bug, scans = _read(pool, Job(name=name), document)
            if scans and random.Random(number).random() < pages:
                page = Job(name=name, pages=(scans[0],))
                _, page_end, page_bug, _ = _read(pool, page, document)
                end, bug = f"{end}, {page_end}", bug or page_bug
        with tally.lock:
            tally.ends[media_type, end] += 1
            if bug:
                tally.bugs.append(f"seed {seed} number {number} ({name}): {bug}")

    with ThreadPoolExecutor(pool.size) as threads:
        list(threads.map(one, numbers))
    return tally


def _read(pool: Pool, job: Job, document: int) -> tuple[str, str, str | None, list[int]]:
    """Media type, end, what was wrong with it if anything was, pages that are pictures."""
    with memfd() as children:
        try:
            reply = pool.read(job, document, children)
        except ParserTimeout:
            return "", "TIMEOUT", None, []
        except ParserOverMemory:
            return "", "TOO_LARGE", None, []
        except ParserError as error:
            return "", "CRASH" if isinstance(error, ParserCrash) else type(error).__name__, error.what, []
    return reply.media_type, *_judged(reply), reply.scans


def _judged(reply: Reply) -> tuple[str, str | None]:
    if reply.reason == "PARSER_CRASH":
        return reply.reason, reply.detail
    if reply.reason is not None:
        return reply.reason, None if reply.detail else "a reason without a sentence"
    if reply.convert is not None:
        return "to be converted", None
    if not (reply.elements or reply.children or reply.scans or reply.mail):
        return "NOTHING", "neither text nor a reason"
    return "partly read" if reply.partial else "read", None


def main(arguments: Sequence[str]) -> int:
    """Read damaged files; 1 when one of them ended without a true reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.mutate", description=__doc__)
    parser.add_argument("--folder", type=Path, nargs="+", required=True)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--first", type=int, default=0, help="number of the first of them")
    parser.add_argument("--write", type=Path, help="write the damaged files there, and read none")
    chosen = parser.parse_args(arguments)
    sources = files_of(chosen.folder)
    numbers = range(chosen.first, chosen.first + chosen.count)
    print(f"{len(sources)} files, {chosen.count} damaged ones, seed {chosen.seed}", flush=True)
    if chosen.write:
        for number in numbers:
            name, content = damaged_source(sources, chosen.seed, number)
            (chosen.write / f"{number}-{name}").write_bytes(content)
        return 0
    pool = Pool(None, Limits())
    pool.start()
    try:
        tally = read_damaged(pool, sources, chosen.seed, numbers)
    finally:
        pool.close()
    print("\n".join(_report(tally)))
    return 1 if tally.bugs else 0


def _report(tally: Tally) -> Iterator[str]:
    for (media_type, end), count in sorted(tally.ends.items()):
        yield f"{count:7}  {end:24} {media_type}"
    yield f"{len(tally.bugs)} without a true reason"
    yield from tally.bugs


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
