"""A mail server in memory that implements Remote: UIDs, UIDVALIDITY, MODSEQ, what vanished; and faults.

It is honest unless a fault is set: `fault` is asked before every answer and may raise, or spoil it.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from ingest.connector.messages import Failure, Fetched, Opened, RemoteFolder
from ingest.errors import RemoteFailed

PATIENCE_S = 20.0
_PLACE = re.compile(r"([^;]*);UIDVALIDITY=([0-9]+)/;UID=([0-9]+)")


def told_place(locator: str) -> tuple[str, int, int]:
    """(folder, UIDVALIDITY, UID) of what `store.mailboxes.mail_locator` made."""
    match = _PLACE.fullmatch(locator)
    assert match is not None, locator
    return unquote(match[1], errors="surrogatepass"), int(match[2]), int(match[3])


@dataclass
class Box:
    """A folder on the server."""

    uidvalidity: int
    uidnext: int = 1
    modseq: int = 1
    messages: dict[int, bytes] = field(default_factory=dict)
    vanished: dict[int, int] = field(default_factory=dict)  # UID -> MODSEQ at which it went
    flags: tuple[str, ...] = ()


class MemoryServer:
    """What is on the server, for a test to change; `connect` gives a connection.

    Args:
        qresync: it tells what vanished, and MODSEQ.
        uidnext: it tells UIDNEXT.
    """

    def __init__(self, *, qresync: bool = True, uidnext: bool = True) -> None:
        self.boxes: dict[str, Box] = {}
        self.qresync = qresync
        self.uidnext = uidnext
        self.fault: Callable[[str, object], object] = lambda call, answer: answer
        self.changed = threading.Condition()
        self.asked: list[tuple[str, object]] = []  # every request, with what it was about
        self.idled = threading.Event()
        self._validity = itertools.count(1000)
        self.create("INBOX")

    def create(self, folder: str, *flags: str) -> None:
        with self.changed:
            self.boxes[folder] = Box(next(self._validity), flags=flags)

    def drop(self, folder: str) -> None:
        with self.changed:
            del self.boxes[folder]

    def rename(self, folder: str, to: str) -> None:
        with self.changed:
            self.boxes[to] = self.boxes.pop(folder)

    def deliver(self, content: bytes, folder: str = "INBOX") -> int:
        """A message arrives; its UID."""
        with self.changed:
            box = self.boxes[folder]
            uid, box.uidnext, box.modseq = box.uidnext, box.uidnext + 1, box.modseq + 1
            box.messages[uid] = content
            self.changed.notify_all()
            return uid

    def remove(self, uid: int, folder: str = "INBOX") -> bytes:
        with self.changed:
            box = self.boxes[folder]
            box.modseq += 1
            box.vanished[uid] = box.modseq
            self.changed.notify_all()
            return box.messages.pop(uid)

    def copy(self, uid: int, folder: str, to: str) -> int:
        return self.deliver(self.boxes[folder].messages[uid], to)

    def move(self, uid: int, folder: str, to: str) -> int:
        return self.deliver(self.remove(uid, folder), to)

    def renumber(self, folder: str = "INBOX") -> None:
        """Another UIDVALIDITY, and other UIDs for the same messages."""
        with self.changed:
            old = self.boxes[folder]
            contents = list(old.messages.values())
            self.boxes[folder] = Box(next(self._validity), len(contents) + 1, old.modseq + 1, flags=old.flags)
            self.boxes[folder].messages = dict(enumerate(contents, 1))
            self.changed.notify_all()

    def holds(self) -> dict[tuple[str, int, int], bytes]:
        """(folder, UIDVALIDITY, UID) -> message: everything there is."""
        return {
            (name, box.uidvalidity, uid): content
            for name, box in self.boxes.items()
            for uid, content in box.messages.items()
        }

    def connect(self) -> MemoryRemote:
        return MemoryRemote(self)


class MemoryRemote:
    """A connection; it says only what a real one would know."""

    def __init__(self, server: MemoryServer) -> None:
        self._server = server
        self._opened: tuple[str, int] | None = None
        self._over = False
        self._woken = threading.Event()

    def list_folders(self) -> list[RemoteFolder]:
        boxes = self._server.boxes.items()
        return self._answer("list_folders", [RemoteFolder(name=name, flags=box.flags) for name, box in boxes])

    def examine(self, folder: str, uidvalidity: int | None = None, modseq: int | None = None) -> Opened:
        self._opened = None
        box = self._server.boxes.get(folder)
        if box is None:
            raise RemoteFailed(Failure.FOLDER, "there is no such folder")
        vanished = None
        if self._server.qresync and uidvalidity == box.uidvalidity and modseq is not None:
            vanished = tuple((uid, uid) for uid, at in sorted(box.vanished.items()) if at > modseq)
        opened = Opened(
            uidvalidity=box.uidvalidity,
            uidnext=box.uidnext if self._server.uidnext else None,
            exists=len(box.messages),
            modseq=box.modseq if self._server.qresync else None,
            vanished=vanished,
        )
        answer = self._answer("examine", opened, folder)
        self._opened = (folder, box.uidvalidity)
        return answer

    def list_uids(self, first: int) -> list[int]:
        return self._answer("list_uids", sorted(uid for uid in self._box().messages if uid >= first), first)

    def prepare(self, uids: Sequence[int], most_bytes: int) -> None:
        """A connection in memory is never ahead."""

    def fetch(self, uids: Sequence[int], most_bytes: int) -> list[Fetched]:
        messages = self._box().messages
        found = [
            Fetched(uid=uid, content=messages[uid][:most_bytes], size=len(messages[uid]))
            for uid in uids
            if uid in messages
        ]
        return self._answer("fetch", found, tuple(uids))

    def fetch_slice(self, uid: int, offset: int, length: int) -> bytes | None:
        content = self._box().messages.get(uid)
        answer = None if content is None else content[offset : offset + length]
        return self._answer("fetch_slice", answer, (uid, offset))

    def idle(self, seconds: float) -> bool:
        box = self._box()
        before = (box.modseq, box.uidvalidity)
        self._server.idled.set()
        self._answer("idle", None)
        with self._server.changed:
            self._server.changed.wait_for(
                lambda: self._woken.is_set() or self._over or self._state() != before,
                min(seconds, PATIENCE_S),
            )
        self._server.idled.clear()
        if self._over:
            raise RemoteFailed(Failure.CLOSED, "ended")
        woken = self._woken.is_set()
        self._woken.clear()
        return not woken and self._state() != before

    def wake(self) -> None:
        with self._server.changed:
            self._woken.set()
            self._server.changed.notify_all()

    def abort(self) -> None:
        with self._server.changed:
            self._over = True
            self._server.changed.notify_all()

    def _state(self) -> tuple[int, int] | None:
        assert self._opened is not None
        box = self._server.boxes.get(self._opened[0])
        return (box.modseq, box.uidvalidity) if box else None

    def _box(self) -> Box:
        assert self._opened is not None, "no folder is open"
        name, uidvalidity = self._opened
        box = self._server.boxes.get(name)
        if box is None or box.uidvalidity != uidvalidity:
            self._over = True
            raise RemoteFailed(Failure.CLOSED, "the folder is another one now")
        return box

    def _answer(self, call, answer, about=None):  # type: ignore[no-untyped-def]
        if self._over:
            raise RemoteFailed(Failure.CLOSED, "ended")
        self._server.asked.append((call, about))
        try:
            return self._server.fault(call, answer)
        except RemoteFailed as error:
            self._over = error.failure is not Failure.FOLDER
            raise
