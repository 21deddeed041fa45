"""Examines this machine and this home: what is there, what is missing, and the remedy, a line each."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from appliance import render, settings
from appliance.client import Client
from ingest.converter import libreoffice
from ingest.converter.messages import CONVERSIONS
from policy import landlock
from policy.errors import StrongroomError
from policy.limits import MIB, Limits

Finding = tuple[bool | None, str]  # ok, or None for a note; what was found

# The distributions whose versions matter when something behaves unlike the documentation says.
NAMED_PARTS = (
    *("unstructured", "sentence-transformers", "faiss-cpu", "tantivy", "sqlcipher3", "llama-cpp-python"),
    *("cryptography", "watchfiles", "imapclient", "torch"),
)


def examine(home: Path) -> dict[str, object]:
    """Run all checks; `ready` is False when one that the appliance cannot do without fails."""
    checks = [
        {"name": name, "ok": ok, "found": found}
        for name, check in _checks(home)
        for ok, found in [_guarded(check)]
    ]
    return {"ready": all(check["ok"] is not False for check in checks), "checks": checks}


def _checks(home: Path) -> list[tuple[str, Callable[[], Finding]]]:
    return [
        ("python", _python),
        ("kernel", lambda: (platform.system() == "Linux", f"{platform.release()} {platform.machine()}")),
        ("system call filter", _seccomp),
        ("private namespaces", _namespaces),
        ("parts", _parts),
        ("text recognition", lambda: _tesseract(home)),
        ("old documents", _old_documents),
        ("swap", _swap),
        ("home", lambda: _home(home)),
        ("settings", lambda: _settings(home)),
        ("free disk", lambda: _disk(home)),
        ("service", lambda: _service(home)),
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
    if not landlock.version():
        return None, "this kernel has no Landlock to confine LibreOffice: they are quarantined (.doc, .ppt)"
    return True, "Word and PowerPoint documents of before 2007 are converted by LibreOffice"


def _swap() -> Finding:
    lines = Path("/proc/swaps").read_text().splitlines()[1:]
    if any("zram" not in line for line in lines):
        return None, "text in memory may reach the swap disk; remedy: encrypt it or swapoff -a"
    return True, "none on a disk"


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


def _service(home: Path) -> Finding:
    if not (home / settings.SOCKET_NAME).exists():
        return None, "not running"
    now = Client(home / settings.SOCKET_NAME, timeout=10).call("GET", "/v1/status")
    attempts = None if now["egress"] is None else now["egress"]["total"]
    return attempts == 0, f"running; {render.egress(now['egress'])}"
