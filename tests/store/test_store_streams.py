"""Sealed streams give back what went in, and nothing at all when a bit, a frame or a name is not theirs."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import crypto
from store.crypto import FRAME_BYTES, MAGIC, TAG_BYTES, Sealer, Unsealer, unwrap_key, wrap_key
from store.errors import BlobDamaged

KEY = bytes(range(32))
SEALED = FRAME_BYTES + TAG_BYTES


def noise(length: int, seed: int = 1) -> bytes:
    """Bytes that do not compress, so that they fill frames."""

    return random.Random(seed).randbytes(length)


def seal(content: bytes, name: str = "item", key: bytes = KEY, chunk: int = 1 << 20) -> bytes:
    sink = io.BytesIO()
    sealer = Sealer(sink, key, name)
    for start in range(0, len(content), chunk):
        sealer.write(content[start : start + chunk])
    sealer.finish()
    return sink.getvalue()


def unseal(sealed: bytes, name: str = "item", key: bytes = KEY, chunk: int = 1 << 20) -> bytes:
    reader, content = Unsealer(io.BytesIO(sealed), key, name), bytearray()
    while got := reader.read(chunk):
        content += got
    return bytes(content)


@given(content=st.binary(max_size=5_000), write=st.integers(1, 999), read=st.integers(1, 999))
def test_what_is_sealed_is_unsealed_however_it_is_cut(content: bytes, write: int, read: int) -> None:
    assert unseal(seal(content, chunk=write), chunk=read) == content


@settings(max_examples=25, deadline=None)
@given(
    frames=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    frame_bytes=st.integers(1, 64),
    seed=st.integers(0, 99),
)
def test_every_length_around_the_frame_borders(frames: list[int], frame_bytes: int, seed: int) -> None:
    # Frames of a few bytes put the borders everywhere; the code is the same for all sizes.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crypto, "FRAME_BYTES", frame_bytes)
        patch.setattr(crypto, "_SEALED_BYTES", frame_bytes + TAG_BYTES)
        content = noise(sum(frames), seed)
        assert unseal(seal(content)) == content


@pytest.mark.parametrize("length", [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES])
def test_real_frames(length: int) -> None:
    content = noise(length)
    assert unseal(seal(content)) == content


@given(content=st.binary(max_size=300), position=st.integers(0), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found(content: bytes, position: int, bit: int) -> None:
    sealed = bytearray(seal(content))
    sealed[position % len(sealed)] ^= 1 << bit
    with pytest.raises(BlobDamaged):
        unseal(bytes(sealed))


@given(content=st.binary(max_size=300), length=st.integers(0))
def test_any_truncation_is_found(content: bytes, length: int) -> None:
    sealed = seal(content)
    with pytest.raises(BlobDamaged):
        unseal(sealed[: length % len(sealed)])


def frames_of(sealed: bytes) -> list[bytes]:
    body = sealed[len(MAGIC) :]
    return [body[start : start + SEALED] for start in range(0, len(body), SEALED)]


@pytest.mark.parametrize(
    "order", [[0, 1], [1, 0, 2], [0, 2, 1], [0, 0, 1, 2], [0, 2], [0, 1, 2, 2], [1, 2]], ids=str
)
def test_frames_that_are_cut_swapped_repeated_or_dropped_are_found(order: list[int]) -> None:
    frames = frames_of(seal(noise(2 * FRAME_BYTES + 99)))
    assert len(frames) == 3
    with pytest.raises(BlobDamaged):
        unseal(MAGIC + b"".join(frames[number] for number in order))


def test_an_appended_byte_or_frame_is_found() -> None:
    sealed = seal(noise(10))
    for more in (b"x", bytes(TAG_BYTES), frames_of(sealed)[0]):
        with pytest.raises(BlobDamaged):
            unseal(sealed + more)


def test_another_name_or_key_does_not_open_it() -> None:
    sealed = seal(b"content")
    with pytest.raises(BlobDamaged):
        unseal(sealed, name="another")
    with pytest.raises(BlobDamaged):
        unseal(sealed, key=bytes(32))


def test_a_sealer_that_was_not_finished_does_not_open() -> None:
    sink = io.BytesIO()
    Sealer(sink, KEY, "item").write(noise(2 * FRAME_BYTES))
    with pytest.raises(BlobDamaged):
        unseal(sink.getvalue())


@given(position=st.integers(0), bit=st.integers(0, 7))
def test_a_wrapped_key_opens_whole_and_for_its_name_only(position: int, bit: int) -> None:
    wrapped = wrap_key(KEY, b"k" * 32, "item")
    assert unwrap_key(KEY, wrapped, "item") == b"k" * 32
    flipped = bytearray(wrapped)
    flipped[position % len(wrapped)] ^= 1 << bit
    for key, body, name in (
        (KEY, bytes(flipped), "item"),
        (KEY, wrapped, "other"),
        (bytes(32), wrapped, "item"),
    ):
        with pytest.raises(BlobDamaged):
            unwrap_key(key, body, name)
