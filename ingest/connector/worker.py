"""The program of the connector: confines itself, then answers the core's requests one by one.

It has one wire to the core and one to its dialer, no network, no file and no key but its account's own.
"""

from __future__ import annotations

import codecs
import ctypes
import os
import signal

from ingest.connector.messages import FRAME_BYTES, REQUEST, Failed, Failure, Wake
from policy import children
from policy.confine import confine, shut_files
from policy.egress import hand_over
from policy.errors import EXIT_CONFIG, ConfinementError
from policy.wire import Wire, WireError, close_all

_CODECS = ("ascii", "idna", "latin-1", "utf-7", "utf-8", "utf-16-be")  # each is a file until it is looked up


def main() -> int:
    """Serve until the core hangs up."""
    given = children.inherited()
    core = Wire(given.wires[0], FRAME_BYTES)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # a library's complaint may quote a message or a credential
        os.dup2(null, standard)
    try:
        hand_over(given.wires[2])
        confine("connector", watched=given.watched)
        # The libraries are imported under the filter, like those of the parser.
        from ingest.connector.session import Session

        session = Session(core, given.wires[1])
        for name in _CODECS:
            codecs.lookup(name)
        shut_files()
    except ConfinementError as error:
        return _refuse_all(core, str(error))
    libc = ctypes.CDLL(None)
    try:
        while True:
            request, descriptors = core.receive(REQUEST)
            close_all(descriptors)
            if isinstance(request, Wake):  # it came after what it was to end
                continue
            core.send(session.answer(request))
            libc.malloc_trim(0)  # give a large answer's memory back
    except WireError:
        return 0


def _refuse_all(core: Wire, why: str) -> int:
    """Nothing is done unconfined, and whoever asks hears of it."""
    try:
        while True:
            core.receive(REQUEST)
            core.send(Failed(failure=Failure.NOT_ALLOWED, what=f"the connector is not confined: {why}"))
    except WireError:
        return EXIT_CONFIG


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit(main())
