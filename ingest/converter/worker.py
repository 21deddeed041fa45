"""The program of a converter: one document in, one converted document out, and it is gone.

It holds no keys and no network, reads nothing of the owner's and writes in one folder, in memory, that is
made for it and gone with it. What LibreOffice is told to do is left to `libreoffice.py`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path

import msgspec

from ingest.converter import libreoffice, locked
from ingest.converter.messages import CONVERSIONS, FRAME_BYTES, Done, Ready, Task
from policy import children, scratch
from policy.confine import confine
from policy.egress import hand_over
from policy.errors import EXIT_CONFIG, ConfinementError
from policy.limits import Limits
from policy.wire import PeerClosed, Wire


def main() -> int:
    """Do one task."""
    given = children.inherited()
    limits = msgspec.json.decode(given.arguments[0], type=Limits)
    folder, kind = Path(given.arguments[1]), given.arguments[2]
    core, guard = given.wires  # the guard's stays open: by its end it knows of ours
    wire = Wire(core, FRAME_BYTES)
    try:
        hand_over(guard)
    except ConfinementError as error:
        wire.send(Ready(refused=error.what, remedy=error.remedy))
        return EXIT_CONFIG
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # LibreOffice's complaints may quote the document
        os.dup2(null, standard)
    os.close(null)
    if kind == "ppt":
        locked.library()  # afterwards no file of ours can be read
    with contextlib.suppress(OSError):  # then what it is on bounds the bytes, if not the number of files
        scratch.cover(folder, limits.convert_files)
    try:
        layers = confine("converter", limits, watched=given.watched, writes=[str(folder)])
    except ConfinementError as error:
        wire.send(Ready(refused=error.what, remedy=error.remedy))
        return EXIT_CONFIG
    wire.send(Ready(layers=layers))
    try:
        task, (document, result) = wire.receive(Task)
    except PeerClosed:
        return 0
    try:
        made = _convert(kind, task.password, document, result, folder)
    except libreoffice.Unusable:
        wire.send(Done(outcome="unusable"))
    except OSError:  # its folder is full
        wire.send(Done(outcome="failed"))
    else:
        wire.send(Done(outcome="made" if made else "failed"))
    return 0


def _convert(kind: str, password: str | None, document: int, result: int, folder: Path) -> bool:
    conversion = CONVERSIONS[kind]
    source = folder / f"document.{kind}"
    target = folder / f"converted.{conversion.target}"
    with open(document, "rb") as stream, open(source, "wb") as copy:
        stream.seek(0)  # its position is the parser's too
        shutil.copyfileobj(stream, copy)
    if kind == "ppt" and password is not None:
        plain = locked.opened(source.read_bytes(), password)
        if plain is None:
            return False
        source.write_bytes(plain)
    if not libreoffice.convert(conversion, source, target, folder, password):
        return False
    with open(target, "rb") as stream, open(result, "wb") as sink:
        shutil.copyfileobj(stream, sink)
    return True


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os._exit(main())
