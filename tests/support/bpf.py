"""A classic-BPF interpreter for seccomp programs: tries a filter for a machine that we are not on."""

from __future__ import annotations

import struct

_INSTRUCTION = struct.Struct("<HBBI")


def run(program: bytes, *, arch: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """The action that the kernel would take (SECCOMP_RET_* with its data)."""
    words = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<iIQ6Q", number, arch, 0, *(w & 0xFFFFFFFFFFFFFFFF for w in words))
    code = list(_INSTRUCTION.iter_unpack(program))
    at, accumulator = 0, 0
    while True:
        operation, if_true, if_false, k = code[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, k)
            case 0x54:
                accumulator &= k
            case 0x15:
                at += if_true if accumulator == k else if_false
            case 0x25:
                at += if_true if accumulator > k else if_false
            case 0x06:
                return int(k)
            case other:
                raise AssertionError(f"not an instruction that we emit: {other:#x}")
