"""The one place that reads `strongroom.toml` and the environment, once, into typed values.

Nothing else in the project looks at either. The passphrase is not a setting: `appliance/passphrase.py`.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from appliance.errors import SettingsError
from enrich.schema import ProjectSpec, TagSpec
from ingest.mail.account import MailAccount

FILE_NAME = "strongroom.toml"
SOCKET_NAME = "run/api.sock"
_UNPROTECTED = "STRONGROOM_BENCH_UNPROTECTED"

TEMPLATE = """\
# Strongroom's configuration. Every line may be left out; the service reads it at start.

[service]
# listen = "127.0.0.1:8470"      # loopback only; "" serves on the Unix socket alone

[drop]
# folder = "drop"                # what lands here is stored, then removed; relative to this file

# [[watch]]                      # folders that are read and never touched
# name = "papers"
# folder = "/home/me/papers"

[reading]
# ocr_languages = ["eng", "deu"] # Tesseract's names

# [[mail]]                       # mailboxes that are read and never changed; see: strongroom mail add
# name = "office"
# host = "imap.example.org"      # the only host that is reached for it
# user = "me@example.org"
# exclude = ["\\\\Junk", "\\\\Trash", "Drafts"]  # names, or what the server marks folders as

[model]
# embedder = "/path/to/a/sentence-transformers/folder"
# reranker = "/path/to/a/cross-encoder/folder"  # reads the first hits once more; a search takes longer
# gguf = "/path/to/a/model.gguf" # without it the built-in reader does the reading

[digest]
# at = "06:00"                   # of this machine's time: the morning's digest tells what came in until then

# [[project]]
# name = "Alder House"
# aliases = ["Alder Lane 4"]
# people = ["maria@example.org"]
# keywords = ["roof", "permit"]

# [[tag]]
# name = "invoice"
# description = "A bill that asks for payment"
# words = ["invoice", "Rechnung"]
"""


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the sections: a misspelt key is an error, not a silence."""


class Service(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the API listens, apart from the Unix socket in the home."""

    listen: str = "127.0.0.1:8470"


class Drop(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The folder that consumes what is put into it."""

    folder: str = "drop"


class Watch(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder that is read and never touched."""

    name: str
    folder: str


class ReadingSettings(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How documents are read."""

    ocr_languages: tuple[str, ...] = ("eng", "deu")
    workers: int = 0  # 0: one for each core


class DigestSettings(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a day ends and its digest is ready."""

    at: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "06:00"


class Model(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Models that the owner brings; paths on this machine."""

    embedder: str | None = None
    reranker: str | None = None
    gguf: str | None = None


class File(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`strongroom.toml` as written."""

    service: Service = Service()
    drop: Drop = Drop()
    watch: tuple[Watch, ...] = ()
    reading: ReadingSettings = ReadingSettings()
    model: Model = Model()
    digest: DigestSettings = DigestSettings()
    project: tuple[ProjectSpec, ...] = ()
    tag: tuple[TagSpec, ...] = ()
    mail: tuple[MailAccount, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the appliance runs by: the file, with its paths made absolute."""

    home: Path
    file: File

    @property
    def drop_folder(self) -> Path:
        """The consuming folder, absolute."""
        return self.home / self.file.drop.folder

    @property
    def socket_path(self) -> Path:
        """The Unix socket of the API."""
        return self.home / SOCKET_NAME

    @property
    def tcp_address(self) -> tuple[str, int] | None:
        """Host and port on loopback, or None when only the Unix socket serves."""
        return parse_listen(self.file.service.listen)

    @property
    def parser_workers(self) -> int:
        """How many documents are read at a time."""
        return self.file.reading.workers or os.cpu_count() or 1


def home_folder() -> Path:
    """`STRONGROOM_HOME`, else what systemd assigned to the service, else a folder of the person."""
    for variable in ("STRONGROOM_HOME", "STATE_DIRECTORY"):
        if value := os.environ.get(variable):
            return Path(value).absolute()
    return Path("~/.local/share/strongroom").expanduser()


def load(home: Path) -> Settings:
    """Read `strongroom.toml` of a home; a missing file means the defaults.

    Raises:
        SettingsError: with the file's line where it can be told.
    """
    path = home / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings(home=home, file=File())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot be read: {type(error).__name__}", item=str(path)) from error
    return Settings(home=home, file=parse(text, path))


def require_protection() -> None:
    """Refuse a service where the environment says to take protection away. Only measuring its cost does
    (`bench/bare.py`), from outside and on homes of its own.

    Raises:
        SettingsError
    """
    if _UNPROTECTED in os.environ:
        raise SettingsError(f"{_UNPROTECTED} is set: no service runs without protection", remedy="unset it")


def parse(text: str, path: Path) -> File:
    """Check what a configuration says; `path` is for the error and for its relative folders.

    Raises:
        SettingsError: with the file's line where it can be told.
    """
    try:
        file = msgspec.convert(tomllib.loads(text), File)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(str(error), item=str(path)) from error
    except msgspec.ValidationError as error:
        raise SettingsError(_with_line(str(error), text), item=str(path)) from error
    _check(file, path)
    return file


def parse_listen(listen: str) -> tuple[str, int] | None:
    """Split `host:port`; only loopback hosts are accepted, because nothing here speaks TLS."""
    if not listen:
        return None
    host, _, port = listen.rpartition(":")
    if host not in ("127.0.0.1", "localhost", "[::1]") or not port.isdigit() or int(port) > 65535:
        raise SettingsError(
            f"service.listen is {listen!r}", remedy="use 127.0.0.1:PORT, [::1]:PORT, or an empty string"
        )
    return ("::1" if host == "[::1]" else "127.0.0.1", int(port))


def _check(file: File, path: Path) -> None:
    parse_listen(file.service.listen)
    for what, names in (
        ("watch", [watch.name for watch in file.watch]),
        ("project", [project.name for project in file.project]),
        ("tag", [tag.name for tag in file.tag]),
        ("mail", [account.name for account in file.mail]),
    ):
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise SettingsError(f"two [[{what}]] entries are named {sorted(twice)[0]!r}", item=str(path))
    consumed = path.parent / file.drop.folder
    for watch in file.watch:
        folder = Path(watch.folder)
        if not folder.is_absolute():
            raise SettingsError(f"watch {watch.name!r}: the folder must be an absolute path", item=str(path))
        # Else it would take in its own store, or one source would remove what the other never touches.
        for other in (path.parent, consumed):
            if folder.is_relative_to(other) or other.is_relative_to(folder):
                raise SettingsError(f"watch {watch.name!r}: {folder} and {other} overlap", item=str(path))


def _with_line(message: str, text: str) -> str:
    """Point at the first line that holds the key which msgspec names (`... - at `$.service.listen``)."""
    found = re.search(r"unknown field `(\w+)`", message) or re.search(r"\.(\w+)(?:\[\S*\])?`$", message)
    if found:
        for number, line in enumerate(text.splitlines(), start=1):
            if re.match(rf"\s*(\[+\s*)?{found[1]}\b", line):
                return f"line {number}: {message}"
    return message


def as_builtins(settings: Settings) -> dict[str, Any]:
    """The settings as plain values, for `doctor` and `status`."""
    found: dict[str, Any] = msgspec.to_builtins(settings.file)
    return found
