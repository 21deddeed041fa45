"""The imports: what is queued, how far each is, where it goes on after a restart.

One file is imported at a time. How a file is taken apart is left to the splitter, how its messages reach the
store to `source.py` and the intake.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import msgspec

from ingest.errors import ImportFailed
from ingest.importer.folders import MailFolder
from ingest.importer.handover import Opener, Outcome
from ingest.importer.kinds import ARCHIVES, HEAD_BYTES, Kind, container_kind
from ingest.importer.loose import is_message
from ingest.importer.source import ImportSource, Progress
from ingest.intake import Intake
from ingest.sources.whole import readable
from policy.errors import ConfinementError, StrongroomError
from policy.limits import Limits
from store.mailboxes import Import
from store.records import Record
from store.vault import Vault

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NOTHING = "no message was found in it"
_IDLE_S = 5.0  # how long `stop` may go unnoticed while there is nothing to do; `Ledger.poke` is at once
_KEPT = 50  # imports that have ended, and are still shown

log = logging.getLogger("strongroom.ingest")


class Stage(StrEnum):
    """Where an import stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"  # all that is in it is stored, or named as skipped
    FAILED = "failed"
    CANCELLED = "cancelled"


class ImportStatus(Record, frozen=True, kw_only=True):
    """One import as the owner sees it."""

    path: str
    source: str  # as in Origin.source of its messages
    stage: Stage
    size: int  # bytes of the file; files of a folder
    position: int  # of them, how many are read
    messages: int  # stored now or before
    duplicates: int  # of them, how many were in the store already
    missed: int  # not stored though they should be
    foreign: int  # files in an archive or a folder that are not mail
    skipped: dict[str, str]  # what was left out -> why; not all are named
    rate: float  # bytes of the file (files of a folder) a second
    eta_s: float | None
    error: str | None = None


@dataclass
class _Job:
    path: str
    place: str  # the same as valid text
    source: str
    open: Opener
    kind: Kind | None  # None: a folder of messages, or one message
    stage: Stage = Stage.WAITING
    error: str | None = None
    progress: Progress = field(default_factory=Progress)
    cancel: Callable[[], None] | None = None  # ends it, once it has begun
    cancelled: bool = False
    began: float = 0.0
    began_at: int = 0  # what had been read when it began
    known: int = 0  # duplicates of this source before it began
    stamp: tuple[int, int] | None = None  # size and time of the file that was imported
    is_document: bool = (
        False  # it was offered by a folder, and holds no mail: nothing that was asked for failed
    )


class Imports:
    """Imports files of messages into one vault. Thread-safe.

    Args:
        watched: this process is under the egress watch.
        module: the splitter's program; another one only in tests.
    """

    def __init__(
        self,
        vault: Vault,
        intake: Intake,
        limits: Limits,
        *,
        watched: bool = False,
        module: str = "ingest.importer.worker",
    ) -> None:
        self._vault = vault
        self._intake = intake
        self._limits = limits
        self._watched = watched
        self._module = module
        self._jobs: dict[str, _Job] = {}  # by path, oldest first
        self._changed = threading.Condition()

    def run(self, stop: threading.Event) -> None:
        """Go on with what was not done when the process last ended, then do what is queued, until `stop`."""
        self._take_up()
        ledger = self._vault.ledger
        while not stop.is_set():
            seen = ledger.sequence
            with self._changed:
                job = next((job for job in self._jobs.values() if job.stage is Stage.WAITING), None)
                if job is not None:
                    job.stage = Stage.RUNNING
            if job is not None:
                self._do(job, stop)
            else:
                ledger.wait(seen, _IDLE_S)

    def start(self, path: Path) -> ImportStatus:
        """Queue a file or a folder. What was imported and has not changed since is done at once.

        Raises:
            ImportFailed: nothing is there, or nothing that messages are read from.
        """
        real = os.path.realpath(path)
        kind = self._examine(real)
        return self._status(self._queue(real, kind, lambda: _open(real)))

    def cancel(self, path: Path) -> None:
        """Stop an import and forget how far it is. What is stored stays."""
        real = os.path.realpath(path)
        with self._changed:
            job = self._jobs.get(real)
            if job is None or job.stage not in (Stage.WAITING, Stage.RUNNING):
                raise ImportFailed("no such import is under way", item=real)
            job.cancelled = True
            if job.cancel is not None:
                job.cancel()
            elif job.stage is Stage.WAITING:
                self._close(job, Stage.CANCELLED)
        self._vault.catalog.forget_import(job.source, job.place)

    def status(self) -> list[ImportStatus]:
        """The imports of this run of the process, the newest first."""
        with self._changed:
            return [self._status(job) for job in reversed(self._jobs.values()) if not job.is_document]

    def offer(self, path: str, kind: Kind, open_: Opener) -> Outcome:
        """See Importer."""
        with self._changed:
            job = self._jobs.get(path)
        with contextlib.ExitStack() as stack:
            descriptor = open_()
            stack.callback(os.close, descriptor)
            stamp = _stamp(descriptor)
        if job is None or (job.stage not in (Stage.WAITING, Stage.RUNNING) and job.stamp != stamp):
            job = self._queue(path, kind, open_)
        if job.stage in (Stage.WAITING, Stage.RUNNING):
            return Outcome.PENDING
        if job.stage is not Stage.DONE:
            with self._changed:
                del self._jobs[path]  # asked again, it is tried again
            raise ImportFailed(job.error or "it was cancelled")
        at = job.progress
        if at.messages and not (at.missed or at.foreign or at.failed):
            return Outcome.STORED
        job.is_document = not (at.messages or at.missed)
        return Outcome.DOCUMENT if not at.messages or kind in ARCHIVES else Outcome.INCOMPLETE

    def _examine(self, path: str) -> Kind | None:
        try:
            status = os.stat(path)
            if stat.S_ISDIR(status.st_mode):
                return None
            descriptor = _open(path)
        except OSError as error:
            raise ImportFailed(f"it cannot be opened ({error.strerror})", item=path) from error
        try:
            head = os.pread(descriptor, HEAD_BYTES, 0)
        finally:
            os.close(descriptor)
        name = path.rpartition("/")[2]
        kind = container_kind(head, name)
        if kind is None and not is_message(head, name):
            text = "no messages can be read from this kind of file"
            raise ImportFailed(text, item=path, remedy="put documents into the drop folder")
        return kind

    def _queue(self, path: str, kind: Kind | None, open_: Opener, source: str | None = None) -> _Job:
        with self._changed:
            job = self._jobs.get(path)
            if job is not None and job.stage in (Stage.WAITING, Stage.RUNNING):
                return job
            place = readable(path)
            job = _Job(path, place, source or self._name(place), open_, kind)
            self._jobs.pop(path, None)
            self._jobs[path] = job
            ended = [key for key, each in self._jobs.items() if each.stage in (Stage.DONE, Stage.FAILED)]
            for key in ended[:-_KEPT]:
                del self._jobs[key]
            self._changed.notify_all()
        self._vault.ledger.poke()  # `run`
        if self._vault.catalog.find_import(job.source, place) is None:
            self._vault.catalog.save_import(_row(job))  # so that it is known after a restart
        return job

    def _name(self, place: str) -> str:
        """A name for the source that no file of another path has: places of two files must not be one."""
        rows = self._vault.catalog.imports()
        for row in rows:
            if row.locator == place:
                return row.source
        taken = {row.source for row in rows} | {job.source for job in self._jobs.values()}
        name = place.rpartition("/")[2]
        free = (f"import:{name}" if n == 1 else f"import:{name} ({n})" for n in range(1, 1 << 30))
        return next(source for source in free if source not in taken)

    def _take_up(self) -> None:
        for row in reversed(self._vault.catalog.imports()):
            if row.done:
                continue
            path = row.locator
            try:
                kind = self._examine(path)
            except ImportFailed:  # an unmounted disk, for one: `start` goes on with it
                log.info("an unfinished import waits for its file")
                continue
            self._queue(path, kind, lambda path=path: _open(path), row.source)  # type: ignore[misc]

    def _do(self, job: _Job, stop: threading.Event) -> None:
        stage, job.error = Stage.FAILED, None
        try:
            if job.kind is None:
                self._import_folder(job, stop)
            else:
                self._import_file(job, job.kind, stop)
            stage = Stage.DONE if job.progress.finished else Stage.WAITING
        except StrongroomError as error:
            if isinstance(error, ConfinementError):
                self._intake.admission.shut(error)
            job.error = str(error)
        except OSError as error:
            job.error = f"it cannot be read ({error.strerror})"
        except Exception as error:  # noqa: BLE001 the thread's rim: the other imports go on
            job.error = f"it failed with {type(error).__name__}"
        with self._changed:
            if job.error is not None:
                log.warning("an import stopped; its status says why")  # and names the file
            elif stage is Stage.WAITING and not stop.is_set():
                stage = Stage.CANCELLED
            self._close(job, stage)
        if stage is Stage.CANCELLED:
            self._vault.catalog.forget_import(job.source, job.place)

    def _close(self, job: _Job, stage: Stage) -> None:
        job.stage, job.cancel = stage, None
        self._changed.notify_all()

    def _import_file(self, job: _Job, kind: Kind, stop: threading.Event) -> None:
        descriptor = job.open()
        try:
            job.stamp = (size, mtime_ns) = _stamp(descriptor)
            row = self._vault.catalog.find_import(job.source, job.place)
            if row is None or (row.size, row.mtime_ns) != (size, mtime_ns):
                row = _row(job, size, mtime_ns)
            if row.done:
                job.progress = Progress(
                    size=size, read=size, messages=row.messages, missed=row.missed, finished=True
                )
                return
            source = ImportSource(
                row, kind, descriptor, self._limits,
                save=self._vault.catalog.save_import, watched=self._watched, module=self._module,
            )  # fmt: skip
            self._follow(job, source.progress, source.cancelled.set)
            self._intake.run(source, stop)
        finally:
            os.close(descriptor)

    def _import_folder(self, job: _Job, stop: threading.Event) -> None:
        source = MailFolder(job.source, Path(job.path), self._vault.catalog.find_origin, self._limits)
        self._follow(job, source.progress, source.cancelled.set)
        self._intake.run(source, stop)
        for path, kind in source.containers:
            self._queue(path, kind, lambda path=path: _open(path))  # type: ignore[misc]
        self._vault.catalog.save_import(
            msgspec.structs.replace(
                _row(job), done=source.progress.finished, messages=source.progress.messages
            )
        )

    def _follow(self, job: _Job, progress: Progress, cancel: Callable[[], None]) -> None:
        with self._changed:
            job.progress, job.cancel = progress, cancel
            if job.cancelled:
                cancel()
            job.began, job.began_at = time.monotonic(), progress.read
            job.known = self._intake.of_source(job.source)[1]

    def _status(self, job: _Job) -> ImportStatus:
        at = job.progress
        took = time.monotonic() - job.began
        rate = (at.read - job.began_at) / took if job.stage is Stage.RUNNING and took > 0 else 0.0
        nothing = job.stage is Stage.DONE and not (at.messages or at.missed)
        return ImportStatus(
            path=job.place,
            source=job.source,
            stage=job.stage,
            size=at.size,
            position=at.read,
            messages=at.messages,
            duplicates=self._intake.of_source(job.source)[1] - job.known,
            missed=at.missed,
            foreign=at.foreign,
            skipped=dict(at.skipped),
            rate=rate,
            eta_s=(at.size - at.read) / rate if rate else None,
            error=job.error or at.failed or (_NOTHING if nothing else None),
        )


def _row(job: _Job, size: int = 0, mtime_ns: int = 0) -> Import:
    """An import that has not begun."""
    return Import(
        source=job.source, locator=job.place, size=size, mtime_ns=mtime_ns,
        position=0, messages=0, done=False, started_at=time.time(),
    )  # fmt: skip


def _open(path: str) -> int:
    return os.open(path, _OPEN)


def _stamp(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise ImportFailed("it is not a file")
    return status.st_size, status.st_mtime_ns
