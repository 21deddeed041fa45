"""The store as the other rooms see it: an open home, and the few actions that touch disk and catalog both.

Order is everything here. Whatever is on the disk before the catalog says so is swept at the next open;
whatever the catalog says is on the disk. So a kill at any point leaves a home that needs no repair.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import secrets
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from policy.limits import Limits
from policy.redact import Private
from policy.wire import seal
from store import keys as keyfile
from store.audit import Audit, append
from store.blobs import Blobs, Incoming, Unsealed
from store.catalog import Catalog
from store.crypto import new_data_key, unwrap_key, wrap_key
from store.database import Connection, Database
from store.deletion import doomed_blobs, erase, forget_doomed, prove, read_receipt, unfinished_deletions
from store.durable import disk_errors, store_full, sync_folder
from store.errors import (
    BlobDamaged,
    DeletionIncomplete,
    NoHome,
    NoSuchItem,
    StoreError,
)
from store.head import Head
from store.home import make_home, take
from store.items import NewItem, batches, find_blob, hold_place, insert_item, marks, sequence_of
from store.keys import KdfParameters, Keys
from store.ledger import Ledger
from store.migrate import copy_path, migrate, packaged_steps
from store.places import any_deleted, bytes_were_deleted, remember_place, was_deleted
from store.records import Origin, Receipt, Record
from store.reports import ReportKey
from store.snapshots import Snapshots
from store.trees import holders
from store.verify import VerifyReport, verify_home

log = logging.getLogger("strongroom.store")

EPOCH = 1  # the epoch whose key wraps new data keys


_TOGETHER = 128  # documents of one transaction: that many files are open at once


class _Arriving(NamedTuple):
    """A document on its way into the catalog."""

    stream: Unsealed  # names the item that it will be, unless its bytes are here already
    sealed: Incoming
    origin: Origin


class _Blob(NamedTuple):
    """An original as the catalog names it."""

    name: str
    wrapped_key: bytes
    epoch: int


class Stored(Record, frozen=True, kw_only=True):
    """What became of a document that was put in."""

    item: str
    created: bool  # False: these bytes were here already
    origin_added: bool  # False: from this place too
    above: bool = False  # it is the given parent, or what that is in: not made a part of itself


class Vault:
    """An open home. Thread-safe; one process at a time."""

    catalog: Catalog
    ledger: Ledger
    audit: Audit
    snapshots: Snapshots
    reports: ReportKey
    home: Path

    def __init__(self, home: Path, keys: Keys, lock: int, limits: Limits) -> None:
        """Not for callers: use `Vault.open`."""
        self.home = home
        self._keys = keys
        self._lock = lock
        self._limits = limits
        self._database = Database(home / "catalog.db", keys.catalog)
        self._blobs = Blobs(home, keys.identity)
        # Placing and removing of files take turns, so that bytes which come back while their blob is being
        # deleted are not deleted with it.
        self._placing = threading.Lock()
        self.catalog = Catalog(self._database)
        self.ledger = Ledger(self._database)
        self.audit = Audit(self._database, home / "audit.head", keys.audit)
        self.snapshots = Snapshots(self._database, home / "snapshots", keys.snapshots)
        self.reports = ReportKey(keys.report)

    @staticmethod
    def create(
        home: Path,
        passphrase: Private[bytes],
        *,
        kdf: KdfParameters = KdfParameters(),  # noqa: B008
    ) -> None:
        """Make a new home. It exists from the moment its keys file has its name; killed before, start again.

        Raises:
            HomeExists: there is one, or a catalog without its keys, which is not ours to overwrite.
        """
        with disk_errors():
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = take(home)
        try:
            with disk_errors():
                make_home(home, passphrase, kdf, packaged_steps())
        finally:
            os.close(lock)

    @staticmethod
    def open(home: Path, passphrase: Private[bytes], *, limits: Limits) -> Vault:
        """Open a home, bring it up to date, and finish what a kill interrupted.

        Raises:
            NoHome, HomeInUse, NewerHome
            WrongPassphrase: exit code 77.
            KeysDamaged, CatalogDamaged
        """
        with disk_errors():
            if not (home / "keys").exists():
                raise NoHome("there is no Strongroom home", item=str(home), remedy="run: strongroom init")
            lock = take(home)
        try:
            keys = keyfile.open_keys(home / "keys", passphrase)
            if not (home / "catalog.db").exists():
                raise StoreError("the catalog is missing", item=str(home), remedy="restore it from a backup")
            problem = Head(home / "audit.head", keys.audit).reopen(home / "catalog.db")
            migrate(home / "catalog.db", keys.catalog, packaged_steps())
            vault = Vault(home, keys, lock, limits)
        except BaseException:
            os.close(lock)
            raise
        try:
            vault._recover(problem)
        except BaseException:
            vault.close()
            raise
        return vault

    def close(self) -> None:
        """Close the catalog and let others open the home."""
        self._database.close()
        self.audit.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def put(
        self, content: BinaryIO, origin: Origin, *, parent: str | None = None, new_version: bool = False
    ) -> Stored:
        """Store one document. When this returns it survives a power cut, was read back and compared.

        Args:
            content: read once, to its end; never held in memory as a whole.
            origin: where it comes from. A place holds one item: whatever it held before, it does no longer.
            parent: the item that this is an attachment or member of.
            new_version: the document at this place changed: the new bytes join the family of the old.

        Raises:
            StoreFull: nothing is left of it; try again later.
            ItemTooLarge, NoSuchItem (the parent), BlobDamaged (these bytes were here and are damaged)
        """
        return self._put([(content, origin)], parent, new_version=new_version)[0]

    def put_many(
        self, documents: Sequence[tuple[bytes, Origin]], *, parent: str | None = None
    ) -> list[Stored]:
        """Store small documents together: each as durable as by `put` when this returns.

        Args:
            documents: bytes and where they come from; the same bytes twice are one item.
            parent: the item that all of them are attachments or members of.

        Returns:
            what became of each, in the same order.

        Raises:
            StoreFull, ItemTooLarge, NoSuchItem, BlobDamaged: some may be stored; giving them all again is
                right.
        """
        stored = list[Stored]()
        for start in range(0, len(documents), _TOGETHER):
            some = documents[start : start + _TOGETHER]
            stored += self._put([(io.BytesIO(content), origin) for content, origin in some], parent)
        return stored

    def contents(self, items: Sequence[str]) -> dict[str, bytes]:
        """The bytes of small items. Those that cannot be given are left out: `original` says why."""
        found = dict[str, bytes]()
        for item, blob in self._blobs_of(items).items():
            sink = io.BytesIO()
            with contextlib.suppress(BlobDamaged):
                self._blobs.copy_out(blob.name, item, self._data_key(item, blob), sink)
                found[item] = sink.getvalue()
        return found

    def were_deleted(self, documents: Sequence[tuple[bytes, Origin]]) -> list[bool]:
        """Which of these the owner deleted here and must not be taken in again, in the same order.

        A message is known by its bytes too: its new place is remembered then, as if it had been there.
        """
        with self._database.read() as connection:
            if not any_deleted(connection):
                return [False] * len(documents)
            at_place = [was_deleted(connection, origin) for _, origin in documents]
            moved = [
                not known and bytes_were_deleted(connection, origin, self._blobs.name_of(content))
                for known, (content, origin) in zip(at_place, documents, strict=True)
            ]
        if any(moved):
            with self._database.write() as connection:
                for is_moved, (_, origin) in zip(moved, documents, strict=True):
                    if is_moved:
                        remember_place(connection, origin)
        return [known or is_moved for known, is_moved in zip(at_place, moved, strict=True)]

    def original(self, item: str) -> int:
        """The bytes of an item as a file descriptor at offset 0: sealed, in memory. The caller closes it.

        Raises:
            NoSuchItem, BlobDamaged
        """
        blob = self._blob_of(item)
        data_key = self._data_key(item, blob)
        descriptor = os.memfd_create("original", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with open(descriptor, "wb", closefd=False) as sink:
                self._blobs.copy_out(blob.name, item, data_key, sink)
            seal(descriptor)
            os.lseek(descriptor, 0, os.SEEK_SET)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def delete(self, item: str) -> Receipt:
        """`delete_together` of one."""
        (receipt,) = self.delete_together([item])
        return receipt

    def delete_together(self, items: Sequence[str]) -> list[Receipt]:
        """Delete items, all their versions and their children, and prove it: all of them or none.

        Returns:
            a receipt for each; those of one family have the same.

        Raises:
            NoSuchItem, AttachedItem
            DeletionIncomplete: the keys are destroyed, but a trace was still found; the next open tries
                again.
        """
        if not items:
            return []
        with self._placing:
            with self._database.write(moves=True, audited=True) as connection:
                unreadable = erase(connection, items)
            self.snapshots.remove_files(unreadable)
            residue = self._finish_deletion(items[0])
            with self._database.read() as connection:
                receipts = [read_receipt(connection, item) for item in items]
        return [msgspec.structs.replace(receipt, residue=residue) for receipt in receipts if receipt]

    def receipt(self, item: str) -> Receipt | None:
        """The receipt of an earlier deletion, its proof made anew; None if the item was never deleted."""
        with self._database.read() as connection:
            receipt = read_receipt(connection, item)
            if receipt is None:
                return None
            residue = prove(connection, self._blobs, item)
        return msgspec.structs.replace(receipt, residue=residue)

    def verify(self) -> VerifyReport:
        """Decrypt every original and compare it with its name; check catalog, ledger and audit log."""
        return verify_home(self._database, self._blobs, self.audit, self._keys)

    def change_passphrase(
        self,
        old: Private[bytes],
        new: Private[bytes],
        *,
        kdf: KdfParameters = KdfParameters(),  # noqa: B008
    ) -> None:
        """Wrap the master key under another passphrase. No data is rewritten.

        The audit log tells of it before and after, so that killed anywhere no change goes unrecorded.

        Raises:
            WrongPassphrase: `old` is.
        """
        keyfile.open_keys(self.home / "keys", old)
        self.audit.record("passphrase change begun")
        keyfile.change_passphrase(self.home / "keys", old, new, kdf)
        self.audit.record("passphrase changed")

    def _put(
        self,
        documents: Sequence[tuple[BinaryIO, Origin]],
        parent: str | None,
        *,
        new_version: bool = False,
    ) -> list[Stored]:
        self._require_room()
        streams = [Unsealed(content, secrets.token_hex(8), new_data_key()) for content, _ in documents]
        incoming = self._blobs.receive(streams, self._limits.item_bytes)
        arrivals = [
            _Arriving(stream, sealed, origin)
            for stream, sealed, (_, origin) in zip(streams, incoming, documents, strict=True)
        ]
        try:
            with self._placing:
                return self._settle(arrivals, parent, new_version=new_version)
        finally:
            for sealed in incoming:
                sealed.discard()

    def _settle(
        self, arrivals: Sequence[_Arriving], parent: str | None, *, new_version: bool
    ) -> list[Stored]:
        """Place the blobs, then commit: the other way round a kill would leave an item without its bytes."""
        self._database.settle()  # a commit that comes back must not meet these bytes under another key
        with self._database.read() as connection:
            known = {
                each.sealed.blob: found
                for each in arrivals
                if (found := find_blob(connection, each.sealed.blob)) is not None
            }
        for _, item in known.values():
            # The caller is about to throw its copy away on our word, so ours must be good.
            self._prove_readable(item)
        # Of the same bytes twice the first copy is kept, sealed under the key that is entered with it.
        unknown = {
            each.sealed.blob: each.sealed for each in reversed(arrivals) if each.sealed.blob not in known
        }
        try:
            self._blobs.place(list(unknown.values()))
            with self._database.write(moves=bool(unknown), audited=bool(unknown)) as connection:
                above = frozenset[str]()
                if parent is not None:
                    sequence_of(connection, parent)
                    above = holders(connection, parent)
                return [
                    self._enter(connection, each, known, parent, above, new_version=new_version)
                    for each in arrivals
                ]
        except BaseException:
            self._take_back(unknown)
            raise

    def _enter(
        self,
        connection: Connection,
        arriving: _Arriving,
        known: dict[str, tuple[int, str]],
        parent: str | None,
        above: Collection[str],
        *,
        new_version: bool,
    ) -> Stored:
        """One document's part of the transaction; its bytes are known from here on."""
        blob, origin, stream = arriving.sealed.blob, arriving.origin, arriving.stream
        created = blob not in known
        if created:
            new = NewItem(
                id=stream.item,
                blob=blob,
                data_key=wrap_key(self._keys.epoch(EPOCH).reveal(), stream.data_key, stream.item),
                epoch=EPOCH,
                size=arriving.sealed.size,
            )
            known[blob] = insert_item(connection, new, origin, parent), new.id
            append(connection, "stored", item=new.id)
        seq, item = known[blob]
        if item in above:
            return Stored(item=item, created=False, origin_added=False, above=True)
        added = hold_place(connection, seq, origin, parent, new_version=new_version)
        return Stored(item=item, created=created, origin_added=added)

    def _prove_readable(self, item: str) -> None:
        blob = self._blob_of(item)
        self._blobs.copy_out(blob.name, item, self._data_key(item, blob))

    def _take_back(self, blobs: Collection[str]) -> None:
        """Remove the blobs whose commit failed. Where that cannot be told, they stay for the next open."""
        with contextlib.suppress(StoreError):
            self._database.settle()
            with self._database.read() as connection:
                uncommitted = [blob for blob in blobs if find_blob(connection, blob) is None]
            self._blobs.remove(uncommitted)

    def _finish_deletion(self, item: str) -> dict[str, int]:
        """Remove the files of one deletion and prove it, for all that went with an item."""
        with self._database.read() as connection:
            doomed = doomed_blobs(connection, item)
        self._blobs.remove(doomed)
        with disk_errors():
            copy_path(self._database.path).unlink(missing_ok=True)
            sync_folder(self.home)
        log_cut = self._database.truncate_log()  # it holds pages from before the deletion
        with self._database.read() as connection:
            residue = prove(connection, self._blobs, item) | {"log": int(not log_cut)}
        if any(residue.values()):
            found = ", ".join(name for name, count in residue.items() if count)
            raise DeletionIncomplete(
                f"traces were still found ({found})", item=item, remedy="restart the service"
            )
        with self._database.write() as connection:
            forget_doomed(connection, item)
        return residue

    def _recover(self, problem: str | None) -> None:
        """Finish what a kill interrupted. Running it twice changes nothing more."""
        with disk_errors():
            for name in ("keys.new", "audit.head.new"):
                (self.home / name).unlink(missing_ok=True)
            swept = self._blobs.sweep_incoming() + self.snapshots.sweep()
        self.audit.check_at_open(problem)
        with self._database.read() as connection:
            unfinished = unfinished_deletions(connection)
            known = {row[0] for row in connection.execute("SELECT blob FROM items").fetchall()}
        for item in unfinished:
            self._finish_deletion(item)
        # A blob that the catalog does not know was never acknowledged, unless the catalog was put back to an
        # older state: then it is all that is left of a document, and stays.
        if not self.audit.alarms():
            strangers = self._blobs.names() - known
            self._blobs.remove(strangers)
            swept += len(strangers)
        if swept or unfinished:
            log.info("after an interruption: %d files swept, %d deletions finished", swept, len(unfinished))

    def _blob_of(self, item: str) -> _Blob:
        found = self._blobs_of([item])
        if not found:
            raise NoSuchItem("no such item", item=item, remedy="it may have been deleted")
        return found[item]

    def _blobs_of(self, items: Sequence[str]) -> dict[str, _Blob]:
        """Of those items that exist."""
        found = dict[str, _Blob]()
        with self._database.read() as connection:
            for some in batches(items):
                for item, *blob in connection.execute(
                    f"SELECT id, blob, data_key, epoch FROM items WHERE id IN ({marks(some)})", some
                ).fetchall():
                    found[item] = _Blob(*blob)
        return found

    def _data_key(self, item: str, blob: _Blob) -> bytes:
        return unwrap_key(self._keys.epoch(blob.epoch).reveal(), blob.wrapped_key, item)

    def _require_room(self) -> None:
        disk = os.statvfs(self.home)
        if disk.f_bavail * disk.f_frsize < self._limits.free_disk_bytes:
            raise store_full()
