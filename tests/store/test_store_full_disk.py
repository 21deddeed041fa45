"""A full disk is an error that may be tried again and leaves nothing half-written: on a disk that is full."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.small_disk import on_a_small_disk

# The mount lives in the namespaces of this one child and vanishes with it.
PROGRAM = """
import json, os, shutil, subprocess, sys
from pathlib import Path
from store.errors import StoreFull
from store.records import NewPassage
from tests.support.findings import MODEL, VECTOR, reading
from tests.support.homes import make_home, open_vault, put
disk = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", disk], check=True)
(disk / "ballast").write_bytes(bytes(500_000))  # what the owner finds to throw away, in the end
vault = open_vault(make_home(disk / "home"))
result = {}
stored, refused = [], 0
for number in range(400):
    try:
        stored.append(put(vault, os.urandom(60_000), str(number)).item)
    except StoreFull as error:
        assert error.retryable
        refused += 1
        if refused == 5:
            break
result["stored"], result["refused"] = len(stored), refused
result["incoming"] = len(list((disk / "home/incoming").iterdir()))
result["blobs"] = len(list((disk / "home/blobs").glob("*/*")))
result["count"] = vault.catalog.count()
with open(disk / "filler", "wb", buffering=0) as filler:  # not one block is left
    try:
        while True:
            filler.write(bytes(4096))
    except OSError:
        pass
try:
    for number in range(100):
        vault.catalog.save_reading(stored[number], reading("words " * 20_000 + str(number)))
    result["reading"] = "stored"
except StoreFull:
    result["reading"] = "full"
try:
    vault.snapshots.save("index", vault.catalog.generation(), {"f": os.urandom(100_000)})
    result["snapshot"] = "stored"
except StoreFull:
    result["snapshot"] = "full"
result["snapshots"] = len(list((disk / "home/snapshots").iterdir()))
result["readable"] = sum(os.fstat(vault.original(item)).st_size == 60_000 for item in stored)
(disk / "filler").unlink()
(disk / "ballast").unlink()
for item in stored[:5]:
    assert not any(vault.delete(item).residue.values())
result["again"] = put(vault, b"there is space again", "later").created
result["problems"] = vault.verify().problems
vault.close()
vault = open_vault(disk / "home")
result["problems"] += vault.verify().problems
vault.close()
print(json.dumps(result))
"""


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    printed = on_a_small_disk(PROGRAM, tmp_path)
    result = json.loads(printed)
    assert result["refused"] == 5
    assert result["stored"] == result["blobs"] == result["count"] == result["readable"] > 20
    assert (result["incoming"], result["snapshots"]) == (0, 0)
    assert (result["reading"], result["snapshot"]) == ("full", "full")
    assert result["again"] is True
    assert result["problems"] == []
