"""A model that the owner brings is measured beside the built-in reader, whatever it is worth."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tiny_gguf import write_tiny_gguf

ROOT = Path(__file__).parents[2]
DUES = Path(__file__).with_name("due_dates.csv")


@pytest.mark.nightly
def test_it_reads_a_sample_of_what_the_builtin_reader_is_measured_by(tmp_path: Path) -> None:
    brought = os.environ.get("STRONGROOM_TEST_GGUF")
    gguf = Path(brought) if brought else write_tiny_gguf(tmp_path / "tiny.gguf")
    asked = ["--gguf", str(gguf), "--sample", "3", "--dues", str(DUES)]
    done = subprocess.run(
        [sys.executable, "-m", "bench.meaning", *asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for reader in ("rules", "builtin", f"llm:{gguf.name}"):
        assert f"due_dates: {reader}" in done.stdout
    assert f"llm:{gguf.name} read 3" in done.stdout
    assert "3 of 3" in done.stderr
    assert "minutes left" in done.stderr
