"""Who may open the device files of a GPU: chosen by what lies in /dev, here invented; and that a driver gets
by them what it wants, in the core and in what the core starts, and nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from policy import paths
from policy.confine import TABLE
from tests.support.confined import PLAIN_USER, outcomes

DEVICES = ("nvidia-uvm", "nvidia0", "nvidiactl")
USERS = [0, PLAIN_USER] if os.geteuid() == 0 else [0]


def test_a_machine_without_a_gpu_opens_nothing(tmp_path: Path) -> None:
    for name in ("null", "sda"):
        (tmp_path / name).touch()
    assert paths.graphics(tmp_path) == ()
    assert paths.for_parent((), sets_the_machine=False) == ()


def test_with_a_gpu_its_devices_are_opened_and_proc_where_it_holds_nothing_of_the_machine(
    tmp_path: Path,
) -> None:
    for name in ("null", *DEVICES):
        (tmp_path / name).touch()
    found = paths.graphics(tmp_path)
    assert found == (*(str(tmp_path / name) for name in DEVICES), "/proc/self/task")
    assert paths.for_parent(found, sets_the_machine=False) == (*found, "/proc")
    assert paths.for_parent(found, sets_the_machine=True) == found


def test_no_other_row_opens_them() -> None:
    others = {name: row.writes for name, row in TABLE.items() if name not in ("core", "model")}
    assert all(set(writes) <= set(paths.NULL) for writes in others.values()), others
    assert TABLE["core"].writes == paths.NULL + paths.GRAPHICS_FOR_CHILDREN
    assert TABLE["model"].writes == paths.NULL + paths.GRAPHICS


# In place of the device another one that anybody may open.
DRIVER = """
def compute():
    attempt("device", lambda: os.open("/dev/full", os.O_RDWR))
    attempt("other device", lambda: os.open("/dev/zero", os.O_RDWR))
    thread = threading.Thread(target=time.sleep, args=(0.3,)); thread.start()
    attempt("thread", lambda: open(f"/proc/self/task/{{thread.native_id}}/comm", "w").write("cuda"))
    attempt("settings", lambda: os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))
confine.confine("core", Limits(), writes={core})
if {child}:
    heard, tells = os.pipe()
    if os.fork() == 0:
        confine.confine("model", Limits(), writes=("/dev/full", "/proc/self/task"))
        compute()
        os.write(tells, json.dumps(told).encode())
        os._exit(0)
    os.wait()
    told = json.loads(os.read(heard, 1000))
else:
    compute()
"""
USED = {"device": "done", "other device": "EACCES", "thread": "done", "settings": "EACCES"}


@pytest.mark.parametrize("user", USERS)
def test_the_core_can_use_a_device_and_name_its_threads(user: int) -> None:
    assert outcomes(DRIVER.format(core=("/dev/full", "/proc/self/task"), child=False), user=user) == USED


@pytest.mark.parametrize("user", USERS)
def test_what_the_core_starts_gets_what_both_rows_allow(user: int) -> None:
    assert outcomes(DRIVER.format(core=("/dev/full", "/proc"), child=True), user=user) == USED
    narrow = outcomes(DRIVER.format(core=("/dev/full", "/proc/self/task"), child=True), user=user)
    assert narrow == USED | {"thread": "EACCES"}
    assert outcomes(DRIVER.format(core=(), child=True), user=user)["device"] == "EACCES"
