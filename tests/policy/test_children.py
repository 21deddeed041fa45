"""Children are started with a clean environment and inherited sockets, and end with their parent."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from importlib import metadata

import msgspec
import pytest

from policy import children
from tests.support.confined import ROOT
from tests.support.honest_child import Told


def start(**options: object) -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    process = children.spawn("tests.support.honest_child", wires=[theirs], **options)  # type: ignore[arg-type]
    assert theirs.fileno() == -1
    return process, ours


def test_it_gets_its_wires_and_arguments_and_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_SECRET", "x")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    process, wire = start(arguments=["--watched", "two words"], watched=False)
    told = msgspec.json.decode(wire.recv(1 << 16), type=Told)
    wire.close()
    assert process.wait(20) == 0
    assert told.arguments == ["--watched", "two words"]
    assert not told.watched
    assert told.isolated
    assert told.environment["OMP_NUM_THREADS"] == "3"
    assert told.environment["HOME"] == "/nonexistent"
    assert told.environment.keys() >= {switch.name for switch in children.SWITCHES}
    assert not {"STRONGROOM_SECRET", "PYTHONPATH"} & told.environment.keys()
    assert told.session == told.pid  # Ctrl-C in the owner's terminal is the core's to handle
    assert not told.inheritable


def test_it_is_told_of_the_watch() -> None:
    process, wire = start(watched=True)
    assert msgspec.json.decode(wire.recv(1 << 16), type=Told).watched
    wire.close()
    assert process.wait(20) == 0


def test_it_outlives_the_thread_that_started_it() -> None:
    """The kernel's parent-death signal goes by threads."""
    started: list[tuple[subprocess.Popen[bytes], socket.socket]] = []
    thread = threading.Thread(target=lambda: started.append(start()))
    thread.start()
    thread.join()
    [(process, wire)] = started
    wire.recv(1 << 16)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.1)
    wire.close()
    assert process.wait(20) == 0


def test_it_is_killed_with_its_parent() -> None:
    code = f"""
import socket, sys, time
sys.path.insert(0, {str(ROOT)!r})
from policy import children
ours, theirs = socket.socketpair()
process = children.spawn("tests.support.honest_child", wires=[theirs])
ours.recv(1 << 16)
print(process.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout:
        pidfd = os.pidfd_open(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    try:
        assert select.select([pidfd], [], [], 20)[0]
    finally:
        os.close(pidfd)


def test_each_switch_is_one_that_an_installed_library_reads() -> None:
    """So that the list does not outlive the libraries; those that are not installed are passed over."""
    read = 0
    for switch in children.SWITCHES:
        for name in switch.read_by:
            try:
                files = metadata.files(name) or []
            except metadata.PackageNotFoundError:
                continue
            code = [file.locate() for file in files if file.suffix in (".py", ".so")]
            assert any(switch.name.encode() in path.read_bytes() for path in code), (switch.name, name)  # type: ignore[attr-defined]
            read += 1
    assert read >= 10
