"""Archives: what is in them becomes documents, however they are packed, locked and named."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib

import pytest
import zstandard

from ingest.packed import is_tar
from ingest.readers import table
from ingest.reading import Accepted, check
from ingest.sandbox.messages import Job
from tests.support.archives import ARCHIVES, FILES, LIMITS, PACKERS, tarred, unpack, zipped
from tests.support.seven_zip import (
    BZIP2,
    COPY,
    DEFLATE,
    FOLDER,
    LINK,
    LZMA,
    LZMA2,
    PPMD,
    X86,
    Method,
    locked,
    seven_zip,
)
from tests.support.winzip import locked_zip

MEDIA_TYPES = {
    "zip": "application/zip",
    "tar": "application/x-tar",
    "gz": "application/gzip",
    "bz2": "application/x-bzip2",
    "xz": "application/x-xz",
    "zst": "application/zstd",
    "7z": "application/x-7z-compressed",
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_every_file_becomes_a_child_and_the_text_names_them(kind: str) -> None:
    reply, found = unpack(ARCHIVES[kind], "named like nothing")
    assert found == FILES
    assert (reply.partial, reply.media_type) == (None, MEDIA_TYPES[kind.rpartition(".")[2]])
    [listing] = reply.elements
    assert (listing.kind, listing.header_rows) == ("table", 1)
    assert listing.rows == [["path", "bytes"], *([path, str(len(FILES[path]))] for path in FILES)]
    assert [child.name for child in reply.children] == [path.rpartition("/")[2] for path in FILES]


@pytest.mark.parametrize("kind", PACKERS)
def test_a_compressed_file_has_one_child(kind: str) -> None:
    packed = PACKERS[kind](FILES["letter.txt"])
    reply, found = unpack(packed, f"letter.txt.{kind}")
    assert found == {"letter.txt": FILES["letter.txt"]}
    assert reply.elements[0].rows == [["path", "bytes"], ["letter.txt", "1200"]]
    _, found = unpack(packed * 3, "letter")
    assert found == {"letter": FILES["letter.txt"] * 3}, "streams one behind the other are one file"
    _, found = unpack(packed + bytes(100), "letter")
    assert found == {"letter": FILES["letter.txt"]}, "zeros fill a tape"
    reply, found = unpack(packed + b"rubbish", "letter")
    assert found == {"letter": FILES["letter.txt"]}
    assert "damaged" in str(reply.partial)


@pytest.mark.parametrize(
    ("name", "inner"),
    [("a.txt.gz", "a.txt"), ("a.TGZ", "a.tar"), ("drawing.svgz", "drawing.svg"), ("a", "a"), (".gz", ".gz")],
)
def test_the_name_of_a_compressed_file(name: str, inner: str) -> None:
    assert [child.name for child in unpack(gzip.compress(b"text"), name)[0].children] == [inner]
    out = io.BytesIO()
    with gzip.GzipFile("../said.txt", "wb", fileobj=out) as file:
        file.write(b"text")
    assert list(unpack(out.getvalue(), name)[1]) == ["said.txt"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_the_methods_of_zip(method: int) -> None:
    assert unpack(zipped(FILES, method))[1] == FILES


def test_zip_with_zstandard_and_xz_inside() -> None:
    for method, pack in ((93, zstandard.compress), (95, lzma.compress)):
        assert unpack(_one(pack(b"text"), b"text", method))[1] == {"a.txt": b"text"}
    reply, _ = unpack(_one(b"text", b"text", 9))
    assert (reply.reason, "Deflate64" in str(reply.detail)) == ("UNSUPPORTED", True)


def _one(packed: bytes, content: bytes, method: int, name: bytes = b"a.txt", flags: int = 0) -> bytes:
    """A zip of one member, written by hand."""
    facts = struct.pack(
        "<HHHHHIIIHH",
        *(20, flags, method, 0, 33, zlib.crc32(content), len(packed), len(content), len(name), 0),
    )
    local = b"PK\3\4" + facts + name + packed
    entry = b"PK\1\2" + struct.pack("<H", 20) + facts + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    return local + entry + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0)


def test_a_zip_behind_something_else() -> None:
    program = b"MZ\x90\0\3\0\0\0" + bytes(range(256)) * 8
    assert unpack(program + ARCHIVES["zip"], "setup.exe")[1] == FILES


class _Unseekable(io.RawIOBase):
    """So that the writer does not know lengths before it has written."""

    def __init__(self) -> None:
        self.written = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.written += bytes(data)
        return len(data)


def test_a_zip_whose_lengths_come_later_or_take_eight_bytes() -> None:
    out = _Unseekable()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        for path, content in FILES.items():
            with archive.open(path, "w", force_zip64=True) as member:
                member.write(content)
    assert unpack(out.written)[1] == FILES
    end = out.written.rindex(b"PK\5\6")
    reply, found = unpack(out.written[: out.written.index(b"PK\1\2")] + out.written[end : end + 4])
    assert found == FILES, "what stands before each member is enough"
    assert "cut off" in str(reply.partial)


def test_a_table_of_contents_that_points_elsewhere() -> None:
    content = ARCHIVES["zip"]
    at = content.index(b"PK\1\2")
    shifted = content[: at + 42] + struct.pack("<I", 7) + content[at + 46 :]
    reply, found = unpack(shifted)
    assert found == FILES
    assert "damaged" in str(reply.partial)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("gr\xfc\xdfe.txt".encode(), "gr\xfc\xdfe.txt"),
        ("gr\xfc\xdfe.txt".encode("cp437"), "gr\xfc\xdfe.txt"),
        ("r\xe9sum\xe9 f\xfcr M\xfcller.txt".encode("cp1252"), "r\xe9sum\xe9 f\xfcr M\xfcller.txt"),
        ("договор на поставку.txt".encode("cp866"), "договор на поставку.txt"),
        ("請求書と契約書.txt".encode("cp932"), "請求書と契約書.txt"),
    ],
)
def test_names_in_any_encoding(raw: bytes, name: str) -> None:
    assert list(unpack(_one(b"text", b"text", 0, raw))[1]) == [name]


def test_names_of_a_tar_in_any_encoding() -> None:
    name = "r\xe9sum\xe9 f\xfcr M\xfcller.txt"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT, encoding="cp1252") as archive:
        info = tarfile.TarInfo(name)
        info.size = 4
        archive.addfile(info, io.BytesIO(b"text"))
    assert list(unpack(out.getvalue())[1]) == [name]


NASTY = [
    "../../etc/passwd",
    "/etc/passwd",
    "C:\\windows\\win.ini",
    "a/../../b.txt",
    "..\\..\\up.txt",
    "a\0b.txt",
    "\N{RIGHT-TO-LEFT OVERRIDE}txt.exe",
    "." * 300,
    "x" * 3000,
    "con\n\x1b[2Jsole.txt",
]


@pytest.mark.parametrize("kind", ["zip", "tar", "7z"])
def test_no_name_leads_anywhere(kind: str, tmp_path: object) -> None:
    files = {name: b"text of %d" % n for n, name in enumerate(NASTY)}
    made = {"zip": zipped, "tar": tarred, "7z": seven_zip}[kind](files)
    sink = io.BytesIO()
    reply = table.read(io.BytesIO(made), Job(name="a"), sink)
    accepted = check(reply, LIMITS, len(sink.getvalue()))
    assert isinstance(accepted, Accepted)
    assert len(accepted.children) >= len(NASTY) - 1  # 7z ends a name at a zero
    for child in accepted.children:
        assert "/" not in child.name
        assert child.path.endswith(child.name)
        parts = child.path.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert all(part.isprintable() and len(part) <= 200 for part in parts)


def test_two_members_of_one_name_are_two() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", b"one")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.txt", b"two")
    reply, _ = unpack(out.getvalue())
    assert [child.path for child in reply.children] == ["a.txt", "a.txt"]


def test_a_tar_in_every_format_with_what_is_no_file() -> None:
    for format in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=format) as archive:
            for kind, name in (
                (tarfile.DIRTYPE, "folder"),
                (tarfile.SYMTYPE, "link"),
                (tarfile.LNKTYPE, "hard"),
                (tarfile.CHRTYPE, "device"),
                (tarfile.FIFOTYPE, "pipe"),
            ):
                info = tarfile.TarInfo(name)
                info.type, info.linkname = kind, "/etc/passwd"
                archive.addfile(info)
            info = tarfile.TarInfo("link/a.txt")  # through the link, where links are followed
            info.size = 4
            archive.addfile(info, io.BytesIO(b"text"))
        reply, found = unpack(out.getvalue())
        assert found == {"link/a.txt": b"text"}
        assert (reply.partial or "").split("; ") == ["2 links were left out", "2 devices were left out"]


def test_an_old_tar_without_its_mark_and_two_behind_each_other() -> None:
    content = bytearray(tarred({"old.txt": b"text"}, tarfile.USTAR_FORMAT))
    content[257:265] = bytes(8)
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    assert is_tar(content)
    both = bytes(content) + tarred({"new.txt": b"more"})
    assert unpack(both)[1] == {"old.txt": b"text", "new.txt": b"more"}
    assert not is_tar(b"".ljust(512, b"\0"))


def test_a_sparse_file_in_a_tar() -> None:
    info = tarfile.TarInfo("holes.bin")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 512
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"%011o\0%011o\0" % (1024, 512)
    header[483:495] = b"%011o\0" % 4096
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    _, found = unpack(bytes(header) + b"x" * 512 + bytes(1024))
    assert found == {"holes.bin": bytes(1024) + b"x" * 512 + bytes(2560)}


def test_what_systems_leave_behind_is_no_file() -> None:
    junk = ["__MACOSX/._a.txt", "a/.DS_Store", "Thumbs.db", "a/desktop.ini", "a/._b.txt"]
    reply, found = unpack(zipped({**dict.fromkeys(junk, b"junk"), "a.txt": b"text", "empty.txt": b""}))
    assert found == {"a.txt": b"text"}
    assert reply.partial is None
    assert reply.elements[0].rows == [["path", "bytes"], ["a.txt", "4"], ["empty.txt", "0"]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (zipped({}), "no files"),
        (zipped({"folder/": b""}), "no files"),
        (zipped({"a.txt": b"", "b.txt": b""}), "empty"),
        (tarred({"a.txt": b""}), "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        (seven_zip({}), "no files"),
        (seven_zip({"folder": b""}, attributes={"folder": FOLDER}), "no files"),
    ],
)
def test_an_archive_of_nothing(content: bytes, says: str) -> None:
    reply, _ = unpack(content)
    assert (reply.reason, says in str(reply.detail)) == ("EMPTY", True)


# ------------------------------------------------------------------------------------------ 7z


@pytest.mark.parametrize("solid", [True, False])
@pytest.mark.parametrize(
    "methods", [[COPY], [LZMA], [LZMA2], [BZIP2], [DEFLATE], [X86, LZMA], [X86, LZMA2], [X86, BZIP2]], ids=len
)
def test_the_methods_of_7z(methods: list[Method], solid: bool) -> None:
    files = {**FILES, "code.bin": b"\xe8\1\2\0\0\x90" * 4_000 + b"\xe8\1", "empty.txt": b""}
    reply, found = unpack(seven_zip(files, methods, solid=solid, header=[LZMA]))
    assert found == {path: content for path, content in files.items() if content}
    assert reply.partial is None


def test_7z_with_links_and_with_a_method_that_is_not_read() -> None:
    reply, found = unpack(
        seven_zip({"link": b"../a", "a.txt": b"text"}, attributes={"link": LINK, "a.txt": 0x20})
    )
    assert (found, reply.partial) == ({"a.txt": b"text"}, "1 links were left out")
    reply, _ = unpack(seven_zip(FILES, [PPMD]))
    assert (reply.reason, "PPMd" in str(reply.detail)) == ("UNSUPPORTED", True)


@pytest.mark.parametrize("header", [[], [LZMA], [LZMA, locked("secr\xe9t")]], ids=len)
def test_a_locked_7z(header: list[Method]) -> None:
    content = seven_zip(FILES, [LZMA2, locked("secr\xe9t")], header=header)
    assert unpack(content, password="secr\xe9t")[1] == FILES
    for password, says in ((None, "is protected"), ("another", "does not open")):
        reply, found = unpack(content, password=password)
        assert (reply.reason, found) == ("NEEDS_PASSWORD", {})
        assert says in str(reply.detail)


# ------------------------------------------------------------------------------------------ locked zips


@pytest.mark.parametrize("lock", ["zipcrypto", "aes1", "aes2", "aes3", "aes3 v1"])
def test_a_locked_zip(lock: str) -> None:
    content = locked_zip(FILES, "secr\xe9t", lock)
    reply, found = unpack(content, password="secr\xe9t")
    assert (found, reply.partial) == (FILES, None)
    for password, says in ((None, "is protected"), ("another", "does not open"), ("", "does not open")):
        reply, found = unpack(content, password=password)
        assert (reply.reason, found) == ("NEEDS_PASSWORD", {})
        assert says in str(reply.detail)


def test_no_wrong_password_of_the_old_lock_gives_anything() -> None:
    """One in 256 passes its check; stored, nothing but the checksum tells."""
    content = locked_zip({"a.txt": b"words of a letter"}, "right", "zipcrypto stored")
    for number in range(600):
        reply, found = unpack(content, password=f"wrong {number}")
        assert (reply.reason, found) == ("NEEDS_PASSWORD", {})
    assert unpack(content, password="right")[1] == {"a.txt": b"words of a letter"}


def test_some_members_are_locked() -> None:
    both = locked_zip(
        {"locked.txt": b"secret", "locked too.txt": b"secret"}, "x", "aes3", {"open.txt": b"text"}
    )
    reply, found = unpack(both)
    assert found == {"open.txt": b"text"}
    assert reply.partial == "2 of its files are protected by a password"


def test_a_changed_locked_member_is_not_believed() -> None:
    content = bytearray(locked_zip({"a.txt": b"text " * 100, "b.txt": b"text"}, "x", "aes3"))
    content[content.index(b"a.txt") + 120] ^= 1
    reply, found = unpack(bytes(content), password="x")
    assert "1 of its files are damaged" in str(reply.partial)
    assert found["b.txt"] == b"text"
