"""Starting our own confined programs and, on their side, taking over what they were given.

A child is `python -I -m MODULE` with a clean environment and inherited sockets; nothing is found by path.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from policy import box, intentions, mode, seccomp
from policy.last_words import log_discreetly

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Switch:
    """An environment variable that quiets libraries which call home or fetch unless told not to."""

    name: str
    value: str
    read_by: tuple[str, ...]  # distributions
    silences: str


# Belt and braces: nothing would leave without them. Which variables a library reads was looked up in its own
# files, in the versions of requirements.lock; faiss, llama-cpp-python, torch, spacy, tantivy, uvicorn and
# the rest read none, having nothing to silence.
SWITCHES = (
    Switch("DO_NOT_TRACK", "1", ("unstructured", "huggingface-hub", "hf-xet"), "the ping at import and use"),
    Switch("SCARF_NO_ANALYTICS", "1", ("unstructured",), "the same ping, by its carrier's name"),
    Switch("UNSTRUCTURED_DISABLE_NOTICE", "1", ("unstructured",), "its banner"),
    Switch("ORT_DISABLE_TELEMETRY", "1", ("onnxruntime",), "events sent some while after the start"),
    Switch("HF_HUB_OFFLINE", "1", ("huggingface-hub", "hf-xet"), "every request to the model hub"),
    Switch("HF_HUB_DISABLE_TELEMETRY", "1", ("huggingface-hub", "hf-xet"), "the hub's counts of use"),
    Switch("TRANSFORMERS_OFFLINE", "1", ("huggingface-hub", "hf-xet"), "the same requests, by an older name"),
    Switch("TOKENIZERS_PARALLELISM", "false", ("tokenizers",), "threads of its own, and the warning of them"),
)
_PASSED = ("OMP_NUM_THREADS", "TESSDATA_PREFIX", "CUDA_VISIBLE_DEVICES", mode.INVOCATION, mode.CONTAINER)

# The kernel sends the parent-death signal when the *thread* that started a child ends, so one thread that
# lives as long as the process starts them all.
_starter = ThreadPoolExecutor(1, thread_name_prefix="starts-children")


@dataclass(frozen=True)
class Inherited:
    """What a child was started with."""

    wires: tuple[socket.socket, ...]
    watched: bool
    arguments: tuple[str, ...]


def spawn(
    module: str,
    *,
    wires: Sequence[socket.socket],
    arguments: Sequence[str] = (),
    watched: bool = False,
    boxed: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Start `python -I -m module`, which calls `inherited()` first.

    It is killed when this process ends, and never sees the terminal's Ctrl-C.

    Args:
        wires: the child's ends; they are closed here once it runs.
        watched: this process is under the egress watch, and so will the child be.
        boxed: the start of the command line, of `policy/box.py`; what is returned is then the box.
    """
    parent = box.PARENT if boxed else os.getpid()
    command = [*boxed, sys.executable, "-I", "-m", module, "--parent", str(parent)]
    if watched:
        command.append("--watched")
    if intentions.wanted():
        command.append("--observed")
    command += ["--fds", ",".join(str(wire.fileno()) for wire in wires), "--", *arguments]
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        **{switch.name: switch.value for switch in SWITCHES},
        **{name: os.environ[name] for name in _PASSED if name in os.environ},
    }

    # No terminal for it, and no Ctrl-C: in a session of its own or, if this process leads one, in a group of
    # that. Kernels that share the processor between sessions would take no niceness across two of them.
    leads = os.getsid(0) == os.getpid()

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[wire.fileno() for wire in wires],
            start_new_session=not leads,
            process_group=0 if leads else None,
        )

    try:
        return _starter.submit(start).result()
    finally:
        for wire in wires:
            wire.close()


def inherited(argv: Sequence[str] | None = None) -> Inherited:
    """Take over what `spawn` passed, and die with the parent from now on."""
    log_discreetly()
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--fds", required=True)
    parser.add_argument("--watched", action="store_true")
    parser.add_argument("--observed", action="store_true")
    parser.add_argument("arguments", nargs="*")
    given = parser.parse_args(argv)
    die_with(given.parent)
    if given.observed:
        intentions.tell()
    wires = []
    for text in given.fds.split(","):
        os.set_inheritable(int(text), False)
        wires.append(socket.socket(fileno=int(text)))
    return Inherited(tuple(wires), given.watched, tuple(given.arguments))


def die_with(parent: int) -> None:
    """Be killed when the parent ends; end at once if it already has."""
    seccomp.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
