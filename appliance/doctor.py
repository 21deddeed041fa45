"""Examines this machine and this home: what is there, what is missing, and the remedy, a line each.

The table of confinement is the business of `appliance/doctor_table.py`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import platform
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from appliance import living, render, settings
from appliance.client import Client
from appliance.doctor_table import Table, table
from appliance.errors import ServiceUnavailable
from ingest.converter import libreoffice
from ingest.converter.messages import CONVERSIONS
from policy import landlock, mode, swap
from policy.errors import StrongroomError
from policy.limits import KIB, MIB, Limits

Finding = tuple[bool | None, str]  # ok, or None for a note; what was found
Status = Mapping[str, Any] | None  # of the service, where one runs

# The distributions whose versions matter when something behaves unlike the documentation says.
NAMED_PARTS = (
    *("unstructured", "sentence-transformers", "faiss-cpu", "tantivy", "sqlcipher3", "llama-cpp-python"),
    *("cryptography", "watchfiles", "imapclient", "torch"),
)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    ok: bool | None  # None: a note
    found: str


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found."""

    ready: bool  # nothing is wrong that the appliance cannot do without
    confined: bool  # no layer of confinement is missing that is required here
    checks: tuple[Check, ...]
    table: Table


def examine(home: Path) -> Examination:
    """Run all checks and try the table of confinement."""
    status = service_status(home)
    checks = tuple(
        Check(name=name, ok=ok, found=found)
        for name, check in _checks(home, status)
        for ok, found in [_guarded(check)]
    )
    confinement = table(status)
    return Examination(
        ready=all(check.ok is not False for check in checks),
        confined=not confinement.missing(),
        checks=checks,
        table=confinement,
    )


def service_status(home: Path) -> Status:
    """What the service on this home says of itself; None where none answers."""
    with contextlib.suppress(ServiceUnavailable):
        status: Mapping[str, Any] = Client(home / settings.SOCKET_NAME, timeout=10).call("GET", "/v1/status")
        return status
    return None


def reads_pictures(home: Path) -> bool:
    """Whether text in pictures can be recognised here."""
    return _tesseract(home)[0] is True


def _checks(home: Path, status: Status) -> list[tuple[str, Callable[[], Finding]]]:
    return [
        ("python", _python),
        ("mode", lambda: (True, mode.here())),
        ("kernel", lambda: (platform.system() == "Linux", f"{platform.release()} {platform.machine()}")),
        ("system call filter", _seccomp),
        ("Landlock", _landlock),
        ("private namespaces", _namespaces),
        ("parts", _parts),
        ("text recognition", lambda: _tesseract(home)),
        ("old documents", _old_documents),
        ("swap", _swap),
        ("core dumps", _core_dumps),
        ("memory of keys", lambda: _locked(status)),
        ("home", lambda: _home(home)),
        ("settings", lambda: _settings(home)),
        ("free disk", lambda: _disk(home)),
        ("service", lambda: _service(status)),
        ("key of reports", lambda: _report_key(status)),
    ]


def _guarded(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except StrongroomError as error:
        return False, str(error)
    except OSError as error:
        return False, f"cannot be examined: {error.strerror}"


def _python() -> Finding:
    return (3, 11) <= sys.version_info[:2] <= (
        3,
        13,
    ), f"{platform.python_version()} (3.11 to 3.13 are supported)"


def _seccomp() -> Finding:
    actions = Path("/proc/sys/kernel/seccomp/actions_avail").read_text().split()
    missing = {"errno", "user_notif"} - set(actions)
    if missing:
        lacking = ", ".join(sorted(missing))
        return False, f"this kernel lacks {lacking}: ingestion refuses to start; use Linux 5.0 or later"
    return True, "filters and their supervision are available"


def _namespaces() -> Finding:
    """Tried in a child, because a namespace once entered is not left."""
    source = "import ctypes,os,sys; c=ctypes.CDLL(None).unshare; sys.exit(c(0x40020000) and c(0x50020000))"
    granted = subprocess.run([sys.executable, "-I", "-c", source], check=False).returncode == 0
    if granted:
        return True, "mount and network namespaces are granted"
    return None, "not granted: index files go to /dev/shm, filters alone keep the parser off the network"


def _parts() -> Finding:
    missing = [part for part in NAMED_PARTS if not _version(part)]
    if missing:
        return False, f"missing: {', '.join(missing)}; run ./install.sh again"
    return True, ", ".join(f"{part} {_version(part)}" for part in NAMED_PARTS)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _tesseract(home: Path) -> Finding:
    wanted = settings.load(home).file.reading.ocr_languages
    folders = [*Path("/usr/share/tesseract-ocr").glob("*/tessdata"), Path("/usr/share/tessdata")]
    missing = [
        code for code in wanted if not any((folder / f"{code}.traineddata").exists() for folder in folders)
    ]
    if importlib.util.find_spec("tesserocr") is None or len(missing) == len(wanted):
        return (
            None,
            "scans are quarantined; remedy: apt install tesseract-ocr tesseract-ocr-eng tesseract-ocr-deu",
        )
    if missing:
        return None, f"no data for {', '.join(missing)}; remedy: apt install tesseract-ocr-LANGUAGE"
    return True, ", ".join(wanted)


def _old_documents() -> Finding:
    missing = sorted({each.package for each in CONVERSIONS.values() if not libreoffice.installed(each)})
    if missing:
        return None, f"the text of some is not read (.doc, .ppt); remedy: apt install {' '.join(missing)}"
    return True, "Word and PowerPoint documents of before 2007 are converted by LibreOffice"


def _landlock() -> Finding:
    version = landlock.version()
    if not version:
        return False, "this kernel has none, or it is turned off; remedy: landlock in the kernel's list lsm="
    lacking = [
        what
        for what, since in (("TCP", landlock.ABI_WITH_TCP), ("signals", landlock.ABI_WITH_SCOPE))
        if version < since
    ]
    rest = f"; it does not know of {', '.join(lacking)} yet, which the other layers see to" if lacking else ""
    return True, f"version {version}{rest}"


def _swap() -> Finding:
    if found := swap.plain():
        return None, f"text in memory may reach {', '.join(found)}; remedy: encrypt it, or swapoff -a"
    return True, "none on a disk that is not encrypted"


def _core_dumps() -> Finding:
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    return True, f"to {pattern.split()[0] if pattern else 'nowhere'}; none of ours: see limits and nodump"


def _locked(status: Status) -> Finding:
    _, ceiling = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    most = "any amount" if ceiling == resource.RLIM_INFINITY else f"{ceiling // KIB} KiB"
    core = (
        next((one["pid"] for one in status["processes"] if one["role"] == "core"), None) if status else None
    )
    seen = living.look(core) if core is not None else None
    if seen is None:
        return True if ceiling else None, f"{most} may be locked, so that it reaches no swap"
    if not seen.locked_kib:
        return None, f"not locked, of {most} that may be: swap, if any, must be encrypted"
    return True, f"{seen.locked_kib} KiB locked: they reach no swap"


def _home(home: Path) -> Finding:
    if not (home / "keys").exists():
        return None, f"{home} is no home yet; make one with: strongroom init"
    open_bits = stat.S_IMODE(home.stat().st_mode) & 0o077
    if open_bits:
        return False, f"{home} is open to other users; remedy: chmod 700 {home}"
    return True, str(home)


def _settings(home: Path) -> Finding:
    file = settings.load(home).file
    return True, f"{len(file.project)} projects, {len(file.tag)} tags, {len(file.watch)} watched folders"


def _disk(home: Path) -> Finding:
    folder = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(folder).free
    enough = free > Limits().free_disk_bytes
    return enough, f"{free // MIB} MiB" + ("" if enough else ": intake pauses until there is more")


def _service(status: Status) -> Finding:
    if status is None:
        return None, "not running"
    attempts = None if status["egress"] is None else status["egress"]["total"]
    return attempts == 0, f"running; {render.egress(status['egress'])}"


def _report_key(status: Status) -> Finding:
    if status is None:
        return None, "shown while the service runs"
    return True, str(status["report_key"])
