"""Private folders in memory: only this process and its children can see them, and they vanish with them.
What goes in there never touches a disk.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import shutil
from pathlib import Path

log = logging.getLogger("strongroom.policy")

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_MS_NOSUID_NODEV_NOEXEC = 0x2 | 0x4 | 0x8
_MS_REC_PRIVATE = 0x4000 | 0x40000
_FILES = 10_000

_libc = ctypes.CDLL(None, use_errno=True)


def private_folder(mount_point: Path) -> Path:
    """A tmpfs on `mount_point` in a mount namespace of this process; call while there is one thread only.

    Where the kernel grants no namespace, a 0700 folder in /dev/shm serves: in memory as well, but visible
    to this user's other processes, so it is emptied here at every start and by `sweep` at the end.
    """
    mount_point.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        cover(mount_point)
    except OSError as error:
        log.warning("no private mount namespace (%s): %s goes to /dev/shm", error.strerror, mount_point.name)
        return _shared_memory_folder(mount_point)
    return mount_point


def cover(folder: Path, size: int | None = None) -> None:
    """Put a tmpfs on a folder, in a mount namespace of this process; call while there is one thread only.

    Args:
        size: how many bytes it may hold, in no more than so many files as an office suite needs.

    Raises:
        OSError: the kernel grants none.
    """
    options = "mode=0700" if size is None else f"mode=0700,size={size},nr_inodes={_FILES}"
    _enter_namespace()
    _mount(b"none", b"/", None, _MS_REC_PRIVATE)
    _mount(b"strongroom", os.fsencode(folder), b"tmpfs", _MS_NOSUID_NODEV_NOEXEC, options.encode())


def sweep(mount_point: Path) -> None:
    """Remove what the fallback left in /dev/shm."""
    shutil.rmtree(_fallback(mount_point), ignore_errors=True)


def _enter_namespace() -> None:
    """As root a mount namespace is enough; others need a user namespace around it, mapped to themselves."""
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWNS) == 0:
        return
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int, data: bytes | None = None) -> None:
    if _libc.mount(source, target, kind, ctypes.c_ulong(flags), data) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _fallback(mount_point: Path) -> Path:
    name = hashlib.sha256(os.fsencode(mount_point)).hexdigest()[:16]
    return Path(f"/dev/shm/strongroom-{os.geteuid()}-{name}")


def _shared_memory_folder(mount_point: Path) -> Path:
    folder = _fallback(mount_point)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder
