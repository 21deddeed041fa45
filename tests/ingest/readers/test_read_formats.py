"""The table of formats as the owner sees it, and as the parser uses it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ingest.readers import formats, table

ROOT = Path(__file__).parents[3]
LIGHT = """
import sys
sys.path.insert(0, sys.argv[1])
import ingest.readers.formats
print(sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[2:])))
"""


def test_every_reader_is_described_and_every_description_has_its_reader() -> None:
    assert {row.name for row in formats.FORMATS} == {row.name for row in table.FORMATS}
    assert len(formats.BY_NAME) == len(formats.FORMATS)
    for row in formats.FORMATS:
        assert row.name
        assert row.endings
        assert row.library
        assert row.detected_by
        assert row.extracts


def test_the_description_loads_nothing_heavy() -> None:
    heavy = ["lxml", "PIL", "pypdfium2", "unstructured", "numpy", "tesserocr", "py3langid", "store", "yaml"]
    command = [sys.executable, "-I", "-c", LIGHT, str(ROOT), *heavy]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
