"""Archives and compressed files: each file in one becomes a child, and the text of the archive is the table
of them, so that it is found by what it holds.

Nothing is ever written under a name from an archive, and no size in one is believed but counted.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections import Counter
from collections.abc import Iterator

from ingest.packed import (
    DECODERS,
    PIECE,
    TAR_ERRORS,
    Damaged,
    NeedsMemory,
    Tar,
    as_file,
    is_tar,
    pieces_of,
    unpacked,
)
from ingest.readers.archives_7z import MARK, sevenzip_members
from ingest.readers.archives_member import CUT, Foreign, Locked, Member
from ingest.readers.archives_zip import zip_members
from ingest.readers.draft import Document, Draft
from ingest.readers.encoding import decode
from ingest.readers.errors import LimitReached, UnreadableDocument, Why
from policy.limits import MIB

_FREE_BYTES = 64 * MIB  # may come out of the smallest archive
_LOOKS = 4  # times the bytes that may be kept, are looked through at most
_MEMBERS = 2  # times the children that may be kept, are listed at most
_TAR_HEADER = 512
_JUNK = re.compile(
    r"(?:^|/)(?:__MACOSX(?:/|$)|\._[^/]*$|(?:\.DS_Store|\.localized|Thumbs\.db|ehthumbs\.db|desktop\.ini)$)",
    re.IGNORECASE,
)
_PACKED_MARK = re.compile(
    rb"(?P<gz>\x1f\x8b\x08)|(?P<bz2>BZh[1-9](?:1AY&SY|\x17rE8P\x90))|(?P<xz>\xfd7zXZ\x00)|(?P<zst>\x28\xb5\x2f\xfd)"
)
_PACKED_NAME = re.compile(r"\.(?:gz|gzip|bz2|bzip2|xz|zst|zstd)$|(?<=\.svg)z$", re.IGNORECASE)
_TAR_NAME = re.compile(r"\.(?:tgz|tbz2?|txz|tzst)$", re.IGNORECASE)
_TOO_MUCH = "it unpacks to more than is allowed"
_DAMAGED = Why.TRUNCATED, "are damaged or cut off"
_MEMORY = Why.TOO_LARGE, "take more memory to unpack than is allowed"
_LOCKED = Why.NEEDS_PASSWORD, "are protected by a password"


def archive_kind(head: bytes) -> str | None:
    """Name of the format of an archive that is no zip, by its first bytes."""
    if head.startswith(MARK):
        return "7z"
    if packed := _PACKED_MARK.match(head):
        return packed.lastgroup
    return "tar" if is_tar(head) else None


def read_archive(document: Document, draft: Draft) -> None:
    """Every file in an archive as a child, and a table of their paths and sizes."""
    _Unpacking(document, draft).run()


class _Unpacking:
    """One archive on its way into a draft."""

    def __init__(self, document: Document, draft: Draft) -> None:
        self._document = document
        self._draft = draft
        limits = draft.limits
        self._most = min(_FREE_BYTES + limits.unpack_ratio * document.size, _LOOKS * limits.child_bytes)
        self._unpacked = self._files = 0
        self._lost: Counter[tuple[Why, str]] = Counter()  # why -> files
        self._given = document.job.password is not None
        self._is_bomb = False  # more came out of it than may
        self._is_longer = False  # not all of its files were looked at

    def run(self) -> None:
        """Read it all, and say what could not be read."""
        draft = self._draft
        whole: Exception | None = None
        try:
            draft.add_table(self._rows(), header_rows=1)
        except (Locked, Foreign, NeedsMemory, Damaged) as error:  # it is about the archive as a whole
            whole = error
        if not draft.children:
            draft.elements.clear()
            raise self._refusal(whole)
        if whole is not None:
            draft.missing.append(CUT)
        if self._is_bomb:
            draft.missing.append(_TOO_MUCH)
        if self._is_longer:
            draft.missing.append(self._looked_at())
        draft.missing += [f"{count:,} of its files {what}" for (_, what), count in self._lost.items()]

    def _refusal(self, whole: Exception | None) -> UnreadableDocument:
        """Why there is nothing of it."""
        match whole:
            case Locked():
                return self._needs_password()
            case Foreign():
                return UnreadableDocument(
                    Why.UNSUPPORTED, f"it uses {whole}, which is not read; unpack it first"
                )
            case NeedsMemory():
                return UnreadableDocument(Why.TOO_LARGE, "unpacking it takes more memory than is allowed")
            case Damaged():
                return UnreadableDocument(Why.TRUNCATED, CUT)
        if self._is_bomb:
            return UnreadableDocument(Why.TOO_LARGE, _TOO_MUCH)
        if _LOCKED in self._lost:
            return self._needs_password()
        if CUT in self._draft.missing:  # and then what it says of sizes is not to be believed
            return UnreadableDocument(Why.TRUNCATED, CUT)
        if self._lost:
            [((why, what), _)] = self._lost.most_common(1)
            return UnreadableDocument(why, f"the files in it {what}")
        if self._is_longer:
            return UnreadableDocument(Why.TOO_LARGE, self._looked_at())
        if self._files:
            return UnreadableDocument(Why.EMPTY, "the files in it are empty")
        return UnreadableDocument(Why.EMPTY, "; ".join(["there are no files in it", *self._draft.missing]))

    def _looked_at(self) -> str:
        return f"only its first {self._files:,} files were looked at"

    def _needs_password(self) -> UnreadableDocument:
        text = "the password does not open it" if self._given else "it is protected by a password"
        return UnreadableDocument(Why.NEEDS_PASSWORD, text)

    def _rows(self) -> Iterator[tuple[str, str]]:
        """Rows of the table, as the members are read."""
        yield "path", "bytes"
        limits = self._draft.limits
        for member in self._members():
            if _JUNK.search(member.path.replace("\\", "/")):
                continue
            if self._files == _MEMBERS * limits.children:
                self._is_longer = True
                return
            self._files += 1
            try:
                size = self._take(member)
            except LimitReached:
                if not self._is_bomb:
                    raise
                yield member.path, _number(member.size)
                return
            yield member.path, _number(size)

    def _members(self) -> Iterator[Member]:
        document, missing = self._document, self._draft.missing
        kind = archive_kind(document.head)
        if kind is None:
            yield from zip_members(document, missing, self._metered)
        elif kind == "7z":
            yield from sevenzip_members(document, missing, self._metered)
        elif kind == "tar":
            document.stream.seek(0)
            yield from self._tar(self._metered(pieces_of(document.stream)))
        else:
            yield from self._compressed(kind)

    def _compressed(self, kind: str) -> Iterator[Member]:
        document = self._document
        document.stream.seek(0)
        pieces = self._metered(unpacked(DECODERS[kind], pieces_of(document.stream)))
        head, whole = _looked_at(pieces)
        if is_tar(head):
            yield from self._tar(whole)
        else:
            yield Member(_inner_name(document, kind), None, whole)

    def _tar(self, pieces: Iterator[bytes]) -> Iterator[Member]:
        is_cut = False

        def as_far_as_it_goes() -> Iterator[bytes]:
            nonlocal is_cut
            try:
                yield from pieces
            except Damaged:
                is_cut = True

        others: Counter[str] = Counter()
        try:
            with Tar.of(as_file(as_far_as_it_goes())) as tar:
                for info in tar.members_once():
                    if info.isfile():
                        name = decode(info.name.encode("utf-8", "surrogateescape"))
                        yield Member(name, info.size, _tar_pieces(tar, info))
                    elif not info.isdir():
                        others["links" if info.issym() or info.islnk() else "devices"] += 1
                is_cut = is_cut or tar.is_damaged
                if not is_cut and not tar.ended:
                    self._draft.missing.append("the archive may be cut off: its end is not marked")
        except (Damaged, *TAR_ERRORS):
            is_cut = True
        self._draft.missing += [f"{count:,} {what} were left out" for what, count in others.items()]
        if is_cut:
            self._draft.missing.append(CUT)

    def _metered(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Pieces that are counted, and that end when there are too many."""
        for piece in pieces:
            self._unpacked += len(piece)
            if self._unpacked > self._most:
                self._is_bomb = True
                raise LimitReached(_TOO_MUCH)
            self._draft.tick(self._unpacked // MIB + self._files // 100)
            yield piece

    def _take(self, member: Member) -> int | None:
        """Make a member a child; returns how large it is, as far as that is known."""
        draft, limits = self._draft, self._draft.limits
        over = (
            Why.TOO_LARGE,
            f"are over the limit of {limits.children:,} files and {limits.child_bytes // MIB:,} MiB",
        )
        draft.tick(self._unpacked // MIB + self._files // 100)
        if len(draft.children) >= limits.children or (member.size or 0) > draft.child_room:
            self._lost[over] += 1
            return member.size

        def content() -> Iterator[bytes]:
            try:
                yield from member.pieces
            except Damaged:
                self._lost[_DAMAGED] += 1

        path = member.path.replace("\\", "/")
        try:
            size = draft.store_child(path.rpartition("/")[2], content(), path=path)
        except Locked:
            self._lost[_LOCKED] += 1
        except NeedsMemory:
            self._lost[_MEMORY] += 1
        except Foreign as foreign:
            self._lost[Why.UNSUPPORTED, f"use {foreign}, which is not read; unpack it first"] += 1
        else:
            if size is None:
                self._lost[over] += 1
            return size
        return member.size


def _looked_at(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, as many as tell a tar, and all of them again with what follows."""
    head = b""
    damage: Damaged | None = None
    try:
        while len(head) < _TAR_HEADER and (piece := next(pieces, b"")):
            head += piece
    except Damaged as error:
        damage = error

    def whole() -> Iterator[bytes]:
        if head:
            yield head
        if damage is not None:
            raise damage
        yield from pieces

    return head, whole()


def _tar_pieces(tar: Tar, info: tarfile.TarInfo) -> Iterator[bytes]:
    file = tar.extractfile(info)
    assert isinstance(file, io.BufferedReader), "a file has content"
    left = info.size
    try:
        while piece := file.read1(PIECE):
            left -= len(piece)
            yield piece
    except TAR_ERRORS as error:
        raise Damaged from error
    if left:
        raise Damaged


def _inner_name(document: Document, kind: str) -> str:
    """What the file in a compressed one is called: as it says itself, else as that one, less its ending."""
    name = document.job.name
    if kind == "gz" and (said := _gzip_name(document.head)):
        return said
    return _PACKED_NAME.sub("", _TAR_NAME.sub(".tar", name)) or name


def _gzip_name(head: bytes) -> str:
    """RFC 1952: flags, an extra field, then the name up to a zero."""
    flags, at = head[3], 10
    if flags & 4:
        at += 2 + int.from_bytes(head[10:12], "little")
    if not flags & 8 or b"\0" not in head[at:]:
        return ""
    return decode(head[at : head.index(b"\0", at)]).replace("\\", "/").rpartition("/")[2]


def _number(size: int | None) -> str:
    return "" if size is None else str(size)
