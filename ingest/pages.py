"""A page of a document as it looks, for its owner. The document is drawn in a parser worker, and only pixels
come out of it; the picture file is made here, so that none of a stranger's making is ever shown.
"""

from __future__ import annotations

import os
import struct
import zlib

from ingest.sandbox.pool import Picture, Pool
from store.vault import Vault

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB = 2
_LEVEL = 3  # a large page of text takes a seventh of a second


def page_image(vault: Vault, pool: Pool, item: str, page: int, width: int) -> bytes:
    """One page of an item as a PNG.

    Args:
        page: from 1.
        width: in pixels, as far as it goes.

    Raises:
        NoSuchItem
        PageNotDrawn: it has no pages, not this one, or they cannot be seen.
        ParserError, PoolDown: not now.
    """
    password = vault.catalog.item_password(item)
    name = vault.catalog.item(item).name
    document = vault.original(item)
    try:
        drawn = pool.picture(document, name, page, width, password=password.reveal() if password else None)
    finally:
        os.close(document)
    return png(drawn)


def png(picture: Picture) -> bytes:
    """The picture as a PNG file.

    Format: https://www.w3.org/TR/png-3/ (sections 5 and 9).
    """
    stride = 3 * picture.width
    rows = (picture.pixels[start : start + stride] for start in range(0, len(picture.pixels), stride))
    body = zlib.compress(b"".join(b"\0" + row for row in rows), _LEVEL)  # 0: pixels as they are
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, _RGB, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
