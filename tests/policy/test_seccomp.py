"""The assembled filters, tried on both architectures without a kernel."""

from __future__ import annotations

import errno
import os
import re
import socket
from pathlib import Path

import pytest

from policy import seccomp
from policy.confine import TABLE
from policy.seccomp import Rule, Verdict, When
from tests.support.bpf import run

ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003
ARM = 0x40000028
EPERM = Verdict.DENY
MACHINES = sorted(ARCH)
HEADERS = {  # Debian's linux-libc-dev; aarch64 has the generic numbers
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def action(on: str, row: str, name: str, *arguments: int) -> int:
    number = seccomp.number(name, on)
    assert number is not None
    return run(seccomp.assemble(TABLE[row].rules, on), arch=ARCH[on], number=number, arguments=arguments)


@pytest.mark.parametrize("on", MACHINES)
def test_a_call_without_a_rule_is_allowed_and_one_with_is_refused(on: str) -> None:
    assert action(on, "parser", "seccomp") == Verdict.ALLOW
    assert action(on, "parser", "ptrace") == EPERM
    assert Verdict.DENY & 0xFFFF == errno.EPERM


@pytest.mark.parametrize("on", MACHINES)
@pytest.mark.parametrize("foreign", [I386, ARM])
def test_a_foreign_abi_is_refused_whatever_it_calls(on: str, foreign: int) -> None:
    program = seccomp.assemble(TABLE["core"].rules, on)
    assert {run(program, arch=foreign, number=n) for n in range(500)} == {EPERM}


def test_x32_is_refused_whatever_it_calls() -> None:
    program = seccomp.assemble(TABLE["core"].rules, "x86_64")
    for number in (0, 39, 41, 435, 547):
        assert run(program, arch=ARCH["x86_64"], number=0x40000000 | number) == EPERM


@pytest.mark.parametrize("on", MACHINES)
def test_calls_of_later_kernels_do_not_exist(on: str) -> None:
    program = seccomp.assemble({}, on)
    assert run(program, arch=ARCH[on], number=seccomp.LAST_KNOWN_SYSCALL) == Verdict.ALLOW
    assert run(program, arch=ARCH[on], number=seccomp.LAST_KNOWN_SYSCALL + 1) == Verdict.ABSENT


@pytest.mark.parametrize("on", MACHINES)
def test_flags_decide_whether_a_file_is_opened(on: str) -> None:
    at = -100
    assert action(on, "parser", "openat", at, 0, os.O_RDONLY | os.O_CLOEXEC) == Verdict.ALLOW
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_TMPFILE | os.O_RDWR, os.O_ACCMODE):
        assert action(on, "parser", "openat", at, 0, flags) == EPERM
    assert action(on, "zygote", "openat", at, 0, os.O_RDWR) == Verdict.ALLOW


@pytest.mark.parametrize("on", MACHINES)
def test_threads_are_made_but_no_processes(on: str) -> None:
    thread = 0x3D0F00  # what the C library passes
    assert action(on, "model", "clone", thread) == Verdict.ALLOW
    assert action(on, "parser", "clone", thread) == EPERM
    assert action(on, "parser", "clone", 17) == EPERM
    assert action(on, "zygote", "clone", 17) == Verdict.ALLOW
    assert action(on, "model", "clone", 17) == EPERM


@pytest.mark.parametrize("on", MACHINES)
@pytest.mark.parametrize("row", sorted(TABLE))
def test_only_stream_pairs_are_made(on: str, row: str) -> None:
    cloexec = socket.SOCK_CLOEXEC
    assert action(on, row, "socketpair", socket.AF_UNIX, socket.SOCK_STREAM | cloexec) == Verdict.ALLOW
    assert action(on, row, "socketpair", socket.AF_UNIX, socket.SOCK_SEQPACKET) == Verdict.ALLOW
    assert action(on, row, "socketpair", socket.AF_UNIX, socket.SOCK_DGRAM) == EPERM
    assert action(on, row, "socketpair", 30, socket.SOCK_STREAM) == EPERM  # AF_TIPC has pairs too
    # The kernel cuts the argument to an int, and so must the filter.
    assert action(on, row, "socketpair", 1 << 32 | socket.AF_INET, socket.SOCK_STREAM) == EPERM


@pytest.mark.parametrize("on", MACHINES)
def test_the_dialer_alone_makes_internet_sockets_and_only_to_connect(on: str) -> None:
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            assert action(on, "dialer", "socket", family, kind | socket.SOCK_CLOEXEC, 0) == Verdict.ALLOW
        assert action(on, "dialer", "socket", family, socket.SOCK_RAW, 0) == EPERM
        assert action(on, "dialer", "socket", 1 << 32 | family, socket.SOCK_RAW, 0) == EPERM
    for family in (0, socket.AF_UNIX, 3, 8, 9, 16, 17, 31, 38, 40, 1 << 31 | socket.AF_INET):
        assert action(on, "dialer", "socket", family, socket.SOCK_STREAM, 0) == EPERM
    for name in ("bind", "listen", "accept4", "execve"):
        assert action(on, "dialer", name) == EPERM
    assert action(on, "dialer", "connect") == Verdict.ALLOW


@pytest.mark.parametrize("opposite", [False, True])
def test_tests_are_tried_in_order_and_the_first_that_holds_decides(opposite: bool) -> None:
    first = When(1, 0xF0, 0x10, Verdict.ASK, opposite=opposite)
    rules = {"ptrace": Rule(Verdict.ALLOW, (first, When(1, 0x0F, 0x01, Verdict.DENY)))}
    program = seccomp.assemble(rules, "x86_64")

    def verdict(value: int) -> int:
        return run(program, arch=ARCH["x86_64"], number=101, arguments=(0, value))

    assert verdict(0x11) == (Verdict.DENY if opposite else Verdict.ASK)
    assert verdict(0x21) == (Verdict.ASK if opposite else Verdict.DENY)
    assert verdict(0x20) == (Verdict.ASK if opposite else Verdict.ALLOW)


def test_every_name_in_the_table_has_a_number() -> None:
    for row in TABLE.values():
        assert set(row.rules) <= set(seccomp.SYSCALLS)
    for on in range(2):
        numbers = [pair[on] for pair in seccomp.SYSCALLS.values() if pair[on] is not None]
        assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("on", MACHINES)
def test_the_numbers_are_the_kernels_own(on: str) -> None:
    if not HEADERS[on].exists():
        pytest.skip(f"the kernel's headers are not installed: {HEADERS[on]}")
    defined = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[on].read_text()))
    compared = {
        name: (seccomp.number(name, on), int(defined[name])) for name in seccomp.SYSCALLS if name in defined
    }
    assert len(compared) > 100
    assert {name: pair for name, pair in compared.items() if pair[0] != pair[1]} == {}
    # What the header does not know is newer than it, or is not of this architecture.
    newest = max(int(number) for number in defined.values())
    for name in seccomp.SYSCALLS.keys() - defined.keys():
        number = seccomp.number(name, on)
        assert number is None or number > newest, name
