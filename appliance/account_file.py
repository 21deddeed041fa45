"""Adding and removing `[[mail]]` blocks in `strongroom.toml`, with everything else in the file left as it is.

The file is the list of hosts that may be reached. Only the owner's own command writes it, never the service:
so nothing that the service reads, and no token, can make it reach another host.
"""

from __future__ import annotations

import json
import os
import re
from itertools import pairwise
from pathlib import Path

import msgspec

from appliance.errors import BadRequest, SettingsError
from appliance.settings import FILE_NAME, parse
from ingest.mail.account import MailAccount

_TABLE = re.compile(r"\s*\[")
_MAIL = re.compile(r"\s*\[\[\s*mail\s*\]\]")


def names(home: Path) -> list[str]:
    """The accounts that there are.

    Raises:
        SettingsError: the file is not valid.
    """
    return [account.name for account in parse(_read(home), home / FILE_NAME).mail]


def add(home: Path, account: MailAccount) -> None:
    """Append the block of an account, whose name is new.

    Raises:
        SettingsError: the file, or what would become of it, is not valid.
    """
    text = _read(home)
    given = {
        name: value
        for name, value in msgspec.to_builtins(account).items()
        if value != _default(name) and value is not None
    }
    block = "".join(f"{name} = {_written(value)}\n" for name, value in given.items())
    _replace(home, f"{text.rstrip()}\n\n[[mail]]\n{block}".lstrip())


def remove(home: Path, name: str) -> None:
    """Take an account's block out.

    Raises:
        BadRequest: there is none of this name.
        SettingsError: the file, or what would become of it, is not valid.
    """
    lines = _read(home).splitlines(keepends=True)
    starts = [at for at, line in enumerate(lines) if _TABLE.match(line)] + [len(lines)]
    for start, end in pairwise(starts):
        block = "".join(lines[start:end])
        if _MAIL.match(lines[start]) and parse(block, home / FILE_NAME).mail[0].name == name:
            _replace(home, "".join(lines[:start] + lines[end:]))
            return
    raise BadRequest(f"there is no mail account {name!r}", remedy="see: strongroom mail list")


def _default(name: str) -> object:
    field = next(field for field in msgspec.structs.fields(MailAccount) if field.name == name)
    return msgspec.to_builtins(field.default) if field.default is not msgspec.NODEFAULT else None


def _written(value: object) -> str:
    """A string, number, or list of strings in TOML, of which JSON's notation is a part."""
    return json.dumps(value, ensure_ascii=False)


def _read(home: Path) -> str:
    try:
        return (home / FILE_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot be read: {type(error).__name__}", item=str(home / FILE_NAME)) from error


def _replace(home: Path, text: str) -> None:
    """Write the whole file anew: it is the old one or the new one, and never one that does not load."""
    target = home / FILE_NAME
    parse(text, target)
    try:
        # One name, so that what a kill leaves is overwritten the next time.
        begun = home / f".{FILE_NAME}.new"
        descriptor = os.open(
            begun, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(begun, target)
    except OSError as error:
        raise SettingsError(f"cannot be written: {error.strerror}", item=str(target)) from error
