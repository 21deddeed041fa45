"""Archives that are too large, cut off, damaged or forged: a true reason, and what is there is kept."""

from __future__ import annotations

import gzip
import random
import re
import struct
import tarfile
import zipfile

import pytest
import zstandard

from policy.limits import MIB, Limits
from tests.support.archives import ARCHIVES, FILES, PACKERS, tarred, unpack, zipped
from tests.support.seven_zip import LZMA, LZMA2, X86, Method, locked, seven_zip
from tests.support.winzip import locked_zip


def test_what_is_over_the_limits_is_named() -> None:
    sizes = {"a.txt": 9_000, "large.txt": 20_000, "c.txt": 500, "d.txt": 1, "e.txt": 1}
    files = {path: path[:1].encode() * size for path, size in sizes.items()}
    limits = Limits(child_bytes=12_000, children=3)
    for content in (zipped(files), tarred(files), seven_zip(files), gzip.compress(tarred(files))):
        reply, found = unpack(content, limits=limits)
        assert list(found) == ["a.txt", "c.txt", "d.txt"]
        assert str(reply.partial).startswith("2 of its files are over the limit of 3 files")
        assert reply.elements[0].rows is not None
        assert [row[0] for row in reply.elements[0].rows[1:]] == list(files), "but all are listed"
    reply, _ = unpack(gzip.compress(bytes(20_000)), limits=limits)
    assert reply.reason == "TOO_LARGE"


ZEROS = bytes(24 * MIB)


@pytest.mark.parametrize("kind", ["zip", "7z", *PACKERS])
def test_no_size_is_believed_and_no_ratio_is_too_good(kind: str) -> None:
    limits = Limits(child_bytes=8 * MIB)
    if kind == "zip":
        content = zipped({"a.txt": ZEROS})
        lies = content.replace(struct.pack("<I", len(ZEROS)), struct.pack("<I", 100))
        assert lies != content
    elif kind == "7z":
        lies = content = seven_zip({"a.txt": ZEROS})
    else:
        lies = content = PACKERS[kind](ZEROS)
    for each in (content, lies):
        reply, _ = unpack(each, limits=limits)
        assert reply.reason == "TOO_LARGE"
    reply, found = unpack(
        {"zip": zipped, "7z": seven_zip}.get(kind, lambda files: PACKERS[kind](tarred(files)))(
            {"first.txt": b"text", **{f"{n}.txt": bytes(3 * MIB) for n in range(16)}}
        ),
        limits=limits,
    )
    assert found["first.txt"] == b"text", "what came before is kept"
    assert sum(map(len, found.values())) <= limits.child_bytes
    assert reply.partial


def test_more_files_than_are_looked_at() -> None:
    reply, found = unpack(
        tarred({f"{n}": b"" for n in range(30)} | {"last": b"text"}), limits=Limits(children=10)
    )
    assert (reply.reason, reply.detail) == ("TOO_LARGE", "only its first 20 files were looked at")
    reply, found = unpack(tarred({f"{n}": b"text" for n in range(30)}), limits=Limits(children=10))
    assert len(found) == 10
    assert "10 of its files are over the limit" in str(reply.partial)


def test_windows_of_gigabytes_take_no_memory() -> None:
    huge = Method(LZMA2.id, b"\x28", LZMA2.pack)  # 4 GiB
    assert unpack(seven_zip({"a.txt": b"text"}, [huge]))[1] == {"a.txt": b"text"}, "it needs only its size"
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=30)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    reply, _ = unpack(packer.compress(b"text" * 1000) + packer.flush(), "a.zst")
    assert (reply.reason, "memory" in str(reply.detail)) == ("TOO_LARGE", True)


TELLING = re.compile(r"damaged|cut off|memory|not read|no files|limit|password|allowed|not one that can be")


@pytest.mark.parametrize("kind", ARCHIVES)
def test_cut_off_anywhere_it_gives_what_is_there_and_says_so(kind: str) -> None:
    content = ARCHIVES[kind]
    for end in range(64, len(content) - 1, max(64, len(content) // 150 // 64 * 64)):
        reply, found = unpack(content[:end], f"a.{kind}")
        assert reply.reason in (None, "TRUNCATED", "UNSUPPORTED"), (end, reply.reason)
        assert TELLING.search(str(reply.detail or reply.partial)), (end, reply.detail, reply.partial)
        for path, part in found.items():
            assert path == "a.tar" or FILES[path].startswith(part)
    if kind in ("zip", "tar", "tar.gz"):  # the others unpack only whole blocks, or need their end
        assert unpack(content[: len(content) * 3 // 4])[1]["letter.txt"] == FILES["letter.txt"]


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ARCHIVES)
def test_cut_off_at_every_64th_byte(kind: str) -> None:
    whole = len(ARCHIVES[kind].rstrip(b"\0"))  # a tar is filled up behind its end
    for end in range(64, whole, 64):
        reply, _ = unpack(ARCHIVES[kind][:end], f"a.{kind}")
        assert TELLING.search(str(reply.detail or reply.partial)), end


def test_damage_costs_one_member_of_a_tar() -> None:
    content = bytearray(tarred(FILES, tarfile.USTAR_FORMAT))
    at = content.index(b"plans/roof")
    content[at + 148 : at + 156] = b"rubbish!"
    reply, found = unpack(bytes(content))
    assert set(found) == set(FILES) - {"plans/roof/slate.csv"}
    assert "damaged" in str(reply.partial)


_TEXTS = {
    "letter.txt": b"Dear Alder,\n" * 9,
    "plans/a.csv": b"slate,12\n" * 9,
    "empty": b"",
    "b": random.Random(2).randbytes(90),
}
SMALL: dict[str, bytes] = {
    "zip": zipped(_TEXTS),
    "stored.zip": zipped(_TEXTS, zipfile.ZIP_STORED),
    "lzma.zip": zipped(_TEXTS, zipfile.ZIP_LZMA),
    "locked.zip": locked_zip(_TEXTS, "x", "aes3"),
    "old lock.zip": locked_zip(_TEXTS, "x", "zipcrypto"),
    "tar": tarred(_TEXTS),
    "gnu.tar": tarred({**_TEXTS, "x" * 200: b"text"}, tarfile.GNU_FORMAT),
    **{f"tar.{kind}": pack(tarred(_TEXTS)) for kind, pack in PACKERS.items()},
    **{kind: pack(_TEXTS["letter.txt"]) for kind, pack in PACKERS.items()},
    "7z": seven_zip(_TEXTS),
    "packed header.7z": seven_zip(_TEXTS, [X86, LZMA], header=[LZMA]),
    "locked.7z": seven_zip(_TEXTS, [LZMA2, locked("x", 4)], header=[LZMA, locked("x", 4)]),
}


def _mutated(random_: random.Random) -> tuple[str, bytes]:
    kind = random_.choice([*SMALL])
    content = bytearray(SMALL[kind])
    for _ in range(random_.choice((1, 1, 2, 8, 40))):
        at = random_.randrange(len(content))
        match random_.randrange(5):
            case 0:
                content[at] ^= 1 << random_.randrange(8)
            case 1:
                content[at] = random_.choice((0, 0xFF, 0x7F, 0x80))
            case 2:
                del content[at : at + random_.randrange(1, 9)]
            case 3:
                content[at:at] = random_.randbytes(random_.randrange(1, 9))
            case _:
                other = random_.randrange(len(content))
                content[at : at + 8] = content[other : other + 8]
        if not content:
            content.append(0)
    return kind, bytes(content)


def _survives(seeds: range) -> None:
    for seed in seeds:
        kind, content = _mutated(random.Random(seed))
        reply, _ = unpack(content, f"a.{kind}", password="x")
        assert bool(reply.reason) != bool(reply.elements or reply.children), f"seed {seed}"
        assert not reply.reason or reply.detail, f"seed {seed}"


def test_a_thousand_mutated_archives() -> None:
    _survives(range(1000))


@pytest.mark.nightly
def test_many_mutated_archives() -> None:
    _survives(range(1000, 40_000))
