"""What a process may load: the command line nothing heavy, the core none of the libraries whose place is in
the parser or the model. Each is asked of a fresh interpreter.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {"torch", "sentence_transformers", "transformers", "unstructured", "llama_cpp", "spacy"}
HEAVY = FOREIGN | {"numpy", "faiss", "tantivy", "starlette", "uvicorn", "lxml", "PIL", "pypdfium2"}
HEAVY |= {"tesserocr", "sqlcipher3", "cryptography", "asyncio"}


def loaded(*modules: str) -> set[str]:
    """Top-level names of what importing these modules brings in."""
    lines = [f"import sys; sys.path.insert(0, {str(ROOT)!r})", *(f"import {name}" for name in modules)]
    script = "\n".join([*lines, "print(*{name.partition('.')[0] for name in sys.modules})"])
    told = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-2000:]
    return set(told.stdout.split())


def test_the_command_line_and_the_guard_import_nothing_heavy() -> None:
    assert not loaded("appliance.cli") & HEAVY
    assert not loaded("appliance.guard") & HEAVY


def test_the_core_starts_no_thread_before_it_is_confined() -> None:
    assert not loaded("appliance.core") & {"numpy", "faiss", "tantivy"}


def test_the_core_never_loads_what_belongs_to_parser_and_model() -> None:
    assert not loaded("appliance.core", "appliance.wiring") & FOREIGN
