"""The messages between the core and a splitter: one job, then a stream of what is in the container.

What comes back is a stranger's data until `ingest/importer/splitter.py` has checked it. A position says where
the splitter can be started again: all that came before it has been told. What it counts is the splitter's
business: bytes of a mailbox, of what is packed in an archive, messages of an Outlook store.
"""

from __future__ import annotations

import msgspec

FRAME_BYTES = 8 << 20  # longest frame in either direction
SMALL_BYTES = 1 << 20  # a message up to this goes in one piece
BATCH_BYTES = 4 << 20  # small messages told together
BATCH_COUNT = 400
SLICE_BYTES = 1 << 20
KEY_CHARS = 1_000


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Take this container apart. The one descriptor is the file, read only."""

    kind: str  # a value of Kind
    name: str  # file name, for archives of one unnamed member; never a path
    position: int = 0
    leave_out: int = 0  # messages from the position on that must not be touched: somebody died of them
    careful: bool = False  # tell each message before the next is touched
    most_bytes: int = 256 << 20  # of one message; more is never sent


class _Message(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Base: a frozen struct, told apart by its class name."""


class Ready(_Message, frozen=True, kw_only=True, tag=True):
    """Confined, or why not. First of all."""

    layers: tuple[str, ...] = ()
    refused: str | None = None
    remedy: str | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One small message."""

    key: str  # the same whenever the same container is taken apart
    content: bytes

    def __repr__(self) -> str:
        return f"Found({len(self.content)} bytes)"


class Several(_Message, frozen=True, kw_only=True, tag=True):
    """Small messages, and where to go on after the last."""

    found: tuple[Found, ...]
    position: int
    read: int  # bytes of the container that have been read, for the progress


class Large(_Message, frozen=True, kw_only=True, tag=True):
    """A message that comes in slices, which follow, until `LargeEnd`."""

    key: str


class Slice(_Message, frozen=True, kw_only=True, tag=True):
    """The next stretch of a large message."""

    content: bytes

    def __repr__(self) -> str:
        return f"Slice({len(self.content)} bytes)"


class LargeEnd(_Message, frozen=True, kw_only=True, tag=True):
    """The end of a large message."""

    position: int
    read: int


class Skipped(_Message, frozen=True, kw_only=True, tag=True):
    """Something that is not told, and why."""

    key: str
    why: str  # for the owner; never content
    position: int
    lost: bool = True  # False: nobody misses it, such as what the mail program had deleted


class Going(_Message, frozen=True, kw_only=True, tag=True):
    """Still at it."""

    read: int


class Finished(_Message, frozen=True, kw_only=True, tag=True):
    """The end of the container."""

    position: int
    failed: str | None = None  # the container ends before its time: cut off, damaged; what came before holds
    foreign: int = 0  # members of an archive that are not mail


Told = Ready | Several | Large | Slice | LargeEnd | Skipped | Going | Finished
