"""The pool below the egress watch, as in the running appliance: attempts of workers are seen by the guard."""

from __future__ import annotations

import os

import pytest

from tests.support.confined import PLAIN_USER, outcomes

CORE = """
here, there = socket.socketpair()
back, forth = os.pipe()
core = os.fork()
if core == 0:
    seccomp.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a test that fails leaves nobody waiting
    listener = egress.install_watch()
    socket.send_fds(there, [b"l"], [listener])
    os.close(listener)
    confine.confine("core", watched=True)
    from ingest.sandbox.pool import Pool
    from tests.support.parsing import read, text_of
    pool = Pool(1, Limits(), watched=True, module="tests.support.evil_worker")
    pool.start()
    told["layers"] = pool.layers
    told["said"] = [text_of(read(pool, deed)) for deed in {deeds!r}]
    pool.close()
    os.write(forth, json.dumps(told).encode())
    os._exit(0)
_, (listener,), _, _ = socket.recv_fds(here, 1, 1)
watch = egress.Watch(listener)
os.waitpid(core, 0)
told = json.loads(os.read(back, 1 << 16))
report = watch.report()
told["total"], told["self_tests"] = report.total, report.self_tests
told["who"] = sorted({{a.process for a in report.attempts}})
"""


def test_a_quiet_worker_makes_no_attempt_but_its_self_tests() -> None:
    told = outcomes(CORE.format(deeds=["hello"]))
    assert told["said"] == ["hello"]
    assert told["total"] == 0
    assert told["self_tests"] == 6  # socket and connect in the core, the zygote and the worker
    assert told["who"] == []


def test_a_taken_over_worker_is_seen_trying() -> None:
    told = outcomes(CORE.format(deeds=["sockets", "escape"]))
    assert told["said"] == ["through: ", "through: "]
    assert told["who"] == ["strong-parser"]
    assert told["total"] == 44 * 3 + 1  # every family and kind, and one connect


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_plain_users_parser_is_quiet_too() -> None:
    if outcomes('attempt("it", lambda: os.stat(sys.executable))', user=PLAIN_USER)["it"] != "done":
        pytest.skip("the interpreter lies in root's home")
    assert outcomes(CORE.format(deeds=["hello"]), user=PLAIN_USER)["total"] == 0
