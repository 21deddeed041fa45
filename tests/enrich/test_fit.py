"""What of a model fits into memory, and what is said where nothing does."""

from __future__ import annotations

from pathlib import Path

import pytest

from enrich.errors import ModelAway, ModelRefused
from enrich.fit import ALL_LAYERS, Fit, Memory, Size, fit, memory, pressed

GIB = 2**30
# Eight billion weights in four and a half bits: 32 layers, 8 heads of keys and values of 128 numbers.
EIGHT = Size(weights=5 * GIB, layers=32, context=131_072, place=131_072)


@pytest.mark.parametrize(
    ("total", "available", "gpu", "expected"),
    [
        (128, 100, None, Fit(8, 4096, ALL_LAYERS)),
        (16, 13, None, Fit(8, 4096, ALL_LAYERS)),
        (16, 11, None, Fit(4, 4096, ALL_LAYERS)),
        (16, 9, None, Fit(2, 4096, ALL_LAYERS)),
        (16, 7.7, None, Fit(2, 2048, ALL_LAYERS)),
        (16, 13, 24, Fit(8, 4096, ALL_LAYERS)),  # all on the GPU
        (16, 13, 8, Fit(8, 4096, 23)),  # some of it
    ],
)
def test_it_takes_what_is_there(total: float, available: float, gpu: float | None, expected: Fit) -> None:
    now = Memory(int(total * GIB), int(available * GIB))
    assert fit("m", EIGHT, now, None if gpu is None else int(gpu * GIB), 4096) == expected


def test_a_short_context_of_the_model_is_kept() -> None:
    assert fit("m", EIGHT._replace(context=512), None, None, 4096) == Fit(8, 512, ALL_LAYERS)
    assert fit("m", EIGHT._replace(context=0), None, None, 4096).context == 4096


def test_what_this_machine_can_never_hold_is_refused_and_what_it_cannot_hold_now_is_away() -> None:
    with pytest.raises(ModelRefused, match=r"needs about 6\.\d GiB .* 6\.0 GiB are all there are") as refused:
        fit("m.gguf", EIGHT, Memory(6 * GIB, 5 * GIB), None, 4096)
    assert refused.value.item == "m.gguf"
    with pytest.raises(ModelAway, match=r"2\.0 GiB are free"):
        fit("m", EIGHT, Memory(64 * GIB, 2 * GIB), None, 4096)


def test_memory_is_pressed_below_what_is_left_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not pressed(None)
    assert pressed(Memory(64 * GIB, GIB - 1))
    assert not pressed(Memory(64 * GIB, GIB))
    assert not pressed(Memory(2 * GIB, GIB // 5))
    monkeypatch.setattr("enrich.fit._MEMINFO", tmp_path / "none")
    assert memory() is None
    (tmp_path / "none").write_text("MemTotal:  10 kB\n")
    assert memory() is None
