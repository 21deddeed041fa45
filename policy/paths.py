"""Which files the rows of `policy/confine.py` open: the code that runs, and the data of its libraries.

Nothing here is the owner's. What a process needs of theirs (a home, a model) it is given as an argument.
"""

from __future__ import annotations

import mimetypes
import os
import sys
import sysconfig
from pathlib import Path

_ROOMS = ("policy", "store", "ingest", "index", "enrich", "appliance")

# Libraries import, and look things up, long after they are loaded.
_INSTALLED = tuple(
    {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *(os.path.join(prefix, "lib") for prefix in (sys.prefix, sys.base_prefix)),
        *(str(Path(__file__).resolve().parents[1] / room) for room in _ROOMS),
    }
)
_SYSTEM = (
    *("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/usr/share", "/usr/local/share"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/timezone", "/etc/locale.alias", "/etc/ssl/openssl.cnf"),
    *(path for path in map(str, mimetypes.knownfiles) if path.startswith("/etc/")),
    *("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/sys/devices/system"),
    *("/proc/self", "/proc/meminfo", "/proc/cpuinfo", "/proc/stat"),
)
CODE = (*_INSTALLED, *_SYSTEM)

# The zygote's workers are other processes than it, and are under its rules as well as their own.
PROCESSES = ("/proc",)

READING = tuple(filter(None, (os.environ.get("TESSDATA_PREFIX"),)))  # where recognition of scans has its data

OFFICE = (
    *("/etc/fonts", "/etc/libreoffice", "/usr/local/share/fonts", "/var/cache/fontconfig"),
    *("/var/lib/libreoffice", "/var/spool/libreoffice"),
)

# Where names and certificates are looked up. The resolver's file is replaced when the network changes, so its
# folder is allowed where that holds nothing else.
NAMES = (
    *("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf"),
    *("/etc/services", "/etc/protocols"),
    *("/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager"),
)
CERTIFICATES = ("/etc/ssl/certs", "/etc/pki/tls", "/etc/ca-certificates", "/etc/pki/ca-trust")

NULL = ("/dev/null",)


# Below it a process names its threads, its own only. NVIDIA's driver (570 and later) gives up if it may not.
_THREADS = "/proc/self/task"
_SETTINGS_OF_THE_MACHINE = "/proc/sys/kernel/core_pattern"


def graphics(devices: Path) -> tuple[str, ...]:
    """What a process writes that computes on NVIDIA's GPUs: the device files in a folder, where there are
    any, and the names of its threads.
    """
    found = sorted(str(path) for path in devices.glob("nvidia*"))
    return (*found, _THREADS) if found else ()


def for_parent(graphics: tuple[str, ...], *, sets_the_machine: bool) -> tuple[str, ...]:
    """What of it must be allowed to who starts such a process, too: Landlock binds whatever is started. Where
    its threads will be named is not known yet, so that is all of /proc.

    Args:
        sets_the_machine: this user may write the machine's settings, which lie there too. Then it is not.
    """
    return (*graphics, "/proc") if graphics and not sets_the_machine else graphics


GRAPHICS = graphics(Path("/dev"))
GRAPHICS_FOR_CHILDREN = for_parent(GRAPHICS, sets_the_machine=os.access(_SETTINGS_OF_THE_MACHINE, os.W_OK))
MACHINE = ("/proc", "/sys") if GRAPHICS else ()  # what the driver reads of it

INTERPRETER = (sys.executable, "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
