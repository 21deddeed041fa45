"""A child program that tells over its wire what it was started with and stays until that is closed."""

from __future__ import annotations

import os
import sys

import msgspec

from policy import children


class Told(msgspec.Struct):
    pid: int
    session: int
    arguments: list[str]
    watched: bool
    isolated: bool
    inheritable: bool
    environment: dict[str, str]


def main() -> None:
    given = children.inherited()
    (wire,) = given.wires
    told = Told(
        pid=os.getpid(),
        session=os.getsid(0),
        arguments=list(given.arguments),
        watched=given.watched,
        isolated=bool(sys.flags.isolated),
        inheritable=wire.get_inheritable(),
        environment=dict(os.environ),
    )
    wire.sendall(msgspec.json.encode(told))
    wire.recv(1)


if __name__ == "__main__":
    main()
