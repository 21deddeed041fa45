"""Small archives of every kind that holds files, and what is read of them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable

import zstandard

from ingest.readers import table
from ingest.sandbox.messages import Job, Reply
from policy.limits import Limits
from tests.support.seven_zip import seven_zip

FILES = {
    "letter.txt": b"Dear Alder,\nthe roof is done.\n" * 40,
    "plans/roof/slate.csv": b"slate,weight\nblue,12\n" * 30,
    "plans/\N{LATIN SMALL LETTER U WITH DIAERESIS}ber.bin": random.Random(1).randbytes(70_000),
}
LIMITS = Limits()


def unpack(
    content: bytes, name: str = "files.zip", *, password: str | None = None, limits: Limits = LIMITS
) -> tuple[Reply, dict[str, bytes]]:
    """The reply, and the content of each child by its path."""
    sink = io.BytesIO()
    reply = table.read(io.BytesIO(content), Job(name=name, password=password), sink, limits)
    held = sink.getvalue()
    assert len(held) == sum(child.length for child in reply.children)
    found = {child.path: held[child.offset : child.offset + child.length] for child in reply.children}
    return reply, found


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return out.getvalue()


def tarred(files: dict[str, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.compress,
}
ARCHIVES: dict[str, bytes] = {
    "zip": zipped(FILES),
    "tar": tarred(FILES),
    **{f"tar.{kind}": pack(tarred(FILES)) for kind, pack in PACKERS.items()},
    "7z": seven_zip(FILES),
}
