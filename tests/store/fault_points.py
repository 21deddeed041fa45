"""Every commit path of the store, done again and again while the kernel refuses one more call each time, or
kills at one more call: by strace, so that what SQLCipher writes is refused as well.

A program of its own, so that it can fork before any thread exists:

    python -m tests.store.fault_points FOLDER FAULT MOST [SCENARIO ...]

FAULT is one of `FAULTS`; after a colon, part of the names of the calls that meet it, if not all do: then the
process dies of each.
Prints one line of JSON for each scenario, as `crash_points` does; a point is one call of `CALLS`.

How the one call is met: strace counts the calls of each thread by itself, so the scenario runs in a thread of
its own, that first wastes as many calls of the kind as are left up to number `_HIT`, which strace refuses.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

import msgspec

from policy.errors import StrongroomError
from tests.store.crash_points import SCENARIOS, prepare
from tests.support.crashing import Bench, Outcome, open_again, spread

_HIT = 400
_NOWHERE = 999  # no descriptor
CALLS: dict[str, Callable[[], object]] = {  # and how to waste one
    "fsync": lambda: os.fsync(_NOWHERE),
    "fdatasync": lambda: os.fdatasync(_NOWHERE),
    "write": lambda: os.write(_NOWHERE, b""),
    "pwrite64": lambda: os.pwrite(_NOWHERE, b"", 0),
    "rename": lambda: os.rename("", ""),
    "renameat2": lambda: os.rename("", ""),
    "openat": lambda: os.open("", os.O_RDONLY),
    "ftruncate": lambda: os.ftruncate(_NOWHERE, 0),
    "unlink": lambda: os.unlink(""),
    "mkdir": lambda: os.mkdir(""),
}
FAULTS = {
    "EIO": f"error=EIO:when={_HIT}",
    "ENOSPC": f"error=ENOSPC:when={_HIT}",
    "EIO for ever": f"error=EIO:when={_HIT}+",
    "ENOSPC for ever": f"error=ENOSPC:when={_HIT}+",
    "KILL": f"signal=SIGKILL:when={_HIT}",
}
# What the process does after the fault: it dies, it closes its home, it tries again and dies.
_DIES, _CLOSES, _TRIES_AGAIN = range(3)
_LINE = re.compile(r"(\d+) +(\w+)\(")


class Order(msgspec.Struct):
    """One run of a scenario with one fault; `number` 0: none."""

    scenario: str
    home: str
    call: str = ""
    number: int = 0
    then: int = _CLOSES


class Fared(msgspec.Struct):
    """What became of it."""

    thread: int
    acknowledged: bool
    status: int
    said: list[str]  # the errors, each with its class


class _Faulty:
    """A process under strace that carries out orders, each in a child."""

    def __init__(self, fault: str, log: Path) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server = os.fork()
        if self._server == 0:
            self._ours.close()
            _serve(theirs)
            os._exit(0)
        theirs.close()
        calls = ",".join(f"?{call}" for call in CALLS)
        self._strace = subprocess.Popen(
            ["strace", "-f", "-p", str(self._server), "-o", str(log), "-e", f"trace={calls}",
             "-e", "signal=none", "-e", f"inject={calls}:{FAULTS[fault]}"],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._strace.stderr is not None
        said = self._strace.stderr.readline()
        if "attached" not in said:
            raise SystemExit(f"strace may not attach here: {said.strip()}")
        threading.Thread(target=self._strace.stderr.read, daemon=True).start()
        self._log: TextIO = log.open()

    def do(self, order: Order) -> tuple[Fared, list[str]]:
        """Carry out an order; returns also what strace saw of its thread."""
        self._ours.send(msgspec.json.encode(order))
        fared = msgspec.json.decode(self._ours.recv(1 << 16), type=Fared)
        seen = [line for line in self._log.read().splitlines() if line.startswith(f"{fared.thread} ")]
        return fared, seen

    def close(self) -> None:
        self._ours.close()
        os.waitpid(self._server, 0)
        self._strace.wait()
        self._log.close()


def _serve(orders: socket.socket) -> None:
    while packet := orders.recv(1 << 16):
        order = msgspec.json.decode(packet, type=Order)
        shared = mmap.mmap(-1, 1 << 16)
        child = os.fork()
        if child == 0:
            _carry_out(order, shared)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said = bytes(shared[16:]).rstrip(b"\0").decode().splitlines()
        thread = int.from_bytes(shared[8:16], "big")
        orders.send(msgspec.json.encode(Fared(thread, shared[0] == 1, status, said)))


def _carry_out(order: Order, shared: mmap.mmap) -> None:
    scenario, home = SCENARIOS[order.scenario], Path(order.home)
    vault = open_again(home) if scenario.closed is None else None

    def act() -> None:
        if scenario.closed is not None:
            scenario.closed(home)
        else:
            assert vault is not None
            scenario.act(vault)
        shared[0] = 1

    def tell(error: BaseException) -> None:
        kind = "clear" if isinstance(error, StrongroomError) and error.remedy else "UNCLEAR"
        said = bytes(shared[16:]).rstrip(b"\0") + f"{kind} {type(error).__name__}: {error}\n".encode()
        shared[16 : 16 + len(said)] = said

    def work() -> None:
        shared[8:16] = threading.get_native_id().to_bytes(8, "big")
        for _ in range(_HIT - order.number if order.number else 0):
            with contextlib.suppress(OSError):
                CALLS[order.call]()
        tries = 2 if order.then == _TRIES_AGAIN else 1
        for _ in range(tries):
            try:
                act()
            except scenario.over:
                break
            except BaseException as error:  # noqa: BLE001 - told to who ordered it
                tell(error)
        if order.then == _CLOSES and vault is not None:
            try:
                vault.close()
            except BaseException as error:  # noqa: BLE001 - as above
                tell(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    os._exit(0)


class Tried(NamedTuple):
    """The points of one scenario, and what was wrong at which."""

    points: int
    tried: int
    met: int
    wrong: dict[str, list[str]]
    errors: dict[str, int]


def run(name: str, bench: Bench, faulty: _Faulty, which: tuple[str, str], most: int) -> Tried:
    """Let one scenario meet the fault at so many of its calls."""
    fault, only = which
    bench.measure()
    whole, seen = faulty.do(Order(name, str(bench.fresh())))
    assert whole.acknowledged, f"undisturbed it fails: {whole.said}"
    counts = Counter(found[2] for line in seen if (found := _LINE.match(line)))
    assert max(counts.values()) < _HIT, "the scenario makes more calls than are wasted"
    points = [
        (call, number, then)
        for call in CALLS
        if only in call
        for number in range(1, counts[call] + 1)
        for then in ([_DIES] if only else _afterwards(fault, call, number))
    ]
    wrong, errors, met = dict[str, list[str]](), Counter[str](), 0
    tried = [points[at - 1] for at in spread(len(points), most or len(points))]
    for call, number, then in tried:
        fared, seen = faulty.do(Order(name, str(bench.fresh()), call, number, then))
        met += any("INJECTED" in line for line in seen) or fared.status == -9
        errors.update(said.partition(":")[0] for said in fared.said)
        problems = [said for said in fared.said if said.startswith("UNCLEAR")]
        if fault != "KILL" and fared.status:
            problems.append(f"it ended with {fared.status}")
        problems += bench.check(Outcome(fared.acknowledged, fared.status, ""))
        if problems:
            wrong[f"{call} {number} {('dies', 'closes', 'tries again')[then]}"] = [*fared.said, *problems]
    return Tried(len(points), len(tried), met, wrong, dict(errors))


def _afterwards(fault: str, call: str, number: int) -> Iterable[int]:
    """What the process does after a fault: what a disk did not keep is looked at in every way."""
    if fault == "KILL":
        return [_DIES]
    return range(3) if "sync" in call else [number % 3]


@contextlib.contextmanager
def faulty_process(fault: str, folder: Path) -> Iterator[_Faulty]:
    faulty = _Faulty(fault, folder / "strace.log")
    try:
        yield faulty
    finally:
        faulty.close()


def main() -> None:
    folder, (fault, _, only), most = Path(sys.argv[1]), sys.argv[2].partition(":"), int(sys.argv[3])
    if shutil.which("strace") is None:
        raise SystemExit("strace is not installed")
    prepare(folder / "template" / "home")
    with faulty_process(fault, folder) as faulty:
        for name in [name for name in SCENARIOS if name in sys.argv[4:] or not sys.argv[4:]]:
            bench = Bench(SCENARIOS[name], folder / "template", folder)
            found = run(name, bench, faulty, (fault, only), most)
            print(json.dumps({"scenario": name, **found._asdict()}), flush=True)


if __name__ == "__main__":
    main()
