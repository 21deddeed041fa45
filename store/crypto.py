"""Sealed streams: zstd, then AES-256-GCM in frames, under a key that is used for one stream only.

Layout: 4 bytes `SRB\\x01`, then frames. Each frame is up to 1 MiB of the compressed stream and a 16-byte tag;
every frame but the last is full. It is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015) as
the age file format uses it. Where the keys come from is the business of `store/keys.py`.

Why this is safe:

- *One key, one stream.* `seal` is only ever given a key fresh from `os.urandom`, and a stream is written
  once, front to back. So the counter nonces can never repeat under a key, whatever crashes and is tried
  again: the second try has another key.
- *Order and length.* The nonce is the frame's number and a flag for the last frame. Frames that are swapped,
  repeated or dropped meet a nonce they were not made with, and fail. Cut at a frame border, the new last
  frame was not made with the flag; extended, the old last one was. An empty frame is accepted only as the
  whole of an empty stream, so a stream has one encoding.
- *Place.* The associated data holds the stream's name (the item's id): a blob put in another's place fails
  even if its data key came along.
- *Nothing unproven is used.* A frame's plaintext is given out only after its tag was checked; the reader
  raises, and never returns short, when the stream does not end with a last frame.
- *Compression before encryption* lets the length tell something of the content. Whoever reads the home's disk
  sees the length of each original anyway; no attacker chooses text that is compressed together with a secret,
  since every document is its own stream.
"""

from __future__ import annotations

import io
import os
import struct
from typing import BinaryIO, cast

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from store.errors import BlobDamaged

MAGIC = b"SRB\x01"
FRAME_BYTES = 1 << 20
TAG_BYTES = 16
_SEALED_BYTES = FRAME_BYTES + TAG_BYTES
_NONCE = struct.Struct(">3xQB")  # 12 bytes: 3 zero, the frame's number, 1 for the last frame
_WRAP_NONCE_BYTES = 12


def new_data_key() -> bytes:
    """A fresh 256-bit key for one stream."""
    return os.urandom(32)


def wrap_key(epoch_key: bytes, data_key: bytes, name: str) -> bytes:
    """Encrypt a data key under an epoch key, bound to the stream's name.

    The nonce is random: at 2³² wrapped keys in one epoch the chance of a repeat is 2⁻³³ (birthday bound on
    96 bits), and no home comes near that number.
    """
    nonce = os.urandom(_WRAP_NONCE_BYTES)
    return nonce + AESGCM(epoch_key).encrypt(nonce, data_key, b"data key\0" + name.encode())


def unwrap_key(epoch_key: bytes, wrapped: bytes, name: str) -> bytes:
    """Undo `wrap_key`.

    Raises:
        BlobDamaged: the wrapped key is not the one made for this name.
    """
    nonce, body = wrapped[:_WRAP_NONCE_BYTES], wrapped[_WRAP_NONCE_BYTES:]
    try:
        return AESGCM(epoch_key).decrypt(nonce, body, b"data key\0" + name.encode())
    except (InvalidTag, ValueError):
        raise BlobDamaged("its data key does not open", item=name) from None


def new_compressor(level: int = 3) -> zstandard.ZstdCompressor:
    """What compresses one stream after the other. To make it costs more than a small stream."""
    return zstandard.ZstdCompressor(level=level)


class Sealer:
    """Writes one sealed stream. `finish` must be called: without it the stream does not open.

    Args:
        sink: takes the sealed bytes.
        key: 32 bytes, fresh, used for this stream only.
        name: bound into every frame; `Unsealer` must be given the same.
        compressor: serves no other stream until this one is finished.
    """

    def __init__(
        self, sink: BinaryIO, key: bytes, name: str, compressor: zstandard.ZstdCompressor | None = None
    ) -> None:
        self._sink = sink
        self._cipher = AESGCM(key)
        self._name = name.encode()
        self._compressor = (compressor or new_compressor()).compressobj()
        self._pending = bytearray()
        self._number = 0
        sink.write(MAGIC)

    def write(self, chunk: bytes | memoryview) -> None:
        """Append plaintext."""
        self._pending += self._compressor.compress(chunk)
        # Strictly more than a frame: the last frame must be known to be the last when it is encrypted.
        while len(self._pending) > FRAME_BYTES:
            self._emit(bytes(self._pending[:FRAME_BYTES]), last=False)
            del self._pending[:FRAME_BYTES]

    def finish(self) -> None:
        """Write what is left and the last frame. The sink is neither flushed nor closed."""
        self._pending += self._compressor.flush()
        while len(self._pending) > FRAME_BYTES:
            self._emit(bytes(self._pending[:FRAME_BYTES]), last=False)
            del self._pending[:FRAME_BYTES]
        self._emit(bytes(self._pending), last=True)

    def _emit(self, frame: bytes, *, last: bool) -> None:
        nonce = _NONCE.pack(self._number, last)
        self._sink.write(self._cipher.encrypt(nonce, frame, MAGIC + self._name + nonce))
        self._number += 1


class Unsealer(io.RawIOBase):
    """Reads one sealed stream front to back; `read` gives plaintext.

    Raises (from the constructor and `read`):
        BlobDamaged: the bytes are not one whole stream of this key and name.
    """

    def __init__(self, source: BinaryIO, key: bytes, name: str) -> None:
        super().__init__()
        self._frames = _Frames(source, key, name)
        self._plain = zstandard.ZstdDecompressor().stream_reader(
            cast("BinaryIO", self._frames), read_size=FRAME_BYTES
        )
        self._name = name

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer; 0 only after the last frame was proven to be the last."""
        try:
            count = self._plain.readinto(buffer)
        except zstandard.ZstdError:
            raise BlobDamaged("its compressed stream is damaged", item=self._name) from None
        if not count and len(buffer) and not self._frames.ended():
            raise BlobDamaged("it does not end where it should", item=self._name)
        return count


class _Frames(io.RawIOBase):
    """The decrypted, still compressed stream."""

    def __init__(self, source: BinaryIO, key: bytes, name: str) -> None:
        super().__init__()
        self._source = source
        self._cipher = AESGCM(key)
        self._item = name
        self._name = name.encode()
        self._number = 0
        self._plain = memoryview(b"")
        if source.read(len(MAGIC)) != MAGIC:
            raise BlobDamaged("it does not begin like a stored original", item=name)
        self._ahead = source.read(_SEALED_BYTES)
        self._done = False

    def ended(self) -> bool:
        """Whether the last frame was reached and used up."""
        return self._done and not self._plain

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; empty at the proven end."""
        if not self._plain and not self._done:
            self._next_frame()
        take = len(self._plain) if size < 0 else size
        chunk, self._plain = bytes(self._plain[:take]), self._plain[take:]
        return chunk

    def _next_frame(self) -> None:
        frame = self._ahead
        self._ahead = self._source.read(_SEALED_BYTES) if len(frame) == _SEALED_BYTES else b""
        last = not self._ahead
        nonce = _NONCE.pack(self._number, last)
        try:
            plain = self._cipher.decrypt(nonce, frame, MAGIC + self._name + nonce)
        except (InvalidTag, ValueError):
            raise BlobDamaged("a frame fails its authentication", item=self._item) from None
        if not plain and self._number:
            raise BlobDamaged("it ends in an empty frame", item=self._item)
        self._number += 1
        self._plain, self._done = memoryview(plain), last
