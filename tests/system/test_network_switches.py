"""The switches that quiet libraries are belt and braces: without them, still nothing leaves a room that has a
way out, and what the libraries then try is refused and counted. Nor does it take more than one of the layers.

The controls: where the layers are gone as well, the libraries are heard.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ingest.readers import samples
from policy.children import SWITCHES
from policy.confine import Layer
from tests.support import netlab
from tests.support.frames import Frame
from tests.support.loosened import around
from tests.support.running import running

ALL = tuple(switch.name for switch in SWITCHES)
HEARD = "packages.unstructured.io"  # which this library calls as soon as it is imported
TELEMETRY_S = 90.0  # onnxruntime first speaks tens of seconds after its start
UNQUIETED = """
import os
for name in {names}:
    os.environ.pop(name, None)
type(os.environ).__setitem__ = lambda *_: None
from ingest.readers import offline_unstructured
offline_unstructured.partitioner()
"""
PARSER = {"strong-zygote", "strong-parser"}

# Each by itself keeps a process from a network.
FILTER = (Layer.CALLS,)
NAMESPACE = (Layer.NETWORK,)
LANDLOCK = (Layer.FILES, Layer.TCP, Layer.SCOPE)


@dataclass(frozen=True)
class Outcome:
    """A service's short life."""

    frames: list[Frame]  # that left
    attempts: list[dict[str, Any]]  # that the guard's watch saw
    total: int


def live(
    folder: Path, *, switches: Sequence[str], layers: Sequence[Layer] = (), watch: bool = False
) -> Outcome:
    """Warm up, read a document of each format, embed what is in it and a question, and idle, in a room with a
    way out.

    Args:
        switches: that nobody sets; `layers` that nobody takes on; `watch`: the guard's is taken away.
    """
    papers = dict(samples.documents())
    with netlab.wired() as room:
        loosely = around(switches=switches, layers=[str(layer) for layer in layers], watch=watch)
        with running(folder, around=room.command(*loosely)) as service:
            for name, content in papers.items():
                (service.drop / name).write_bytes(content)
            counts = service.settled(len(papers))
            assert counts.get("QUARANTINED", 0) == 0
            assert service.search("an animal by the water", mode="semantic")
            if importlib.util.find_spec("onnxruntime"):
                time.sleep(TELEMETRY_S)
            seen = service.client.call("GET", "/v1/status")["egress"]
        return Outcome(room.left(), seen["attempts"], seen["total"])


def test_without_any_switch_nothing_leaves_and_what_is_tried_is_counted(tmp_path: Path) -> None:
    outcome = live(tmp_path, switches=ALL)
    assert outcome.frames == []
    assert outcome.total >= 1
    assert {attempt["process"] for attempt in outcome.attempts} <= PARSER


def test_the_library_is_heard_where_nothing_quiets_or_confines_it() -> None:
    """The control: our own import of it, by a process that may do what it likes."""
    with netlab.wired() as room:
        room.python(UNQUIETED.format(names=ALL))
        assert room.asked() == {HEARD}
        assert any(frame.protocol == "tcp" for frame in room.left())


@pytest.mark.nightly
def test_without_switches_and_layers_the_whole_service_is_heard(tmp_path: Path) -> None:
    outcome = live(tmp_path, switches=ALL, layers=FILTER + NAMESPACE + LANDLOCK, watch=True)
    assert HEARD in {frame.name for frame in outcome.frames}
    assert any(frame.protocol == "tcp" for frame in outcome.frames)


@pytest.mark.nightly
@pytest.mark.parametrize("name", ALL)
def test_without_one_of_the_switches_nothing_leaves(name: str, tmp_path: Path) -> None:
    outcome = live(tmp_path, switches=[name])
    assert outcome.frames == []
    assert outcome.total == 0  # each library has two of them, or nothing to say


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("layers", "watch"),
    [(NAMESPACE, False), (NAMESPACE + LANDLOCK, False), (FILTER + LANDLOCK, True)],
    ids=["filter and Landlock", "filter alone", "namespace alone"],
)
def test_without_switches_one_layer_is_enough(layers: Sequence[Layer], watch: bool, tmp_path: Path) -> None:
    outcome = live(tmp_path, switches=ALL, layers=layers, watch=watch)
    assert outcome.frames == []
    assert (outcome.total == 0) == watch


@pytest.mark.nightly
def test_with_every_switch_the_libraries_try_nothing_even_unconfined(tmp_path: Path) -> None:
    outcome = live(tmp_path, switches=(), layers=FILTER + NAMESPACE + LANDLOCK, watch=True)
    assert outcome.frames == []
