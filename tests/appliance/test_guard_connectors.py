"""The guard starts connectors for a confined core: of accounts that the settings name, one pair for each."""

from __future__ import annotations

from tests.support.confined import outcomes
from tests.support.liar_server import PASSWORD, Honest, serving

# The parent is the guard, its child the core, under the watch and confined like the real one.
GUARDED = """
from appliance.guard import GuardClient, _answer
from appliance.errors import SettingsError
from ingest.connector.messages import FRAME_BYTES, REPLY, SignIn, Security
from ingest.errors import ConnectorRefused
from pathlib import Path
from policy.wire import Wire, WireError

ours, theirs = socket.socketpair()
back, forth = os.pipe()
core = os.fork()
if core == 0:
    ours.close()
    seccomp.prctl(1, signal.SIGKILL)
    guard = GuardClient(theirs.detach(), egress.install_watch())
    confine.confine("core", watched=True)

    def signed_in(sock):
        wire = Wire(sock, FRAME_BYTES)
        sign_in = SignIn(host="127.0.0.1", user="owner", secret={secret!r}, security=Security.NONE)
        wire.send(sign_in)
        return type(wire.receive(REPLY)[0]).__name__

    def refused(account):
        try:
            guard.connector(account)
        except ConnectorRefused as error:
            return [error.what, error.item, error.remedy]
{attempts}
    told["seen"] = guard.report().egress.by_process
    os.write(forth, json.dumps(told).encode())
    os._exit(0)
theirs.close()
os.close(forth)
asked = []

def allowed():
    asked.append(1)
    if len(asked) == 4:
        raise SettingsError("strongroom.toml, line 3: no", remedy="mend it")
    return {{"office": ("127.0.0.1", {port}), "home": ("127.0.0.1", {port})}}

_answer(Wire(ours, 1 << 20), allowed, Path("/nonexistent"))
os.waitpid(core, 0)
told = json.loads(os.read(back, 1 << 16))
import time
deadline = time.monotonic() + 30
while (left := open(f"/proc/self/task/{{os.getpid()}}/children").read()) and time.monotonic() < deadline:
    time.sleep(0.02)
told["left"] = left
"""

ATTEMPTS = """
first = guard.connector("office")
told["first"] = signed_in(first)
told["other account"] = signed_in(guard.connector("home"))
told["unknown"] = refused("elsewhere")
told["unreadable"] = refused("office")
second = guard.connector("office")
told["second"] = signed_in(second)
told["first is ended"] = first.recv(1) == b""
attempt("own socket", lambda: socket.socket())
"""


def test_a_confined_core_reaches_its_mail_only_through_connectors_of_named_accounts() -> None:
    attempts = "\n".join("    " + line for line in ATTEMPTS.strip().splitlines())
    with serving(Honest()) as server:
        told = outcomes(GUARDED.format(attempts=attempts, port=server.port, secret=PASSWORD.encode()))
    assert told == {
        "first": "SignedIn",
        "other account": "SignedIn",
        "unknown": ["no such mail account is set up", "elsewhere", None],
        "unreadable": ["strongroom.toml, line 3: no", "office", "mend it"],
        "second": "SignedIn",
        "first is ended": True,
        "own socket": "EPERM",
        "seen": {"strong-core": 1},  # connectors are watched too, and made none
        "left": "",
    }
