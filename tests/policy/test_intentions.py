"""What a confined process means to reach is told by name, and nothing else is."""

from __future__ import annotations

import subprocess
import sys

from policy import intentions
from policy.intentions import Intention
from tests.support.confined import ROOT

TRIES = f"""
import os, socket, sys, urllib.request
sys.path.insert(0, {str(ROOT)!r})
from policy import confine, intentions
if sys.argv[1:] == ["told"]:
    intentions.tell()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # as the parser does, whose libraries quote
here, there = socket.socketpair()
here.sendall(b"words between two processes")
confine.confine("model")
for attempt in (
    lambda: socket.getaddrinfo("collector.example", 443),
    lambda: urllib.request.urlopen("http://models.example/all?secret", timeout=5),
    lambda: socket.getaddrinfo(b"bytes.example", None),
    lambda: there.connect("/run/resolver"),
):
    try:
        attempt()
    except OSError:
        pass
    else:
        sys.exit("it was let through")
"""


def log(*arguments: str) -> bytes:
    done = subprocess.run([sys.executable, "-I", "-c", TRIES, *arguments], stderr=subprocess.PIPE, check=True)
    return done.stderr


def test_the_destination_is_told_of_what_the_kernel_refuses_before_there_is_one() -> None:
    told = intentions.told(b"ready\n" + log("told") + b"stopped\n")
    assert told == [
        Intention("strong-model", "socket.getaddrinfo", "collector.example:443"),
        Intention("strong-model", "socket.getaddrinfo", "models.example:80"),
        Intention("strong-model", "socket.getaddrinfo", "bytes.example"),
    ]


def test_nothing_is_told_unless_the_run_is_observed() -> None:
    assert not intentions.wanted()
    assert log() == b""


def test_a_log_that_says_other_things_gives_none() -> None:
    lines = (b"\x1eintention {}", b"\x1eintention \xff", b"an intention", b'\x1eintention {"process":1}', b"")
    assert intentions.told(b"\n".join(lines)) == []
