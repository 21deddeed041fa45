"""What a captured frame is: who it was for, by which protocol, and which name it asks for."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

_PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 58: "icmp6"}
_LISTENING = {130, 131, 132, 143}  # ICMPv6 of multicast listeners, which the kernel sends for its addresses
_HOP_BY_HOP = 0
_DNS = 53


@dataclass(frozen=True)
class Frame:
    """One frame."""

    protocol: str  # "arp", "tcp", "udp"…, or a number
    destination: str  # an address; empty where there is none
    port: int | None = None
    name: str | None = None  # that a question of DNS is about
    of_the_kernel: bool = False  # reports of multicast groups, which no process sends


def decode(frame: bytes) -> Frame:
    """Read an Ethernet frame."""
    kind, packet = int.from_bytes(frame[12:14], "big"), frame[14:]
    if kind == 0x0806:
        return Frame("arp", str(ipaddress.ip_address(packet[24:28])))
    if kind == 0x0800:
        to, number, content = packet[16:20], packet[9], packet[(packet[0] & 15) * 4 :]
    elif kind == 0x86DD:
        to, number, content = packet[24:40], packet[6], packet[40:]
        if number == _HOP_BY_HOP:
            number, content = content[0], content[8 * (content[1] + 1) :]
    else:
        return Frame(f"ethernet {kind:#06x}", "")
    protocol, destination = _PROTOCOLS.get(number, str(number)), str(ipaddress.ip_address(to))
    if protocol == "icmp6":
        return Frame(protocol, destination, of_the_kernel=content[0] in _LISTENING)
    if protocol not in ("tcp", "udp"):
        return Frame(protocol, destination)
    (port,) = struct.unpack_from(">H", content, 2)
    return Frame(protocol, destination, port, _asked(protocol, content) if port == _DNS else None)


def _asked(protocol: str, content: bytes) -> str | None:
    message = content[8:] if protocol == "udp" else content[4 * (content[12] >> 4) + 2 :]
    return question(message)[0] if len(message) > 12 else None


def question(message: bytes) -> tuple[str, int, int]:
    """The name and the type that a DNS message asks for, and where its question ends."""
    labels, at = [], 12
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    (kind,) = struct.unpack_from(">H", message, at + 1)
    return ".".join(labels), kind, at + 5


def answer(message: bytes, addresses: tuple[str, ...]) -> bytes:
    """A DNS answer with those of the addresses that were asked for."""
    _, kind, end = question(message)
    packed = [ipaddress.ip_address(address).packed for address in addresses]
    wanted = [address for address in packed if {1: 4, 28: 16}.get(kind) == len(address)]
    head = message[:2] + struct.pack(">HHHHH", 0x8580, 1, len(wanted), 0, 0)
    records = (
        struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(address)) + address for address in wanted
    )  # the name is the question's
    return head + message[12:end] + b"".join(records)
