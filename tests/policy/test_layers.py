"""Every layer taken away from every row: it refuses where that is required, and says so where it is not."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import pytest

from policy import landlock
from policy.confine import REQUIRED, TABLE, Layer
from policy.errors import EXIT_CONFIG
from policy.mode import Mode
from tests.support.confined import PLAIN_USER, outcomes
from tests.support.sabotage import TAKEN

USERS = [0, PLAIN_USER] if os.geteuid() == 0 else [0]
# What cannot be taken on without a layer, and is named in its place: who may not change whether it is dumped,
# makes no user namespace.
BEFORE = {Layer.UNDUMPABLE: [Layer.NETWORK]}
SABOTAGED = [layer for layer in Layer if layer in TAKEN]

# Each case is a process: it is sabotaged, told where it is, and confines itself.
CASES = """
from policy import mode
from policy.confine import Layer, TABLE
from policy.mode import Mode
from tests.support.sabotage import TAKEN

def case(row, layer, where):
    heard, tells = os.pipe()
    child = os.fork()
    if child == 0:
        if layer:
            seccomp.load(TAKEN[layer])
        mode.here = lambda: Mode(where)
        try:
            said = {"layers": confine.confine(row, Limits())}
        except ConfinementError as error:
            said = {"error": str(error), "code": error.exit_code}
        os.write(tells, json.dumps(said).encode())
        os._exit(0)
    os.close(tells)
    os.waitpid(child, 0)
    with open(heard, "rb") as answer:
        return json.loads(answer.read() or "{}")

told = {f"{row} {layer} {where}": case(row, layer, where) for row, layer, where in wanted}
"""


@cache
def tried(user: int) -> dict[str, Any]:
    """What became of each case of this user: root needs no user namespace, so some kernels give it more."""
    wanted = [
        (row, layer, where)
        for row in TABLE
        for layer in ("", *map(str, SABOTAGED))
        for where in (Mode.SERVICE.value, Mode.CONTAINER.value)
    ]
    return outcomes(f"wanted = {wanted!r}\n" + CASES, user=user)


def here_without(row: str) -> set[Layer]:
    """The layers of a row that this kernel, and this test's not being in bubblewrap, can give it."""
    version = landlock.version()
    lacking = {Layer.BUBBLEWRAP}
    lacking |= {Layer.TCP} if version < landlock.ABI_WITH_TCP else set()
    lacking |= {Layer.SCOPE} if version < landlock.ABI_WITH_SCOPE else set()
    return set(TABLE[row].layers) - lacking


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("row", TABLE)
def test_nothing_taken_away_every_layer_is_in_force(row: str, user: int) -> None:
    assert set(tried(user)[f"{row}  container"]["layers"]) == here_without(row)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("layer", SABOTAGED, ids=str)
@pytest.mark.parametrize("row", TABLE)
def test_a_required_layer_that_is_missing_stops_its_row_and_is_named(
    row: str, layer: Layer, user: int
) -> None:
    # A service requires bubblewrap of the converter, in which no test is.
    for where in (Mode.CONTAINER,) if row == "converter" else (Mode.SERVICE, Mode.CONTAINER):
        said = tried(user)[f"{row} {layer} {where}"]
        if layer in TABLE[row].layers & REQUIRED[where]:
            assert said["code"] == EXIT_CONFIG
            assert any(str(each) in said["error"] for each in (layer, *BEFORE.get(layer, ())))
            assert os.uname().release in said["error"]
            assert "\n" not in said["error"]
        else:
            assert layer not in said["layers"]
            assert set(said["layers"]) == here_without(row) - {layer}


def test_what_is_required_grows_with_what_the_surroundings_grant() -> None:
    assert set(REQUIRED) == set(Mode)
    for mode, layers in REQUIRED.items():
        assert layers >= REQUIRED[Mode.CONTAINER], mode
    assert Layer.NETWORK in REQUIRED[Mode.SERVICE] - REQUIRED[Mode.CONTAINER]
    assert all(row.layers >= REQUIRED[Mode.CONTAINER] for row in TABLE.values())


# A file of the owner's that everybody may read: rights of users are not what keeps a row from it.
FILES = """
owned, given = tempfile.mkdtemp(), tempfile.mkdtemp()
for folder in (owned, given):
    os.chmod(folder, 0o777)
    open(folder + "/file", "w").write("secret")
    os.chmod(folder + "/file", 0o666)
if {user}:
    os.setgroups([]); os.setresgid(*[{user}] * 3); os.setresuid(*[{user}] * 3)
layers = confine.confine({row!r}, Limits(), {given})
for name, where in dict(owned=owned, given=given).items():
    attempt("read " + name, lambda: os.open(where + "/file", os.O_RDONLY))
    attempt("list " + name, lambda: os.open(where, os.O_RDONLY | os.O_DIRECTORY))
    attempt("write " + name, lambda: os.open(where + "/file", os.O_WRONLY))
    attempt("add " + name, lambda: os.open(where + "/new", os.O_WRONLY | os.O_CREAT))
    attempt("remove " + name, lambda: os.unlink(where + "/file"))
attempt("users", lambda: os.open("/etc/passwd", os.O_RDONLY))
attempt("run", lambda: os.posix_spawn("/bin/true", ["true"], {{}}))
attempt("run ours", lambda: os.waitpid(os.posix_spawn(sys.executable, ["python", "-V"], {{}}), 0))
"""


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("row", TABLE)
def test_a_row_opens_only_what_is_its_own_or_given_to_it(row: str, user: int) -> None:
    reads, writes = row == "core", row in ("core", "converter", "model", "zygote")
    argument = "writes=[given]" if writes else "reads=[given]"
    told = outcomes(FILES.format(row=row, user=user, given=argument))
    done = {name for name, outcome in told.items() if outcome == "done"}
    expected = {"read given", "list given"}
    expected |= {"write given", "add given", "remove given"} if writes else set()
    # The test's own interpreter may lie where only root goes.
    expected |= {"read owned", "list owned", "users"} | {"run ours"} & done if reads else set()
    assert done == expected
    assert {told[name] for name in told.keys() - done} <= {"EACCES", "EPERM"}


SCOPE = """
layers = confine.confine("core")
attempt("parent", lambda: os.kill(os.getppid(), 0))
child = os.fork()
if child == 0:
    signal.pause()
attempt("child", lambda: os.kill(child, signal.SIGKILL))
os.waitpid(child, 0)
attempt("user namespace", lambda: seccomp.unshare(0x10000000))
attempt("time namespace", lambda: seccomp.unshare(0x80))
attempt("by clone", lambda: seccomp.syscall("clone", 0x10000000 | 17, 0, 0, 0, 0))
attempt("by clone3", lambda: seccomp.syscall("clone3", bytes(88), 88))
told["layers"] = layers
"""


@pytest.mark.parametrize("user", USERS)
def test_the_core_signals_only_what_it_started_and_makes_no_namespace(user: int) -> None:
    told = outcomes(SCOPE, user=user)
    layers = told.pop("layers")
    assert isinstance(layers, list)
    assert told.pop("parent") == ("EPERM" if Layer.SCOPE in layers else "done")
    assert told.pop("child") == "done"
    assert told.pop("by clone3") == "ENOSYS"
    assert set(told.values()) == {"EPERM"}, told


CORE = """
from pathlib import Path
from policy import scratch
home = tempfile.mkdtemp()
if {user}:
    os.chown(home, {user}, {user})
    os.setgroups([]); os.setresgid(*[{user}] * 3); os.setresuid(*[{user}] * 3)
served = {{"tcp": socket.create_server(("127.0.0.1", 0)), "unix": socket.socket(socket.AF_UNIX)}}
served["unix"].bind(home + "/socket"); served["unix"].listen()
customer = os.fork()
if customer == 0:
    for sock in (socket.socket(), socket.socket(socket.AF_UNIX)):
        where = served["tcp" if sock.family == socket.AF_INET else "unix"].getsockname()
        sock.connect(where); sock.sendall(b"question"); sock.recv(10)
    os._exit(0)
index = scratch.private_folder(Path(home) / "run" / "index")
layers = confine.confine("core", writes=[home, str(index)])
for sock in served.values():
    peer, _ = sock.accept()
    peer.recv(10); peer.sendall(b"answer")
told["served"] = os.waitstatus_to_exitcode(os.waitpid(customer, 0)[1])
attempt("index", lambda: (index / "segment").write_bytes(b"words"))
attempt("home", lambda: os.rename(shutil.copy(index / "segment", home + "/part"), home + "/run/whole"))
told["private"] = index == Path(home) / "run" / "index"
told["layers"] = layers
"""


@pytest.mark.parametrize("user", USERS)
def test_the_core_serves_and_writes_from_within_all_its_layers(user: int) -> None:
    told = outcomes(CORE.format(user=user))
    assert (told["served"], told["index"], told["home"]) == (0, "done", "done")
    layers = told["layers"]
    assert isinstance(layers, list)
    # Who can have a folder of its own can have no network: both are namespaces.
    assert not told["private"] or Layer.NETWORK in layers
