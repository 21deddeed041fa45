"""The folder sources on real folders: the contract of every source, then what is peculiar to files."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import NotWhole, SourceError
from ingest.source import Arrival, Departure, News
from ingest.sources.drop_folder import FolderSource
from ingest.sources.tree import Tree
from ingest.sources.watcher import sends_events
from ingest.sources.whole import QUIET_S, Settling, Stamp, Writers, is_passing
from store.records import Origin
from tests.support.sources import (
    PATIENCE_S,
    MemoryFolder,
    MemorySource,
    SourceContract,
    locators,
    silence,
    told,
)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longer waits, shortened; their order stays."""
    monkeypatch.setattr("ingest.sources.drop_folder._POLL_S", 0.3)
    monkeypatch.setattr("ingest.sources.drop_folder.GONE_S", 0.6)
    for wait in ("GONE_S", "EMPTY_S", "UNSURE_S"):
        monkeypatch.setattr(f"ingest.sources.whole.{wait}", 0.6)


class FolderPlace:
    def __init__(self, root: Path, *, consume: bool, poll: bool) -> None:
        self.root, self._consume, self._poll = root, consume, poll

    def write(self, locator: str, content: bytes) -> None:
        path = self.root / locator
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def remove(self, locator: str) -> None:
        (self.root / locator).unlink(missing_ok=True)

    def source(self, known: Iterable[Origin] = ()) -> FolderSource:
        poll = True if self._poll else None
        return FolderSource("here", self.root, consume=self._consume, known=lambda: known, poll=poll)


class MemoryPlace(MemoryFolder):
    def __init__(self, *, consume: bool) -> None:
        super().__init__()
        self._consume = consume

    def source(self, known: Iterable[Origin] = ()) -> MemorySource:
        return MemorySource("here", self, consume=self._consume, known=lambda: known)


class TestDropFolder(SourceContract):
    keeps = False

    @pytest.fixture
    def place(self, tmp_path: Path) -> FolderPlace:
        return FolderPlace(tmp_path, consume=True, poll=False)


class TestWatchedFolder(SourceContract):
    keeps = True

    @pytest.fixture
    def place(self, tmp_path: Path) -> FolderPlace:
        return FolderPlace(tmp_path, consume=False, poll=False)


class TestPolledFolder(SourceContract):
    keeps = True

    @pytest.fixture
    def place(self, tmp_path: Path) -> FolderPlace:
        return FolderPlace(tmp_path, consume=False, poll=True)


class TestMemorySource(SourceContract):
    keeps = True

    @pytest.fixture
    def place(self) -> MemoryPlace:
        return MemoryPlace(consume=False)


class TestConsumingMemorySource(SourceContract):
    keeps = False

    @pytest.fixture
    def place(self) -> MemoryPlace:
        return MemoryPlace(consume=True)


@pytest.fixture
def drop(tmp_path: Path) -> FolderPlace:
    root = tmp_path / "drop"
    root.mkdir()
    return FolderPlace(root, consume=True, poll=False)


@pytest.fixture
def watched(tmp_path: Path) -> FolderPlace:
    root = tmp_path / "watched"
    root.mkdir()
    return FolderPlace(root, consume=False, poll=False)


@pytest.fixture
def plain_user(tmp_path: Path) -> Iterator[None]:
    """Permissions mean nothing to root, so be somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
    os.chown(tmp_path, 65534, 65534)
    os.seteuid(65534)
    yield
    os.seteuid(0)


class Reader:
    """Reads every arrival, as the intake does, and keeps what was read."""

    def __init__(self, source: FolderSource) -> None:
        self.source = source
        self.read: list[tuple[str, bytes]] = []
        self.refused: list[str] = []

    def __call__(self, news: News) -> None:
        if isinstance(news, Arrival):
            try:
                with self.source.open(news) as content:
                    self.read.append((news.origin.locator, content.read()))
            except NotWhole:
                self.source.defer(news)
                return
            except SourceError as error:
                self.refused.append(str(error))
                self.source.defer(news)
                return
        self.source.acknowledge(news)


def read(source: FolderSource, count: int) -> list[tuple[str, bytes]]:
    reader = Reader(source)
    told(source, count, reader)
    return reader.read


def later(seconds: float, function: object, *arguments: object) -> None:
    threading.Timer(seconds, function, arguments).start()  # type: ignore[arg-type]


def in_another_process(script: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-I", "-c", script, *map(str, arguments)])


# --- when a file is whole ---


@pytest.mark.parametrize("poll", [False, True])
def test_a_slow_writer_is_waited_for(drop: FolderPlace, poll: bool) -> None:
    script = (
        "import sys, time\n"
        "with open(sys.argv[1], 'wb', buffering=0) as file:\n"
        "    for _ in range(3):\n"
        "        file.write(b'piece')\n"
        "        time.sleep(0.5)\n"
    )
    writer = in_another_process(script, drop.root / "slow.txt")
    source = FolderSource("drop", drop.root, consume=True, poll=poll or None)
    assert read(source, 1) == [("slow.txt", b"piece" * 3)]
    assert writer.wait(PATIENCE_S) == 0


def test_a_program_that_writes_in_several_goes_is_waited_for(drop: FolderPlace) -> None:
    def goes() -> None:
        for _ in range(8):
            with (drop.root / "goes.txt").open("ab") as file:
                file.write(b"go ")
            time.sleep(0.05)

    later(0.2, goes)
    assert read(drop.source(), 1) == [("goes.txt", b"go " * 8)]


def test_a_file_made_empty_and_filled_later_is_taken_full(drop: FolderPlace) -> None:
    drop.write("late.txt", b"")
    later(0.4, drop.write, "late.txt", b"full")
    assert read(drop.source(), 1) == [("late.txt", b"full")]


def test_an_empty_file_is_taken_in_the_end(drop: FolderPlace) -> None:
    drop.write("empty.txt", b"")
    assert read(drop.source(), 1) == [("empty.txt", b"")]


def test_renamed_into_place(drop: FolderPlace, tmp_path: Path) -> None:
    drop.write("scan.pdf.part", b"half")
    (tmp_path / "moved.txt").write_bytes(b"moved")

    def finish() -> None:
        drop.write("scan.pdf.part", b"whole")
        os.rename(drop.root / "scan.pdf.part", drop.root / "scan.pdf")
        os.rename(tmp_path / "moved.txt", drop.root / "moved.txt")

    later(0.7, finish)
    assert sorted(read(drop.source(), 2)) == [("moved.txt", b"moved"), ("scan.pdf", b"whole")]
    assert list(drop.root.iterdir()) == []


def test_a_folder_moved_in_whole(drop: FolderPlace, tmp_path: Path) -> None:
    deep = tmp_path / "moved" / "deep" / "deeper"
    deep.mkdir(parents=True)
    (deep / "a.txt").write_bytes(b"a")
    (tmp_path / "moved" / "b.txt").write_bytes(b"b")
    later(0.5, os.rename, tmp_path / "moved", drop.root / "moved")
    source = drop.source()
    assert sorted(read(source, 2)) == [("moved/b.txt", b"b"), ("moved/deep/deeper/a.txt", b"a")]


def test_a_tree_copied_in_slowly(drop: FolderPlace) -> None:
    def copy() -> None:
        for n in range(12):
            drop.write(f"tree/{n % 3}/sub{n}/file.txt", b"%d" % n)
            time.sleep(0.05)

    later(0.2, copy)
    assert sorted(content for _, content in read(drop.source(), 12)) == sorted(b"%d" % n for n in range(12))


def test_an_editor_that_saves_by_backup_makes_one_version(watched: FolderPlace) -> None:
    watched.write("notes.txt", b"first")

    def save() -> None:  # as vim does
        watched.write("4913", b"")
        watched.remove("4913")
        os.rename(watched.root / "notes.txt", watched.root / "notes.txt~")
        time.sleep(0.1)
        watched.write("notes.txt", b"second")
        watched.remove("notes.txt~")

    later(0.7, save)
    source = watched.source()
    first, second = told(source, 2)
    assert isinstance(second, Arrival)
    assert (locators([first, second]), second.new_version) == (["notes.txt", "notes.txt"], True)
    assert silence(watched.source([second.origin]), 1.2) == []


@pytest.mark.parametrize(
    "path",
    [
        *("a.part", "a.pdf.partial", "a.CRDOWNLOAD", "a.tmp", "a.swp", "~$report.docx", "a.txt~", "#a.txt#"),
        *(
            ".~lock.report.odt#",
            ".a.txt.swp",
            ".hidden",
            "sub/.hidden/a.txt",
            ".git/config",
            ".goutputstream-X",
        ),
    ],
)
def test_passing_files_are_known_by_name(path: str) -> None:
    assert is_passing(path)


@pytest.mark.parametrize(
    "path", ["a.txt", "4913", "part", "tmp/a.txt", "a.part.pdf", "~a", "C#.txt", "no suffix"]
)
def test_ordinary_names_are_not_passing(path: str) -> None:
    assert not is_passing(path)


def test_passing_files_are_left_alone(drop: FolderPlace) -> None:
    names = ["a.part", "~$b.docx", ".hidden", "c~", "sub/d.crdownload"]
    for name in names:
        drop.write(name, b"x")
    assert silence(drop.source(), 1.2) == []
    assert all((drop.root / name).exists() for name in names)


STAMPS = st.one_of(st.none(), st.builds(Stamp, st.integers(1, 2), st.integers(0, 2), st.integers(0, 2)))


@given(st.lists(st.tuples(st.floats(0, 3), STAMPS, st.sampled_from(Writers)), max_size=30))
@settings(deadline=None)
def test_whatever_is_seen_a_path_settles_only_at_rest_and_unwritten(
    looks: list[tuple[float, Stamp | None, Writers]],
) -> None:
    settling, now, seen = Settling(), 0.0, []
    for pause, stamp, writers in looks:
        now += pause
        seen.append((now, stamp))
        if settling.see("path", stamp, now) and settling.is_settled("path", writers, now):
            rest = now - next(
                when
                for when, _ in (seen[n] for n in range(len(seen)) if all(s == stamp for _, s in seen[n:]))
            )
            assert rest >= QUIET_S - 1e-9
            assert stamp is None or writers is not Writers.SOME
            settling.forget("path")
            seen.clear()


@given(st.floats(0, 1e6), st.integers(1, 1 << 40))
def test_a_quiet_closed_file_settles_after_the_quiet_time(start: float, size: int) -> None:
    settling, stamp = Settling(), Stamp(1, size, 1)
    settling.see("path", stamp, start)
    due = settling.next_due()
    assert due is not None
    assert due <= start + QUIET_S + 1e-6
    assert settling.due(due) == ["path"]
    assert settling.see("path", stamp, due)
    assert settling.is_settled("path", Writers.NONE, due)


def test_a_file_held_open_is_looked_at_ever_less_often_but_soon_enough() -> None:
    settling, stamp, now = Settling(), Stamp(1, 1, 1), 0.0
    settling.see("log", stamp, now)
    looks = 0
    while (now := settling.next_due() or 0) < 100:
        assert settling.see("log", stamp, now)
        assert not settling.is_settled("log", Writers.SOME, now)
        looks += 1
    assert 50 <= looks <= 60


def test_asking_who_writes_never_harms_us_or_the_writer(tmp_path: Path) -> None:
    (tmp_path / "busy").write_bytes(b"x")
    (tmp_path / "idle").write_bytes(b"x")
    script = (
        "import sys, time\n"
        "end = time.monotonic() + 1.5\n"
        "while time.monotonic() < end:\n"
        "    open(sys.argv[1], 'ab').close()\n"
    )
    writer = in_another_process(script, tmp_path / "busy")
    tree, answers = Tree(tmp_path), set()
    while writer.poll() is None:
        answers.add(tree.writers("busy"))
    assert writer.returncode == 0
    assert Writers.UNKNOWN not in answers
    assert tree.writers("idle") is Writers.NONE
    with (tmp_path / "busy").open("ab"):
        assert tree.writers("busy") is Writers.SOME


# --- what is never taken ---


def test_links_and_special_files_are_never_taken_nor_waited_for(drop: FolderPlace, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_bytes(b"secret")
    (drop.root / "link.txt").symlink_to(outside / "secret.txt")
    (drop.root / "folder").symlink_to(outside)
    (drop.root / "loop").symlink_to(drop.root)
    os.mkfifo(drop.root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(drop.root / "socket"))
        drop.write("real.txt", b"real")
        later(0.7, (outside / "later.txt").write_bytes, b"later")
        reader = Reader(drop.source())
        stop = threading.Event()
        later(1.5, stop.set)
        for news in reader.source.arrivals(stop):
            reader(news)
    assert reader.read == [("real.txt", b"real")]
    assert sorted(path.name for path in outside.iterdir()) == ["later.txt", "secret.txt"]


def test_a_folder_that_became_a_link_leads_nowhere(watched: FolderPlace, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    watched.write("sub/a.txt", b"inside")
    os.link(watched.root / "sub" / "a.txt", outside / "a.txt")  # the very same file, so only the way differs
    source = watched.source()

    def swap(news: News) -> None:
        assert isinstance(news, Arrival)
        shutil.rmtree(watched.root / "sub")
        (watched.root / "sub").symlink_to(outside)
        with pytest.raises(NotWhole):
            source.open(news)

    told(source, 1, swap)


@pytest.mark.usefixtures("plain_user")
def test_an_unreadable_file_is_told_and_taken_once_it_is_readable(drop: FolderPlace) -> None:
    drop.write("closed.txt", b"content")
    drop.write("open.txt", b"content")
    (drop.root / "closed.txt").chmod(0)
    reader = Reader(drop.source())
    later(2.5, (drop.root / "closed.txt").chmod, 0o600)
    stop = threading.Event()
    later(PATIENCE_S, stop.set)
    for news in reader.source.arrivals(stop):
        reader(news)
        if len(reader.read) == 2:
            stop.set()
    assert reader.read == [("open.txt", b"content"), ("closed.txt", b"content")]
    assert reader.refused
    assert all(refused.startswith("UNREADABLE: Permission denied") for refused in reader.refused)


@pytest.mark.usefixtures("plain_user")
def test_what_is_in_a_folder_that_may_not_be_read_is_not_gone(watched: FolderPlace) -> None:
    watched.write("sub/a.txt", b"a")
    (first,) = told(watched.source(), 1)
    assert isinstance(first, Arrival)
    (watched.root / "sub").chmod(0)
    try:
        assert silence(watched.source([first.origin]), 1.2) == []
    finally:
        (watched.root / "sub").chmod(0o700)


@pytest.mark.usefixtures("plain_user")
def test_an_original_that_may_not_be_removed_is_told_once_and_left(drop: FolderPlace) -> None:
    drop.write("a.txt", b"a")
    drop.root.chmod(0o500)
    source, errors = drop.source(), []

    def acknowledge(news: News) -> None:
        with pytest.raises(SourceError) as caught:
            source.acknowledge(news)
        errors.append(str(caught.value))

    stop = threading.Event()
    later(1.5, stop.set)
    for news in source.arrivals(stop):
        acknowledge(news)
    drop.root.chmod(0o700)
    assert len(errors) == 1
    assert "could not be removed" in errors[0]
    assert (drop.root / "a.txt").read_bytes() == b"a"


# --- names, numbers, places ---


@pytest.mark.parametrize("arrives_later", [False, True])
def test_names_that_are_not_utf8_become_text(drop: FolderPlace, arrives_later: bool) -> None:
    name = os.fsencode(drop.root) + b"/caf\xe9.txt"

    def write() -> None:
        with open(name, "wb") as file:
            file.write(b"menu")
        drop.write("after.txt", b"after")

    if arrives_later:
        later(0.5, write)
    else:
        write()
    assert sorted(read(drop.source(), 2)) == [("after.txt", b"after"), (r"caf\xe9.txt", b"menu")]
    assert list(drop.root.iterdir()) == []


def test_a_name_that_is_not_utf8_is_known_again_after_a_restart(watched: FolderPlace) -> None:
    with open(os.fsencode(watched.root) + b"/caf\xe9.txt", "wb") as file:
        file.write(b"menu")
    (first,) = told(watched.source(), 1)
    assert isinstance(first, Arrival)
    assert silence(watched.source([first.origin]), 1.2) == []


def test_a_name_as_long_as_names_can_be(drop: FolderPlace) -> None:
    drop.write("n" * 255, b"long")
    assert read(drop.source(), 1) == [("n" * 255, b"long")]
    assert list(drop.root.iterdir()) == []


def test_very_many_files_newest_first(drop: FolderPlace) -> None:
    for n in range(1000):
        (drop.root / f"{n}").write_bytes(b"x")
        os.utime(drop.root / f"{n}", ns=(n, n))
    found = locators(told(drop.source(), 1000))
    assert found == [str(n) for n in reversed(range(1000))]
    assert list(drop.root.iterdir()) == []


def test_what_comes_while_many_are_taken_goes_first(drop: FolderPlace) -> None:
    for n in range(200):
        (drop.root / f"{n}").write_bytes(b"x")
        os.utime(drop.root / f"{n}", ns=(n, n))
    source, order = drop.source(), []

    def slowly(news: News) -> None:
        order.extend(locators([news]))
        if len(order) == 10:
            drop.write("urgent", b"x")
        time.sleep(0.01)
        source.acknowledge(news)

    told(source, 201, slowly)
    assert order.index("urgent") < 100


def test_a_root_that_comes_later_and_goes_and_comes_back(tmp_path: Path) -> None:
    root = tmp_path / "stick"
    place = FolderPlace(root, consume=False, poll=False)
    later(0.5, place.write, "a.txt", b"a")
    source = place.source()
    (first,) = told(source, 1)
    assert isinstance(first, Arrival)
    os.rename(root, tmp_path / "elsewhere")
    assert silence(place.source([first.origin]), 1.2) == []  # missing
    root.mkdir()
    assert silence(place.source([first.origin]), 1.2) == []  # a mount point without its disk
    root.rmdir()
    os.rename(tmp_path / "elsewhere", root)
    place.write("b.txt", b"b")
    assert locators(told(place.source([first.origin]), 1)) == ["b.txt"]


def test_a_watched_folder_emptied_by_its_owner(watched: FolderPlace) -> None:
    for name in ("a", "sub/b", "sub/deep/c"):
        watched.write(name, b"x")

    def empty() -> None:
        shutil.rmtree(watched.root / "sub")
        watched.remove("a")

    later(0.7, empty)
    news = told(watched.source(), 6)
    assert sorted(locators(one for one in news if isinstance(one, Departure))) == ["a", "sub/b", "sub/deep/c"]


def test_a_folder_moved_out_of_a_watched_folder(watched: FolderPlace, tmp_path: Path) -> None:
    watched.write("sub/deep/a", b"x")
    later(0.7, os.rename, watched.root / "sub", tmp_path / "out")
    assert told(watched.source(), 2)[1] == Departure(locator="sub/deep/a")


def test_a_watched_folder_is_never_touched(watched: FolderPlace) -> None:
    for name in ("a", "sub/b", "empty/.keep"):
        watched.write(name, b"x")

    def state() -> list[tuple[Path, int, int, int]]:
        found = [(path, path.stat()) for path in sorted([watched.root, *watched.root.rglob("*")])]
        return [(path, status.st_mtime_ns, status.st_ctime_ns, status.st_ino) for path, status in found]

    before = state()
    read(watched.source(), 2)
    assert state() == before


MOUNTS = r"""
25 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
26 25 0:23 / /mnt/share rw - cifs //nas/docs rw
27 25 0:24 / /mnt/with\040space rw - nfs4 nas:/x rw
28 25 0:25 / /mnt/c rw - 9p drvfs rw
29 25 0:26 / /home/ann/cloud rw - fuse.rclone remote rw
34 25 0:31 / /mnt/bücher rw - nfs nas:/z rw
30 25 0:27 / /mnt/usb rw - fuseblk /dev/sdb1 rw
31 26 0:28 / /mnt/share/local rw - ext4 /dev/sdc1 rw
32 25 0:29 / /mnt/over rw - nfs nas:/y rw
33 25 0:30 / /mnt/over rw - ext4 /dev/sdd1 rw
""".strip().splitlines()


@pytest.mark.parametrize(
    ("root", "sends"),
    [
        *(("/home/bob", True), ("/mnt/share", False), ("/mnt/share/sub", False), ("/mnt/shared", True)),
        *(("/mnt/with space/x", False), ("/mnt/c/Users", False), ("/home/ann", False), ("/mnt/usb/x", True)),
        *(("/mnt/share/local", True), ("/mnt/over", True), ("/", False), ("/mnt/bücher/x", False)),
    ],
)
def test_which_folders_send_events(root: str, sends: bool) -> None:
    assert sends_events(root, MOUNTS) is sends


def test_where_no_more_watches_are_granted_the_folder_is_polled(
    drop: FolderPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(28, "OS file watch limit reached")

    monkeypatch.setattr("ingest.sources.watcher.RustNotify", refuse)
    later(0.5, drop.write, "a.txt", b"a")
    assert read(drop.source(), 1) == [("a.txt", b"a")]


def test_missed_events_are_caught_by_the_safety_look(
    drop: FolderPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.sources.drop_folder._SAFETY_S", 1.0)
    monkeypatch.setattr("ingest.sources.drop_folder._SAFETY_FACTOR", 1.0)
    source = drop.source()
    monkeypatch.setattr(source, "_notice", lambda path: None)
    later(0.5, drop.write, "a.txt", b"a")
    assert locators(told(source, 1)) == ["a.txt"]


# --- consuming ---


def test_a_file_renamed_over_the_stored_one_is_not_removed(drop: FolderPlace, tmp_path: Path) -> None:
    drop.write("scan.pdf", b"first")
    (tmp_path / "next").write_bytes(b"other")
    stamp = Stamp.of((drop.root / "scan.pdf").stat())
    os.rename(tmp_path / "next", drop.root / "scan.pdf")
    assert not Tree(drop.root).take_away("scan.pdf", stamp)
    assert (drop.root / "scan.pdf").read_bytes() == b"other"


def test_a_file_that_somebody_writes_to_is_not_removed(drop: FolderPlace) -> None:
    drop.write("log.txt", b"first ")
    source = drop.source()
    held = []
    contents = []

    def answer(news: News) -> None:
        assert isinstance(news, Arrival)
        with source.open(news) as content:
            contents.append(content.read())
        if not held:
            held.append((drop.root / "log.txt").open("ab", buffering=0))  # opened, and nothing written yet
            later(0.7, lambda: (held[0].write(b"second"), held[0].close()))
        source.acknowledge(news)

    told(source, 2, answer)
    assert contents == [b"first ", b"first second"]
    assert list(drop.root.iterdir()) == []


def test_what_a_kill_left_aside_comes_back(drop: FolderPlace) -> None:
    drop.write("sub/.taken-a.txt", b"stored before the kill")
    drop.write("sub/.taken-b.txt", b"old")
    drop.write("sub/b.txt", b"new")
    assert sorted(read(drop.source(), 3)) == [
        ("sub/1 b.txt", b"old"),
        ("sub/a.txt", b"stored before the kill"),
        ("sub/b.txt", b"new"),
    ]


def test_folders_that_consuming_emptied_are_removed_and_no_others(
    drop: FolderPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.sources.drop_folder._TIDY_S", 0.3)
    drop.write("a/b/c.txt", b"c")
    drop.write("busy/d.txt", b"d")
    drop.write("busy/e.part", b"e")
    (drop.root / "never used").mkdir()
    assert len(silence(drop.source(), 1.5)) == 2
    assert sorted(path.name for path in drop.root.iterdir()) == ["busy", "never used"]
