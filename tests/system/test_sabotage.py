"""Each layer of confinement taken away from a whole service: nothing untrusted comes in, and it says why."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.errors import RequestRefused
from policy import mode
from policy.confine import REQUIRED, Layer
from policy.errors import EXIT_CONFIG
from tests.support.running import Running, command, strongroom
from tests.support.sabotage import TAKEN, WATCH, around

# Without these nothing can be promised at all: not even what is stored is served.
VITAL = [WATCH, Layer.CALLS, Layer.NO_NEW_PRIVS]
OTHERS = [layer for layer in TAKEN if layer not in VITAL]
PATIENCE_S = 60.0

pytestmark = pytest.mark.skipif(
    not REQUIRED[mode.here()].issuperset([Layer.FILES]), reason="Landlock is not required here"
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A home with one letter in it, whose service was stopped."""
    running = Running(tmp_path_factory.mktemp("sabotage"))
    running.start()
    (running.drop / "letter.txt").write_text("The orchard wall is to be repaired before winter.")
    assert running.settled(1)["ENRICHED"] == 1
    assert running.stop() == 0
    yield running
    if running.process is not None:
        running.stop()


@pytest.mark.parametrize("layer", VITAL)
def test_without_a_filter_nothing_starts(
    service: Running, layer: str, capfd: pytest.CaptureFixture[str]
) -> None:
    served = command("serve", "--home", str(service.home), "--passphrase-file", str(service.key_file))
    began = time.monotonic()
    done = subprocess.run(
        [*around(layer), *served], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    with capfd.disabled():
        print(f" [{layer}: refused after {time.monotonic() - began:.2f} s]", end="")
    assert done.returncode == EXIT_CONFIG
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "kernel" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "layer", [pytest.param(each, marks=[] if each is Layer.FILES else pytest.mark.nightly) for each in OTHERS]
)
def test_without_a_layer_nothing_comes_in_and_search_stays_up(
    service: Running, layer: str, tmp_path: Path
) -> None:
    required = layer in REQUIRED[mode.here()]
    service.around = around(layer)
    service.log.write_bytes(b"")
    dropped = service.drop / "late.txt"
    dropped.write_text("A letter that comes too late.")
    service.start()
    try:
        [hit] = service.until(lambda: service.search("orchard wall"), "the letter to be found")
        assert hit["name"] == "letter.txt"
        told = service.client.call("GET", "/v1/status")
        if not required:
            service.until(lambda: not dropped.exists(), "the letter to be taken")
            return
        [line] = [line for line in told["degraded"] if "nothing is taken in" in line]
        assert layer in line
        assert layer in service.log.read_text().splitlines()[0]
        added = strongroom("add", str(dropped), "--home", str(service.home))
        assert added.returncode == EXIT_CONFIG
        assert layer in added.stderr
        assert len(added.stderr.splitlines()) == 1
        with pytest.raises(RequestRefused):
            service.client.call("POST", f"/v1/items/{hit['item']}/retry", {})
        assert {one["role"] for one in told["processes"]} <= {"guard", "core", "model"}
        assert dropped.exists()
    finally:
        code = service.stop()
        dropped.unlink(missing_ok=True)
    assert code == EXIT_CONFIG
