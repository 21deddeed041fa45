"""The messages between the core, a converter and who started it, and the kinds of documents that are
converted.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

FRAME_BYTES = 1 << 16


@dataclass(frozen=True)
class Conversion:
    """From which kind of document to which; the filters' names are LibreOffice's."""

    called: str
    target: str  # name of the format it becomes, and its ending
    opened_by: tuple[str, ...]  # each is tried: an old format has several ages
    saved_by: str
    service: str  # what is opened
    library: str  # of LibreOffice's; it comes with the package
    package: str  # Debian's


_WRITER = (
    *("MS Word 2007 XML", "com.sun.star.text.TextDocument"),
    *("libswlo.so", "libreoffice-writer-nogui"),
)
_IMPRESS = (
    *("Impress MS PowerPoint 2007 XML", "com.sun.star.presentation.PresentationDocument"),
    *("libsdlo.so", "libreoffice-impress-nogui"),
)
CONVERSIONS = {
    "doc": Conversion("an old Word document (.doc)", "docx", ("MS Word 97", "MS Word 95"), *_WRITER),
    "ppt": Conversion("an old PowerPoint document (.ppt)", "pptx", ("MS PowerPoint 97",), *_IMPRESS),
    "wpd": Conversion("a WordPerfect document (.wpd)", "docx", ("WordPerfect",), *_WRITER),
}


class Started(NamedTuple):
    """The core's two ends to a converter that was started for it."""

    wire: socket.socket  # the conversation with the converter
    life: socket.socket  # hung up, the converter is ended; when it is gone, `Ended` comes here


class Ended(msgspec.Struct, frozen=True):
    """The converter is gone, and with it its folder."""

    code: int  # as subprocess has it: negative, the signal that ended it


class Ready(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The converter's first word: it is confined, or why it cannot be."""

    layers: tuple[str, ...] = ()
    refused: str | None = None
    remedy: str | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Convert descriptor 0 and write the result to descriptor 1, an empty memfd."""

    password: str | None = None

    def __repr__(self) -> str:
        return "Task()"


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The converter's last word."""

    outcome: Literal["made", "failed", "unusable"]  # failed: the document; unusable: LibreOffice itself
