"""A converter that has been taken over, as a program: what it does stands in the document.

For a .doc it has not confined itself, so that its box and the watch alone hold it; for a .wpd it has.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from ingest.converter.messages import FRAME_BYTES, Done, Ready, Task
from policy import children, privileges, scratch, seccomp
from policy.confine import confine
from policy.egress import hand_over
from policy.limits import Limits
from policy.wire import Wire


def main() -> None:
    given = children.inherited()
    limits = msgspec.json.decode(given.arguments[0], type=Limits)
    folder = Path(given.arguments[1])
    core, guard = given.wires
    hand_over(guard)
    scratch.cover(folder, limits.convert_files)
    layers = confine("converter", limits, watched=True, writes=[str(folder)]) if _confined(given) else ()
    (folder / "profile").mkdir()
    (folder / "profile" / "left").write_bytes(b"words")
    wire = Wire(core, FRAME_BYTES)
    wire.send(Ready(layers=layers))
    _, (document, result) = wire.receive(Task)
    order, *rest = os.pread(document, 1000, 0).decode().split()
    if order in _TELLING:
        os.write(result, json.dumps(_TELLING[order](folder, *rest)).encode())
        wire.send(Done(outcome="made"))
    elif order in _FAILING:
        _FAILING[order](wire, *rest)
    else:
        _end(wire, guard, order, document, result)


def _confined(given: children.Inherited) -> bool:
    return given.arguments[2] == "wpd"


def _end(wire: Wire, guard: socket.socket, order: str, document: int, result: int) -> None:
    match order:
        case "strangers":
            os.write(result, b"made")
            wire.send(Done(outcome="made"), (document, result, document))
        case "mapped":
            os.write(result, b"made")
            held = mmap.mmap(result, 4)
            wire.send(Done(outcome="made"))
            time.sleep(60)
            held.close()
        case "nag":  # the guard hears one word only
            guard.setblocking(False)
            try:
                while True:
                    socket.send_fds(guard, [b"w" * 1000], [document])
            except OSError:
                os.write(result, b"made")
                wire.send(Done(outcome="made"))
        case "deaf":  # the guard cannot know by this that it has ended
            guard.close()
            os.write(result, b"made")
            wire.send(Done(outcome="made"))
            time.sleep(60)


def _trickle(wire: Wire) -> None:
    wire.sock.sendall(struct.pack(">I", FRAME_BYTES))
    while True:
        wire.sock.sendall(b"\0")
        time.sleep(0.05)


def _flood(wire: Wire) -> None:
    while True:
        wire.sock.sendall(struct.pack(">I", 0xFFFFFFFF) + bytes(1 << 20))


def _lie(wire: Wire) -> None:
    wire.send(["something", "else"])
    time.sleep(60)


_FAILING: dict[str, Callable[..., None]] = {
    "hang": lambda _: time.sleep(60),
    "trickle": _trickle,
    "flood": _flood,
    "abort": lambda _: os.abort(),
    "killed": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "leave": lambda _, code: os._exit(int(code)),
    "lie": _lie,
    "failed": lambda wire: wire.send(Done(outcome="failed")),
    "unusable": lambda wire: wire.send(Done(outcome="unusable")),
    "nothing": lambda wire: wire.send(Done(outcome="made")),
    "again": lambda wire: wire.send(Ready()),
}


def _look(folder: Path, *paths: str) -> dict[str, object]:
    """All that can be seen, and what became of each path."""
    seen: list[str] = []
    for place, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if place != "/" or name != "proc"]
        if os.stat(place).st_dev != os.stat("/").st_dev:  # it was bound there
            seen.append(place)
            folders.clear()
        else:
            seen += [os.path.join(place, name) for name in files]
    return {
        "seen": seen,
        "processes": [int(name) for name in os.listdir("/proc") if name.isdigit()],
        "stat": [_outcome(lambda path=path: os.stat(path)) for path in paths],
        "environment": dict(os.environ),
        "host": os.uname().nodename,
        "descriptors": len(os.listdir("/proc/self/fd")) - 1,  # the listing's own
    }


def _try(folder: Path, *paths: str) -> dict[str, object]:
    """What a confined one attempts, by what became of it."""
    attempts: dict[str, Callable[[], object]] = {
        "fork": os.fork,
        "execute": lambda: os.execv("/usr/lib/x", ["x"]),
        "kill": lambda: os.kill(1, 9),
        "kill all": lambda: os.kill(-1, 9),
        "others": lambda: os.listdir("/proc/1"),
        "unshare": lambda: seccomp.unshare(0x10000000),
        "mount": lambda: seccomp.syscall("mount", 0, 0, 0, 0, 0),
        "root": lambda: os.open("/", os.O_RDONLY),
        "shared memory": lambda: os.open("/dev/shm/x", os.O_CREAT | os.O_WRONLY),
        "write code": lambda: os.open(__file__, os.O_WRONLY),
        "unix socket": lambda: socket.socket(socket.AF_UNIX),
    }
    attempts |= {path: lambda path=path: os.open(path, os.O_RDONLY) for path in paths}
    told: dict[str, object] = {name: _outcome(what) for name, what in attempts.items()}
    return told | {"network": not privileges.has_no_network()}


def _reach_out(folder: Path, times: str) -> str:
    """Internet sockets, so many times, under names of others."""
    outcomes = set()
    for number in range(int(times)):
        name = ctypes.create_string_buffer(b"strong-core" if number % 2 else b"n%d" % number)
        with contextlib.suppress(PermissionError):  # confined, it cannot even do that
            seccomp.prctl(15, ctypes.addressof(name))
        outcomes.add(_outcome(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)))
    return " ".join(sorted(outcomes))


def _fill(folder: Path) -> dict[str, object]:
    """Its folder with bytes, then with files."""
    written, files = 0, 0
    outcome = ""
    while outcome in ("", "EFBIG"):
        try:
            with open(folder / f"f{files}", "wb", buffering=0) as stream:
                files += 1
                while True:
                    written += stream.write(bytes(1 << 20))
        except OSError as error:
            outcome = errno.errorcode[error.errno or 0]
    for number in range(files):
        (folder / f"f{number}").unlink()
    count, of_files = 0, ""
    while not of_files and count < 100_000:
        try:
            (folder / f"g{count}").touch()
            count += 1
        except OSError as error:
            of_files = errno.errorcode[error.errno or 0]
    return {"bytes": written, "outcome": outcome, "files": count, "of files": of_files}


def _outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


_TELLING: dict[str, Callable[..., object]] = {
    "look": _look,
    "try": _try,
    "reach": _reach_out,
    "fill": _fill,
}


if __name__ == "__main__":
    main()
