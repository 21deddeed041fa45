"""What can go wrong in the store room.

StoreError
├── NoHome, HomeExists, HomeInUse, NewerHome     the home as a whole
├── WrongPassphrase (exit 77), KeysDamaged       the way to the keys
├── StoreFull (retryable)                        no space: nothing half-written is left
├── StoreBusy (retryable)                        another writer held the catalog for too long
├── DiskFault                                    the disk refused for another reason
├── CatalogDamaged, BlobDamaged                  what was read is not what was written
├── ReportForged                                 nobody signed this report
├── NoSuchSearch, NoSuchQuestion                 no kept search has this name, no question this number
├── NoSuchItem, ItemTooLarge, IllegalStep, AttachedItem   the caller's side
│   └── NoSuchThread, NoSuchPerson               kinds of NoSuchItem
└── DeletionIncomplete (retryable)               the proof query still found something
"""

from __future__ import annotations

from policy.errors import EXIT_NO_PERMISSION, EXIT_UNAVAILABLE, StrongroomError


class StoreError(StrongroomError):
    """Base of everything that the store raises."""


class NoHome(StoreError):
    """There is no home at this path, or it was never finished."""


class HomeExists(StoreError):
    """There is already a home, or something that must not be overwritten, at this path."""


class HomeInUse(StoreError):
    """Another process holds this home open."""

    exit_code = EXIT_UNAVAILABLE


class NewerHome(StoreError):
    """The home was written by a newer version of Strongroom."""


class WrongPassphrase(StoreError):
    """The passphrase does not open the keys file."""

    exit_code = EXIT_NO_PERMISSION


class KeysDamaged(StoreError):
    """The keys file is not what was written."""


class StoreFull(StoreError):
    """The disk is full. Nothing of the refused write is left; the same call may be made again later."""

    retryable = True


class StoreBusy(StoreError):
    """The catalog stayed locked by another writer."""

    retryable = True


class DiskFault(StoreError):
    """The disk refused to read or write for a reason other than space."""


class CatalogDamaged(StoreError):
    """The catalog does not decrypt, or contradicts itself."""


class BlobDamaged(StoreError):
    """A stored original is missing, or is not the bytes that were stored."""


class NoSuchItem(StoreError):
    """No item has this id; perhaps it was deleted."""


class NoSuchThread(NoSuchItem):
    """There is no conversation of this id."""


class NoSuchPerson(NoSuchItem):
    """There is no such person, or it has no such address."""


class NoSuchSearch(StoreError):
    """There is no kept search of this name."""


class NoSuchQuestion(StoreError):
    """No question of this number is remembered."""


class ItemTooLarge(StoreError):
    """The document is larger than `Limits.item_bytes`."""


class IllegalStep(StoreError):
    """The ledger's table has no such transition."""


class Unproven(StoreError):
    """A finding whose words are not in the text of its item."""


class AttachedItem(StoreError):
    """It is part of another item, whose original would still hold it."""


class DeletionIncomplete(StoreError):
    """Traces were still found after a deletion. The next open of the home tries again."""

    retryable = True


class ReportForged(StoreError):
    """The signature does not fit what it stands under."""
