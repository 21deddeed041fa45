"""Draws what `bench.search --json` measured: answers and ingest against the number of passages. Needs
matplotlib, which nothing else does.

    python -m bench.plot FIGURES.json docs/search.svg
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_MODES = {"hybrid": "by word and meaning", "keyword": "by word"}
_STYLES = {"at rest": "-", "while it ingests": "--"}


def main(figures: Path, picture: Path) -> None:
    """Two panels beside each other, both with the passages on a logarithmic axis."""
    # Only who draws needs it, so it is no dependency.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "strongroom"  # the same figures make the same file
    values: dict[str, dict[int, float]] = {}
    for row in json.loads(figures.read_text()):
        values.setdefault(row["what"], {})[row["passages"]] = row["value"]
    drawing = Figure(figsize=(10, 4), layout="constrained")
    answers, ingest = drawing.subplots(1, 2)
    for color, (mode, name) in zip(("C0", "C1"), _MODES.items(), strict=True):
        for when, style in _STYLES.items():
            label = name if when == "at rest" else f"{name}, {when}"
            _line(answers, values[f"{mode} {when}, p95"], style, color=color, label=label)
    answers.set(title="answers, 95 % within", ylabel="ms")
    _line(ingest, {count: 1000 * s for count, s in values["ingest of a document"].items()}, "-", color="C2")
    ingest.set(title="a mail read, indexed and embedded", ylabel="ms")
    drawing.legend(loc="outside lower center", ncols=4)
    for axes in (answers, ingest):  # once all lines are in: a bottom also fixes the top
        axes.set(xscale="log", xlabel="passages", ylim=(0, None))
        axes.grid(alpha=0.3)
    drawing.savefig(picture, metadata={"Date": None})


def _line(axes: Any, points: dict[int, float], style: str, **look: str) -> None:
    axes.plot(list(points), list(points.values()), style, marker="o", **look)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
