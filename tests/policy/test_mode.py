"""By what signs the surroundings are told."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from policy import mode
from policy.mode import Mode, Signs, judge

UNIT = "0::/system.slice/strongroom.service"
PERSON = "0::/user.slice/user-1000.slice/session-3.scope"


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        (Signs(), Mode.SHELL),
        (Signs(kernel="6.1.0-26-amd64", cgroups=PERSON), Mode.SHELL),
        (Signs(invocation="8f0c", cgroups=UNIT), Mode.SERVICE),
        (Signs(invocation="8f0c", cgroups="1:name=systemd:/system.slice/a.service\n0::/\n"), Mode.SERVICE),
        (
            Signs(
                invocation="8f0c", cgroups="0::/user.slice/user-1.slice/user@1.service/app.slice/a.service"
            ),
            Mode.SERVICE,
        ),
        # a terminal of a desktop that systemd runs, a login by sshd that has no session of its own
        (Signs(invocation="8f0c", cgroups="0::/user.slice/user@1.service/vte-spawn-7.scope"), Mode.SHELL),
        (Signs(cgroups="0::/system.slice/ssh.service"), Mode.SHELL),
        (Signs(kernel="5.15.167.4-microsoft-standard-WSL2"), Mode.WSL2),
        (Signs(kernel="6.6.87.2-microsoft-standard-WSL2", invocation="8f", cgroups=UNIT), Mode.WSL2),
        (Signs(kernel="6.6.87.2-microsoft-standard-WSL2", container="wsl"), Mode.WSL2),
        (Signs(kernel="6.6.87.2-microsoft-standard-WSL2", container="docker"), Mode.CONTAINER),
        (Signs(container="podman"), Mode.CONTAINER),
        (Signs(container="lxc", invocation="8f0c", cgroups=UNIT), Mode.CONTAINER),
        (Signs(container="systemd-nspawn", kernel="6.1.0-26-amd64"), Mode.CONTAINER),
    ],
)
def test_the_mode_is_told_by_its_signs(signs: Signs, expected: Mode) -> None:
    assert judge(signs) is expected


@pytest.mark.skipif(
    any(os.path.exists(path) for path in ("/.dockerenv", "/run/.containerenv")), reason="in a container"
)
def test_a_process_that_systemd_did_not_start_is_a_persons() -> None:
    assert mode.here() in (Mode.SHELL, Mode.WSL2)


def test_a_container_says_so_by_the_variable() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", "from policy import mode; print(mode.here())"],
        env={mode.CONTAINER: "podman"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == Mode.CONTAINER
