"""Where the passphrase comes from: a prompt, a file, a file named by the environment, a systemd credential.

Never from the command line or an environment variable's value: both can be read by other processes.
"""

from __future__ import annotations

import getpass
import os
import stat
import sys
from pathlib import Path

from appliance.errors import NoPassphrase
from policy.redact import Private

ENVIRONMENT_FILE = "STRONGROOM_PASSPHRASE_FILE"
CREDENTIAL = "strongroom.passphrase"
_MAX_BYTES = 4096


def obtain(file: Path | None, *, new: bool = False) -> Private[bytes]:
    """The passphrase from the first of: `file`, the environment's file, systemd's credential, a prompt.

    Args:
        file: as given by `--passphrase-file`.
        new: it is to be set; a prompt asks for it twice.

    Raises:
        NoPassphrase: none of the four gave one.
    """
    for candidate in (file, _from_environment(), _from_systemd()):
        if candidate is not None:
            return _read(candidate)
    return _ask(twice=new)


def replacement(file: Path | None) -> Private[bytes]:
    """A new passphrase from `file` or a prompt; the environment and systemd hold the present one.

    Raises:
        NoPassphrase: neither gave one.
    """
    return _read(file) if file is not None else _ask(twice=True)


def _ask(*, twice: bool) -> Private[bytes]:
    if not sys.stdin.isatty():
        raise NoPassphrase(
            "no passphrase", remedy=f"use --passphrase-file, {ENVIRONMENT_FILE} or a systemd credential"
        )
    first = getpass.getpass("New passphrase: " if twice else "Passphrase: ")
    if twice and getpass.getpass("Once more: ") != first:
        raise NoPassphrase("the two passphrases differ")
    if not first:
        raise NoPassphrase("the passphrase is empty")
    return Private(first.encode())


def _from_environment() -> Path | None:
    value = os.environ.get(ENVIRONMENT_FILE)
    return Path(value) if value else None


def _from_systemd() -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / CREDENTIAL if folder else None
    return path if path and path.exists() else None


def _read(path: Path) -> Private[bytes]:
    """The file's content without the newline that editors add."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IROTH | stat.S_IWOTH):
                raise NoPassphrase("other users can read it", item=str(path), remedy=f"chmod 600 {path}")
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise NoPassphrase(f"cannot be read: {error.strerror}", item=str(path)) from error
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    if not content or len(content) > _MAX_BYTES:
        raise NoPassphrase("is empty or longer than 4096 bytes", item=str(path))
    return Private(content)
