"""Keeps secrets out of swap and core dumps: locks the pages of memory that hold them (mlock, MADV_DONTDUMP).

What a library copies for itself it does not see: OpenSSL's key schedules are a few hundred bytes that come
and go, and SQLCipher's copy is locked by SQLCipher (`store/database.py`).
"""

from __future__ import annotations

import ctypes
import mmap
import sys
import threading
from collections import Counter

_PAGE = mmap.PAGESIZE

_libc = ctypes.CDLL(None)
for _call in (_libc.mlock, _libc.munlock):
    _call.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

_guard = threading.RLock()  # a value may be let go of anywhere, in here too
_holders: Counter[int] = Counter()  # how many secrets lie on a page; small ones share it


def lock(value: bytes | str) -> bool:
    """Lock the pages that this object lies on, until `unlock` was called as often.

    Returns:
        False where the kernel refuses: more than RLIMIT_MEMLOCK allows. Then `unlock` must not be called.
    """
    pages = _pages(value)
    with _guard:
        # Locks do not add up, so a page that another secret lies on is locked once more at no cost.
        if _libc.mlock(pages.start, len(pages) * _PAGE) != 0:
            return False
        _libc.madvise(pages.start, len(pages) * _PAGE, mmap.MADV_DONTDUMP)
        _holders.update(pages)
    return True


def unlock(value: bytes | str) -> None:
    """Unlock those on which no other secret lies."""
    with _guard:
        for page in _pages(value):
            _holders[page] -= 1
            if not _holders[page]:
                del _holders[page]
                _libc.munlock(page, _PAGE)
                _libc.madvise(page, _PAGE, mmap.MADV_DODUMP)


def _pages(value: bytes | str) -> range:
    """Their addresses. An object of CPython's lies in one piece, at its id."""
    return range(id(value) // _PAGE * _PAGE, id(value) + sys.getsizeof(value), _PAGE)
