"""Where the libraries of a process mean to go, told in a run that is observed (`strongroom doctor --egress`).

The kernel refuses at socket(), before there is any destination, and so the watch knows none. Python's audit
events do: they come before the call. Native code raises none; its attempts are only counted by the watch.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from functools import partial

import msgspec

from policy import seccomp

# Set by the observed run alone, in which all that is read are samples that the program made. It takes no
# protection away; what it adds are lines in the log, of names that a document might hold.
VARIABLE = "STRONGROOM_OBSERVED"

_MARK = b"\x1eintention "
_PR_GET_NAME = 16
_EVENTS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto")


class Intention(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """Somewhere a process meant to go."""

    process: str  # what it calls itself, as in `policy.egress.Attempt`
    event: str  # Python's name of it
    destination: str  # a host's name or address, and its port where one was given


def wanted() -> bool:
    """Whether this run is an observed one."""
    return VARIABLE in os.environ


def tell() -> None:
    """From now on this process, and those that it forks, write a line to their log for each intention."""
    log = os.dup(2)  # what the process makes of its own standard error later is its business
    sys.addaudithook(partial(_hook, log))


def told(log: bytes) -> list[Intention]:
    """The intentions in a log, in its order. Other lines are passed over."""
    found = []
    for line in log.split(b"\n"):
        _, mark, body = line.partition(_MARK)
        if mark:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                found.append(msgspec.json.decode(body, type=Intention))
    return found


def _hook(log: int, event: str, arguments: tuple[object, ...]) -> None:
    if event not in _EVENTS:
        return
    # Of connect and sendto the first argument is the socket; the address of a Unix socket is no pair.
    place = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[:2]
    if not isinstance(place, tuple):
        return
    line = msgspec.json.encode(Intention(_name(), event, _joined(place[:2])))
    with contextlib.suppress(OSError):
        os.write(log, b"\n" + _MARK + line + b"\n")  # one write, so that lines of two processes never mix


def _joined(place: tuple[object, ...]) -> str:
    return ":".join(_word(part) for part in place if part is not None)


def _word(part: object) -> str:
    text = part.decode("latin-1") if isinstance(part, bytes) else str(part)
    return "".join(character for character in text if character.isprintable())[:253]


def _name() -> str:
    name = ctypes.create_string_buffer(16)
    with contextlib.suppress(OSError):
        seccomp.prctl(_PR_GET_NAME, ctypes.addressof(name))
    return name.value.decode("ascii", "replace")
