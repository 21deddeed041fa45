"""A parser program whose reader does what the document's first word says: mostly harm.

It stands for a library that a hostile document has taken over, so it knows its own process well.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from ingest.sandbox import worker
from ingest.sandbox.messages import Draw, Drawn, Job, ReadChild, ReadElement, Reply
from policy import seccomp
from policy.limits import Limits
from tests.support import evil_attempts as evil


def _told(text: str) -> Reply:
    return Reply(media_type="text/plain", elements=[ReadElement(kind="paragraph", text=text)])


def _wire() -> int:
    """The descriptor of the wire to the core: a connected Unix stream socket."""
    for descriptor in range(3, 64):
        try:
            with socket.socket(fileno=os.dup(descriptor)) as found:
                if found.family == socket.AF_UNIX:
                    return descriptor
        except OSError:
            continue
    raise AssertionError("no wire")


def _each(attempts: dict[str, Callable[[], object]]) -> Reply:
    """Try everything; answer with the names of what was let through."""
    through = []
    for name, attempt in attempts.items():
        try:
            attempt()
            through.append(name)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
                through.append(f"{name}: {errno.errorcode[error.errno or 0]}")
    return _told(f"through: {', '.join(through)}")


def sockets(_: str) -> Reply:
    families = [f for f in range(1, 46) if f != socket.AF_UNIX]
    attempts: dict[str, Callable[[], object]] = {
        f"{family}/{kind}": lambda family=family, kind=kind: socket.socket(family, kind)  # type: ignore[misc]
        for family in families
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW)
    }
    return _each(attempts)


def escape(_: str) -> Reply:
    wire = _wire()
    parent = os.getppid()
    return _each(
        {
            "connect": lambda: seccomp.syscall("connect", wire, b"\1\0/run/dbus/system_bus_socket\0", 30),
            "datagrams": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
            "exec": lambda: os.execv("/bin/sh", ["sh"]),
            "fork": os.fork,
            "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
            "write a file": lambda: open("/tmp/strongroom-evil", "w"),
            "write to a process": lambda: open(f"/proc/{parent}/mem", "r+b"),
            "read a process": lambda: open(f"/proc/{parent}/mem", "rb").read(1),
            "kill the parent": lambda: os.kill(parent, signal.SIGKILL),
            "kill everybody": lambda: os.kill(-1, signal.SIGKILL),
            "stop the parent": lambda: resource.prlimit(parent, resource.RLIMIT_CPU, (1, 1)),
            "hidden memory": lambda: os.memfd_create("hidden"),
        }
    )


def more_time(_: str) -> Reply:
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError:
        return _told("refused")
    return _told("granted")


def flood(_: str) -> Reply:
    while True:
        os.write(_wire(), b"\xff" * 65536)


def drip(_: str) -> Reply:
    """An honest length, then a byte now and then: each in time, the whole never."""
    os.write(_wire(), struct.pack(">I", 1000))
    while True:
        time.sleep(0.05)
        os.write(_wire(), b"\0")


def long_frame(_: str) -> Reply:
    os.write(_wire(), struct.pack(">I", 0xFFFFFFF0))
    time.sleep(60)
    raise AssertionError


def short_frame(_: str) -> Reply:
    os.write(_wire(), struct.pack(">I", 1000) + b"short")
    os.close(_wire())
    time.sleep(60)
    raise AssertionError


def wrong_schema(_: str) -> Reply:
    body = b"\x91\x93\1\2\3"
    os.write(_wire(), struct.pack(">I", len(body)) + body)
    time.sleep(60)
    raise AssertionError


def too_many(_: str) -> Reply:
    body = b"\x92\x80\x80"
    os.write(_wire(), struct.pack(">I", len(body)) + body)
    time.sleep(60)
    raise AssertionError


def not_msgpack(_: str) -> Reply:
    os.write(_wire(), struct.pack(">I", 4) + b"\xc1\xc1\xc1\xc1")
    time.sleep(60)
    raise AssertionError


def send_descriptors(_: str) -> Reply:
    with socket.socket(fileno=os.dup(_wire())) as wire:
        body = b"\x91\x80"  # an empty map is a valid reply
        socket.send_fds(wire, [struct.pack(">I", len(body)) + body], [0, 1])
    time.sleep(60)
    raise AssertionError


def answer_twice(_: str) -> Reply:
    os.write(_wire(), 2 * (struct.pack(">I", 2) + b"\x91\x80"))  # in one piece, so both are there at once
    time.sleep(60)
    raise AssertionError


def sleep(_: str) -> Reply:
    time.sleep(60)
    raise AssertionError


def sleep_behind_the_answer(_: str) -> Reply:
    os.write(_wire(), struct.pack(">I", 2) + b"\x91\x80")
    time.sleep(60)
    raise AssertionError


def burn(_: str) -> Reply:
    for ignored in (signal.SIGXCPU, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    while True:
        pass


def eat(_: str) -> Reply:
    hoard = []
    while True:
        hoard.append(bytearray(16 << 20))


def haunt(_: str) -> Reply:
    """From now on every document that this worker reads is read falsely."""

    def lie(*_: object) -> Reply:
        return _told("a lie")

    for thing in gc.get_objects():
        if isinstance(thing, worker.Program):
            object.__setattr__(thing, "read", lie)
    return _told("this worker lies from now on")


def segfault(_: str) -> Reply:
    ctypes.string_at(0)
    raise AssertionError


def abort(_: str) -> Reply:
    os.abort()


def leave(code: str) -> Reply:
    os._exit(int(code or 0))


def raise_it(_: str) -> Reply:
    raise KeyError("a secret of the document")


def surrogates(_: str) -> Reply:
    return _told("\ud800")


def bad_child(_: str) -> Reply:
    return Reply(children=[ReadChild(name="a", offset=0, length=1 << 40)])


def bad_scans(_: str) -> Reply:
    return Reply(pages=2, scans=[3])


def many_descriptors(_: str) -> Reply:
    opened = []
    try:
        while True:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        for descriptor in opened:
            os.close(descriptor)
        return _told(f"{errno.errorcode[error.errno or 0]} after {len(opened)}")


def say(rest: str) -> Reply:
    """Bytes of its own choice on the wire; then it waits, or with "gone" in front is gone."""
    gone, _, said = rest.rpartition(" ")
    left = memoryview(bytes.fromhex(said))
    while left:
        left = left[os.write(_wire(), left) :]
    if gone:
        os._exit(0)
    time.sleep(60)
    raise AssertionError


def hand_over(rest: str) -> Reply:
    """Some descriptors of a kind, with as much of an honest answer as it says."""
    count, kind, part = rest.split()
    body = b"\x91\x80"
    frame = struct.pack(">I", len(body)) + body
    said = {"whole": frame, "half": frame[:2], "progress": b"\0\0\0\x15\x82\xa4type\xa8Progress\xa4done\x01"}
    kinds = {
        "null": lambda: os.open(os.devnull, os.O_RDONLY),
        "folder": lambda: os.open("/usr/lib", os.O_PATH),
        "root": lambda: os.open("/", os.O_PATH),
        "pipe": lambda: os.pipe()[0],
        "pair": lambda: socket.socketpair()[0].detach(),
        "wire": _wire,
        "epoll": lambda: os.eventfd(0),
    }
    given = [kinds[kind]() for _ in range(int(count))]
    with socket.socket(fileno=os.dup(_wire())) as wire:
        socket.send_fds(wire, [said[part]], given)
    time.sleep(0 if part == "half" else 60)
    os._exit(0)


def die(way: str) -> Reply:
    """By a signal that it gives itself, as abort() does; some only stop it."""
    number = getattr(signal, way)
    signal.signal(number, signal.SIG_DFL) if number not in (signal.SIGKILL, signal.SIGSTOP) else None
    seccomp.syscall("tgkill", os.getpid(), os.getpid(), number)
    time.sleep(60)
    raise AssertionError


def i386(number: str) -> Reply:
    """A call of the ABI of 32 bits, by its own instruction."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\x53\xb8" + struct.pack("<I", int(number)) + b"\x31\xdb\x31\xc9\x31\xd2\xcd\x80\x5b\xc3")
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    return _told(errno.errorcode.get(-call(), "done"))


def stderr(_: str) -> Reply:
    print("a secret of the document", file=sys.stderr, flush=True)
    return _told(os.readlink("/proc/self/fd/2"))


def pid(_: str) -> Reply:
    gc.collect()
    return _told(str(os.getpid()))


DEEDS: dict[str, Callable[[str], Reply]] = {
    deed.__name__: deed
    for deed in (
        *(sockets, escape, more_time, flood, drip, long_frame, short_frame, wrong_schema, not_msgpack),
        *(send_descriptors, answer_twice, sleep, sleep_behind_the_answer, burn, eat, haunt, segfault, abort),
        *(
            say,
            hand_over,
            die,
            i386,
            too_many,
            leave,
            bad_child,
            bad_scans,
            raise_it,
            surrogates,
            many_descriptors,
            stderr,
            pid,
        ),
    )
}


def read(document: BinaryIO, job: Job, children: BinaryIO, limits: Limits, tell: worker.Tell | None) -> Reply:
    """Do what the document says; a word that is no deed is read as text."""
    text = document.read().decode()
    word, _, rest = text.partition(" ")
    if word == "try":
        kind, _, world = rest.partition(" ")
        return _told(evil.tried(evil.KINDS[kind](msgspec.json.decode(world, type=evil.World))))
    if word == "tamper":
        return _told(evil.tried(evil.tampering(document.fileno(), children.fileno())))
    if word == "pages":
        return pages(rest, job)
    if word == "locked":
        return locked(rest, job, children)
    if word == "progress":
        return progress(rest, tell)
    if word == "child":
        children.write(rest.encode())
        name = "child.txt"
        return Reply(
            media_type="application/zip", children=[ReadChild(name=name, offset=0, length=len(rest.encode()))]
        )
    if word == "keep":
        return keep(children)
    if word == "fill":
        children.write(bytes(int(rest)))
        return _told("filled")
    return DEEDS[word](rest) if word in DEEDS else _told(text)


def keep(children: BinaryIO) -> Reply:
    """Answer with a child, and go on changing it."""
    children.write(b"a" * 4096)
    children.flush()
    kept = mmap.mmap(children.fileno(), 4096)
    body = msgspec.msgpack.encode([Reply(children=[ReadChild(name="a", offset=0, length=4096)])])
    os.write(_wire(), struct.pack(">I", len(body)) + body)
    while True:
        kept[0] = (kept[0] + 1) % 256


def pages(rest: str, job: Job) -> Reply:
    """A scan: "pages SECONDS WORD …" has a page for each word, and reading a page takes so long."""
    seconds, *words = rest.split()
    if job.pages is None:
        return Reply(media_type="application/pdf", pages=len(words), scans=list(range(1, len(words) + 1)))
    time.sleep(float(seconds))
    word = words[job.pages[0] - 1]
    return DEEDS[word](rest) if word in DEEDS else _told(word)


def locked(rest: str, job: Job, children: BinaryIO) -> Reply:
    """ "locked PASSWORD TEXT": what is inside, a document of its own, for who has the password."""
    password, _, inner = rest.partition(" ")
    if job.password != password:
        detail = "the password does not open it" if job.password else "it is protected by a password"
        return Reply(media_type="application/zip", title="Plans", reason="NEEDS_PASSWORD", detail=detail)
    children.write(inner.encode())
    child = ReadChild(name="inner.txt", offset=0, length=len(inner.encode()))
    return Reply(
        media_type="application/zip",
        elements=[ReadElement(kind="paragraph", text="unlocked")],
        children=[child],
    )


def progress(rest: str, tell: worker.Tell | None) -> Reply:
    """ "progress TIMES PAUSE STEP": tell so many times, after a pause each, that so much more is done."""
    assert tell is not None
    times, pause, step = map(float, rest.split())
    for number in range(1, int(times) + 1):
        time.sleep(pause)
        tell(int(number * step), int(times * step))
    return _told("done")


def draw(document: BinaryIO, order: Draw, pixels: BinaryIO, limits: Limits) -> Drawn:
    """Draw what the document says: "WIDTH HEIGHT BYTES"."""
    words = document.read().decode().split()
    if words[0] in DEEDS:
        DEEDS[words[0]]("")
    width, height, count = map(int, words)
    pixels.write(bytes((order.page, 0, 0)) * (count // 3))
    return Drawn(width=width, height=height)


def warm() -> None:
    """Nothing to import."""


if __name__ == "__main__":
    sys.exit(worker.main(worker.Program(read, draw, warm)))
