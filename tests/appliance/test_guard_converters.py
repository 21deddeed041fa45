"""The guard starts converters for a confined core: one at a time, and none outlives its core."""

from __future__ import annotations

from pathlib import Path

from tests.support.confined import outcomes
from tests.support.converting import needs_a_box  # noqa: F401 a fixture
from tests.support.old_office import made

# The parent is the guard, its child the core, under the watch and confined like the real one.
GUARDED = """
from pathlib import Path
from appliance import guard as guards
from appliance.guard import GuardClient, _answer
from ingest.converter import libreoffice
from ingest.converter.convert import Converter
from ingest.converter.launch import Launcher
from ingest.errors import ConverterUnavailable, PoolDown
from policy import box
from policy.wire import Wire, WireError
from tests.support.converting import EVIL, running

home = Path({home!r})
if {evil}:
    def launcher(watch, home, limits):
        return Launcher(watch, home, limits, module=EVIL, reads=({tests!r},))
    guards.Launcher = launcher
    for name in ("libmergedlo.so", "libswlo.so"):
        (home / name).touch()
    libreoffice.PROGRAM = home
document = os.memfd_create("document")
os.write(document, {document!r})
ours, theirs = socket.socketpair()
back, forth = os.pipe()
core = os.fork()
if core == 0:
    ours.close()
    os.close(back)
    seccomp.prctl(1, signal.SIGKILL)
    guard = GuardClient(theirs.detach(), egress.install_watch())
    confine.confine("core", watched=True, writes=[str(home)])
    converter = Converter(guard.converter, Limits(convert_wall_s=120.0))

    def tell():
        os.write(forth, json.dumps(told).encode())
        os._exit(0)
{attempts}
    tell()
theirs.close()
os.close(forth)
{meanwhile}
_answer(Wire(ours, 1 << 20), dict, home)
os.waitpid(core, 0)
told = json.loads(os.read(back, 1 << 16) or "{{}}")
deadline = time.monotonic() + 30
while (left := running()) and time.monotonic() < deadline:
    time.sleep(0.02)
told["left"] = left
"""


def guarded(
    home: Path, attempts: str, *, document: bytes = b"hang", meanwhile: str = "", evil: bool = True
) -> dict[str, object]:
    indented = "\n".join("    " + line for line in attempts.strip().splitlines())
    tests = str(Path(__file__).resolve().parents[1])
    script = GUARDED.format(
        attempts=indented, home=str(home), document=document, evil=evil, tests=tests, meanwhile=meanwhile
    )
    return outcomes(script)


def test_a_confined_core_has_a_document_converted_and_nobody_reaches_out(tmp_path: Path) -> None:
    told = guarded(
        tmp_path,
        """
result = converter.convert(document, "doc")
told["head"], told["layers"] = os.read(result, 2).decode(), converter.layers
report = guard.report()
told["seen"], told["self tests"] = report.egress.by_process, report.egress.self_tests
told["running"] = report.processes
""",
        document=made("doc"),
        evil=False,
    )
    assert told["head"] == "PK"
    assert "bubblewrap" in told["layers"]  # type: ignore[operator]
    assert told["seen"] == {}
    assert told["self tests"] >= 4, "the core's and the converter's"  # type: ignore[operator]
    assert told["running"] == told["left"] == []


def test_what_a_converter_attempts_is_in_the_guards_report(tmp_path: Path) -> None:
    told = guarded(
        tmp_path,
        """
os.close(converter.convert(document, "doc"))
attempt("own", lambda: socket.socket())
told["seen"] = guard.report().egress.by_process
""",
        document=b"reach 5",
    )
    assert told["seen"] == {"strong-convert": 5, "strong-core": 1}


def test_a_new_one_takes_the_place_of_the_former(tmp_path: Path) -> None:
    """A core that was taken over asks and asks: there is one converter, and no descriptor more."""
    told = guarded(
        tmp_path,
        """
before = len(os.listdir("/proc/self/fd"))
kept = [guard.converter("doc") for _ in range(20)]
told["processes"] = len(guard.report().processes)
told["ended"] = [one.wire.recv(1) == b"" for one in kept[:-1]]
told["alive"] = kept[-1].wire.recv(1) != b""
for kind in ("exe", "../../bin/sh", ""):
    try:
        guard.converter(kind)
    except ConverterUnavailable as error:
        told[kind] = error.what
""",
    )
    assert told["processes"] == 1
    assert told["ended"] == [True] * 19
    assert told["alive"] is True
    assert [told[kind] for kind in ("exe", "../../bin/sh", "")] == ["there is no such conversion"] * 3
    assert told["left"] == []


def test_when_the_core_dies_its_converter_does(tmp_path: Path) -> None:
    told = guarded(
        tmp_path,
        """
threading.Thread(target=converter.convert, args=(document, "wpd"), daemon=True).start()
while not converter.layers:  # then it has its task, and only being killed ends it
    time.sleep(0.01)
time.sleep(0.2)
os.kill(os.getpid(), signal.SIGKILL)
""",
    )
    assert told == {"left": []}


def test_the_core_hears_why_there_is_none(tmp_path: Path) -> None:
    told = guarded(
        tmp_path,
        """
try:
    guard.converter("doc")
except ConverterUnavailable as error:
    told["says"] = [error.what, error.remedy]
told["still there"] = guard.report().egress.total
""",
        meanwhile="""
from policy import mode
mode.here = lambda: mode.Mode.SHELL
box.PROGRAM = "/nonexistent"
""",
    )
    assert told["says"] == ["bubblewrap is not installed", "install the Debian package bubblewrap"]
    assert told["still there"] == 0


def test_want_of_a_process_is_no_documents_fault(tmp_path: Path) -> None:
    told = guarded(
        tmp_path,
        """
try:
    guard.converter("doc")
except PoolDown as error:
    told["says"] = error.what
""",
        meanwhile="""
from ingest.converter import launch
def fail(*_, **__):
    raise OSError(errno.EAGAIN, "there are too many")
launch.children.spawn = fail
""",
    )
    assert told["says"] == "the converter cannot be started (there are too many)"
