"""Documents of before 2007 that LibreOffice converts: whether they are locked is found here, all else is left
to it (`ingest/converter`) and to the reader of what they become.
"""

from __future__ import annotations

import io
import struct

from ingest.readers.containers import olefile
from ingest.readers.draft import Document, Draft
from ingest.readers.errors import UnreadableDocument, Why

ERRORS = (OSError, ValueError, IndexError, TypeError, RecursionError, struct.error)  # olefile's, on damage

_FLAGS = struct.Struct("<10xH")  # [MS-DOC] 2.5.2 FibBase: A to M
_ENCRYPTED = 0x0100
_TOKEN = struct.Struct("<12xI")  # [MS-PPT] 2.3.2 CurrentUserAtom, behind its header: headerToken
_ENCRYPTED_TOKEN = 0xF3D1C4DF
_KEY = struct.Struct("<12xH")  # of a WordPerfect file, made from its password; 0 without one


def read_doc(document: Document, draft: Draft) -> None:
    """Have a Word document converted."""
    (flags,) = _FLAGS.unpack_from(_stream(document, draft, "WordDocument"))
    if flags & _ENCRYPTED and document.job.password is None:
        raise UnreadableDocument(Why.NEEDS_PASSWORD, "it is protected by a password")
    draft.convert = "doc"


def read_ppt(document: Document, draft: Draft) -> None:
    """Have a PowerPoint document converted."""
    _stream(document, draft, "PowerPoint Document")
    (token,) = _TOKEN.unpack_from(_stream(document, draft, "Current User"))
    if token == _ENCRYPTED_TOKEN and document.job.password is None:
        raise UnreadableDocument(Why.NEEDS_PASSWORD, "it is protected by a password")
    draft.convert = "ppt"


def read_wpd(document: Document, draft: Draft) -> None:
    """Have a WordPerfect document converted."""
    (key,) = _KEY.unpack_from(document.head)
    if key:
        raise UnreadableDocument(Why.ENCRYPTED, "it is protected by a password; save it without one")
    draft.convert = "wpd"


def _stream(document: Document, draft: Draft, name: str) -> bytes:
    """A stream of an OLE file; LibreOffice would not say that its end is missing."""
    with olefile().OleFileIO(io.BytesIO(document.content())) as ole:
        content: bytes = ole.openstream(name).read()
        if len(content) < ole.get_size(name):
            draft.missing.append("it is cut off: its end is missing")
        return content
