"""A converter that has been taken over, as a program: what it does stands in the document."""

from __future__ import annotations

import os
import signal
import struct
import time
from pathlib import Path

from ingest.converter.messages import FRAME_BYTES, Done, Ready, Task
from policy import children
from policy.wire import Wire


def main() -> None:
    given = children.inherited()
    folder = Path(given.arguments[1])
    (folder / "profile").mkdir()
    (folder / "profile" / "left").write_bytes(b"words")
    wire = Wire(given.wires[0], FRAME_BYTES)
    wire.send(Ready(layers=("none",)))
    _, (document, result) = wire.receive(Task)
    match os.pread(document, 100, 0).decode().split():
        case ["hang"]:
            time.sleep(60)
        case ["trickle"]:
            wire.sock.sendall(struct.pack(">I", FRAME_BYTES))
            while True:
                wire.sock.sendall(b"\0")
                time.sleep(0.05)
        case ["abort"]:
            os.abort()
        case ["killed"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["leave", code]:
            os._exit(int(code))
        case ["lie"]:
            wire.send(["something", "else"])
            time.sleep(60)
        case ["strangers"]:
            os.write(result, b"made")
            wire.send(Done(outcome="made"), (document, result, document))
        case ["failed"]:
            wire.send(Done(outcome="failed"))
        case ["unusable"]:
            wire.send(Done(outcome="unusable"))
        case ["nothing"]:
            wire.send(Done(outcome="made"))
        case ["again"]:
            wire.send(Ready())


if __name__ == "__main__":
    main()
