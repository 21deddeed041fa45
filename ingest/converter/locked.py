"""Opens PowerPoint documents that a password protects, which LibreOffice does not do by itself."""

from __future__ import annotations

import io
import struct
from functools import cache
from importlib import import_module
from types import ModuleType, SimpleNamespace

# What LibreOffice takes for a sign that it is still locked. A name of the same length changes nothing else.
_SIGN = "EncryptedSummary".encode("utf-16-le")
_NO_SIGN = "DecryptedSummary".encode("utf-16-le")


@cache
def library() -> ModuleType:
    """The one place that imports msoffcrypto for it; its temporary files are memory."""
    module = import_module("msoffcrypto.format.ppt97")
    module.__dict__["tempfile"] = SimpleNamespace(TemporaryFile=io.BytesIO)
    # Used once, it imports nothing any more, as it could not when it is confined.
    module.DocumentRC4CryptoAPI.verifypw("", bytes(16), 128, bytes(16), bytes(20))
    return module


def opened(content: bytes, password: str) -> bytes | None:
    """The document without its protection; None if it cannot be opened, by this password or at all."""
    plain = io.BytesIO()
    wrong = import_module("msoffcrypto.exceptions").InvalidKeyError
    try:
        presentation = library().Ppt97File(io.BytesIO(content))
        presentation.load_key(password=password)
        presentation.decrypt(plain)
    except (
        *(wrong, OSError, ValueError, LookupError, TypeError, AttributeError, AssertionError),
        *(ArithmeticError, struct.error),
    ):
        return None
    return plain.getvalue().replace(_SIGN, _NO_SIGN)
