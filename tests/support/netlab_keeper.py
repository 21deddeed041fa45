"""The program that makes a network laboratory and holds it until its test hangs up; see `netlab.py`.

A room with nothing but loopback, or a room whose one link leads to an outside that is every host there is: it
takes each frame to whatever address, and hands the test the sockets that see and answer them.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
ETH_P_ALL = 3
SO_RCVBUFFORCE, SO_RCVBUF = 33, 8
BUFFER = 64 << 20

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def own_namespaces() -> None:
    """New ones; a plain user is root in a user namespace of its own then."""
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        _checked(_libc.unshare(CLONE_NEWNET | CLONE_NEWNS))
        return
    _checked(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def configure(*lines: str) -> None:
    """Give `ip` these lines, in the network namespace that we are in."""
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)


def hush(link: str) -> None:
    """Let the kernel say nothing on a link by itself: no address, router or neighbour is looked for."""
    settings = {"addr_gen_mode": 1, "router_solicitations": 0, "accept_ra": 0, "accept_dad": 0}
    for name, value in settings.items():
        Path(f"/proc/sys/net/ipv6/conf/{link}/{name}").write_text(str(value))


def link_up(link: str, number: int) -> list[str]:
    """Lines that give a link its addresses and make the other end known, so that nobody asks for it."""
    other = 3 - number
    lines = [f"link set {link} address 02:00:00:00:00:0{number} up"]
    for address, length in (("198.51.100.", 24), ("2001:db8::", 64)):
        lines += [
            f"addr add {address}{number}/{length} dev {link}" + (" nodad" if length == 64 else ""),
            f"neigh replace {address}{other} lladdr 02:00:00:00:00:0{other} dev {link} nud permanent",
        ]
    return lines


def outside(ports: list[int]) -> list[socket.socket]:
    """Make this namespace all hosts; the capture, then the resolver, then a listener for each port of all."""
    hush("far")
    configure(
        "link set lo up",
        *link_up("far", 1),
        "route add local 0.0.0.0/0 dev lo table main",
        "route add local ::/0 dev lo table main",
    )
    capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    try:
        capture.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    except PermissionError:
        capture.setsockopt(socket.SOL_SOCKET, SO_RCVBUF, BUFFER)
    capture.bind(("far", ETH_P_ALL))
    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    resolver.bind(("198.51.100.1", 53))
    listeners = [
        socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) for port in ports
    ]
    return [capture, resolver, *listeners]


def own_resolver() -> None:
    """Names are asked for by DNS, at the outside, and of nobody else."""
    _checked(_libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
    for path, content in (
        ("/etc/resolv.conf", "nameserver 198.51.100.1\noptions timeout:2 attempts:1\n"),
        ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ):
        if not os.path.exists(path):
            continue
        with tempfile.NamedTemporaryFile("w") as file:
            os.chmod(file.name, 0o644)
            file.write(content)
            file.flush()
            _checked(_libc.mount(file.name.encode(), path.encode(), None, MS_BIND, None))


def wired(ports: list[int]) -> list[socket.socket]:
    """From the outside's namespace into one that is linked to it; the outside's sockets."""
    without = os.open("/proc/self/ns/net", os.O_RDONLY)
    _checked(_libc.unshare(CLONE_NEWNET))
    within = os.open("/proc/self/ns/net", os.O_RDONLY)
    configure(f"link add near type veth peer name far netns /proc/{os.getpid()}/fd/{without}")
    _checked(_libc.setns(without, CLONE_NEWNET))
    sockets = outside(ports)
    _checked(_libc.setns(within, CLONE_NEWNET))
    hush("near")
    configure(
        "link set lo up",
        *link_up("near", 2),
        "route add 0.0.0.0/0 via 198.51.100.1",
        "route add ::/0 via 2001:db8::1",
    )
    own_resolver()
    return sockets


def main() -> int:
    """Say why it cannot be, or send the sockets and stay."""
    wire = socket.socket(fileno=int(sys.argv[1]))
    plan = json.loads(sys.argv[2])
    sockets: list[socket.socket] = []
    try:
        own_namespaces()
        if plan["wired"]:
            sockets = wired(plan["ports"])
        else:
            configure("link set lo up")
    except (OSError, subprocess.CalledProcessError) as error:
        wire.send(str(error).encode())
        return 1
    socket.send_fds(wire, [b"ready"], [sock.fileno() for sock in sockets])
    for sock in sockets:
        sock.close()
    wire.recv(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
