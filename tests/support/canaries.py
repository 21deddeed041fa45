"""Words that are nowhere but where they were planted, and the search for them in every form in which a thing
could keep them: on disks, in processes, in what a service prints.
"""

from __future__ import annotations

import base64
import contextlib
import os
import random
import shutil
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import zstandard

_LETTERS = "bcdfghjkmnpqrtvwxz"  # no language makes words of these
_MARK, _REST = 9, 6
_STREAMS = 64  # so many places of one file are tried as the start of a compressed stream
_UNPACKED = 1 << 24
_WHOLE_FILE = 1 << 26
_WATCH_S = 0.1


class Canaries:
    """All words begin with one mark, drawn anew each time, so that one search finds every one of them."""

    def __init__(self) -> None:
        self._dice = random.SystemRandom()
        self.mark = self._letters(_MARK)
        self.planted = dict[str, str]()  # word → where
        self._forms = _forms(self.mark)

    def new(self, where: str) -> str:
        """A new word, remembered with where it will be planted."""
        word = self.mark + self._letters(_REST)
        self.planted[word] = where
        return word

    def secret(self, text: str, where: str) -> None:
        """Search for something, too, that was not drawn here: a token."""
        self.planted[text] = where
        for name, form in _forms(text).items():
            self._forms[f"{where} as {name}"] = form

    def seen_in(self, content: bytes) -> list[str]:
        """In which forms a word stands in this, which word where it can be told."""
        found = self._plainly(content)
        for kind, unpacked in _unpacked(content):
            found += [f"{each} in {kind}" for each in self._plainly(unpacked)]
        return found

    def seen_below(self, folder: Path, spared: Collection[Path] = ()) -> list[str]:
        """Files that show a word, in their bytes or their names, and the names of everything else."""
        found = []
        for path in _below(folder, spared):
            found += [f"{path}: {each} in its name" for each in self.seen_in(os.fsencode(path.name))]
            with contextlib.suppress(OSError):  # another test's file, gone meanwhile
                if path.is_file() and not path.is_symlink():
                    with path.open("rb") as file:
                        content = file.read(_WHOLE_FILE)
                    found += [f"{path}: {each}" for each in self.seen_in(content)]
        return found

    def _plainly(self, content: bytes) -> list[str]:
        lower = content.lower()
        found = []
        for name, form in self._forms.items():
            at = (content if "base64" in name else lower).find(form)
            if at >= 0:
                word = lower[at : at + _MARK + _REST].decode("latin-1")
                found.append(f"{name} {self.planted.get(word, '')}".strip())
        return found

    def _letters(self, count: int) -> str:
        return "".join(self._dice.choice(_LETTERS) for _ in range(count))


def _forms(text: str) -> dict[str, bytes]:
    """How a text may be written: each is searched for in lower-cased bytes, but for base64."""
    plain = text.lower().encode()
    forms = {
        "plain": plain,  # UTF-8, Latin-1 and the like
        "UTF-16": b"\0".join(bytes([byte]) for byte in plain),  # both orders
        "UTF-32": b"\0\0\0".join(bytes([byte]) for byte in plain),
        "reversed": plain[::-1],
        "hex": plain.hex().encode(),
    }
    for shift in range(3):  # where it may begin among groups of three bytes; the edges depend on neighbours
        coded = base64.b64encode(bytes(shift) + text.encode())
        forms[f"base64 {shift}"] = coded[(0, 2, 3)[shift] : len(text) * 4 // 3 - 2]
    return forms


def _unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    """What decompresses in it, wherever it begins."""
    for start in _places(content, (zstandard.FRAME_HEADER,)):
        with contextlib.suppress(zstandard.ZstdError, MemoryError):
            yield "zstd", zstandard.ZstdDecompressor().decompressobj().decompress(content[start:])
    for start in _places(content, (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x1f\x8b\x08")):
        with contextlib.suppress(zlib.error):
            yield "deflate", zlib.decompressobj(wbits=47).decompress(content[start:], _UNPACKED)


def _places(content: bytes, beginnings: Iterable[bytes]) -> Iterator[int]:
    for beginning in beginnings:
        at = -1
        for _ in range(_STREAMS):
            at = content.find(beginning, at + 1)
            if at < 0:
                break
            yield at


def _below(folder: Path, spared: Collection[Path]) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) not in spared]
        yield from (Path(place, name) for name in (*folders, *files) if Path(place, name) not in spared)


def fresh_in(folders: Iterable[Path], since: float, spared: Collection[Path]) -> Iterator[Path]:
    """What was made or changed in shared folders since a time, two levels deep: where temporary files are."""
    for folder in folders:
        with contextlib.suppress(OSError):
            for entry in list(os.scandir(folder)):  # whole, since the caller may stop listening
                path = Path(entry.path)
                if path in spared or any(one.is_relative_to(path) for one in spared):
                    continue
                with contextlib.suppress(OSError):
                    inside = list(os.scandir(path)) if entry.is_dir(follow_symlinks=False) else []
                    for each in (entry, *inside):
                        if each.stat(follow_symlinks=False).st_ctime >= since:
                            yield Path(each.path)


def journal(since: float) -> bytes:
    """What the system's journal holds since then; nothing where there is none."""
    program = shutil.which("journalctl")
    if program is None:
        return b""
    asked = [program, "--quiet", "--output=export", f"--since=@{int(since)}"]
    return subprocess.run(asked, capture_output=True, check=False).stdout


def family(pid: int) -> set[int]:
    """A process and all below it."""
    parents = dict[int, int]()
    for entry in os.scandir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            stat = Path(entry.path, "stat").read_bytes()
            parents[int(entry.name)] = int(stat[stat.rindex(b")") + 2 :].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def shown_by(pid: int) -> bytes:
    """Title, command line, environment and threads' names of a process, as far as we may look."""
    told = b""
    places = [Path(f"/proc/{pid}/{name}") for name in ("comm", "cmdline", "environ")]
    with contextlib.suppress(OSError):
        places += [Path(entry.path, "comm") for entry in os.scandir(f"/proc/{pid}/task")]
    for place in places:
        with contextlib.suppress(OSError):
            told += place.read_bytes() + b"\n"
    return told


class Watched:
    """Looks at a process and all below it again and again, until the block ends."""

    def __init__(self, canaries: Canaries, root: Callable[[], int | None]) -> None:
        self.found = set[str]()
        self.looked_at = set[int]()
        self._canaries = canaries
        self._root = root
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_WATCH_S):
            root = self._root()
            for pid in family(root) if root else ():
                self.looked_at.add(pid)
                self.found |= {f"process {pid}: {each}" for each in self._canaries.seen_in(shown_by(pid))}


def now() -> float:
    """The time that file systems stamp with, which may lag behind the clock."""
    return time.time() - 1.0
