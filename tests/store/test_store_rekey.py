"""Killed at random while the passphrase is changed again and again: exactly one opens the home, the last that
was acknowledged or the one that was being set. (Killed at each step: the scenario `passphrase` of
`crash_points`. Data keys are wrapped under one epoch; nothing else is ever re-keyed.)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.homes import fast_folder

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("STRONGROOM_REKEY_KILLS", "10"))

# Forks before any thread exists; the child tells how many changes it was answered through shared memory.
PROGRAM = """
import contextlib, json, mmap, os, random, signal, sys, time
from pathlib import Path
from policy.redact import Private
from store.errors import WrongPassphrase
from store.keys import open_keys
from store.vault import Vault
from tests.support.homes import CHEAP_KDF, LIMITS, put

def passphrase(number):
    return Private(b"passphrase %d" % number)

home, kills = Path(sys.argv[1]) / "home", int(sys.argv[2])
Vault.create(home, passphrase(0), kdf=CHEAP_KDF)
vault = Vault.open(home, passphrase(0), limits=LIMITS)
letter = put(vault, b"a letter").item
vault.close()
changed, in_flight, wrong = 0, 0, []
for kill in range(kills):
    shared = mmap.mmap(-1, 8)
    child = os.fork()
    if child == 0:
        vault = Vault.open(home, passphrase(changed), limits=LIMITS)
        for number in range(changed, changed + 10_000):
            vault.change_passphrase(passphrase(number), passphrase(number + 1), kdf=CHEAP_KDF)
            shared[:] = (number + 1).to_bytes(8, "big")
    while not int.from_bytes(shared[:], "big"):
        time.sleep(0.001)
    time.sleep(random.uniform(0, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    answered, opened = int.from_bytes(shared[:], "big"), []
    for number in range(answered + 4):
        with contextlib.suppress(WrongPassphrase):
            open_keys(home / "keys", passphrase(number))
            opened.append(number)
    if len(opened) != 1 or opened[0] not in (answered, answered + 1):
        wrong.append([kill, answered, opened])
        break
    changed, in_flight = opened[0], in_flight + (opened[0] > answered)
    vault = Vault.open(home, passphrase(changed), limits=LIMITS)
    entries = [entry.event for entry in vault.audit.entries(limit=100_000)]
    if entries.count("passphrase change begun") < changed or vault.verify().problems:
        wrong.append([kill, entries.count("passphrase change begun"), vault.verify().problems])
    os.close(vault.original(letter))
    vault.close()
print(json.dumps({"changed": changed, "in_flight": in_flight, "wrong": wrong}))
"""


def rekeyed(kills: int) -> None:
    with fast_folder() as folder:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(folder), str(kills)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    print(f"{kills} kills, {result['changed']} changes, {result['in_flight']} of them not answered any more")
    assert result["wrong"] == []
    assert result["changed"] >= kills


def test_killed_while_the_passphrase_changes_exactly_one_opens_the_home() -> None:
    rekeyed(KILLS)


@pytest.mark.nightly
def test_killed_a_hundred_times_while_the_passphrase_changes_exactly_one_opens_the_home() -> None:
    rekeyed(100)
