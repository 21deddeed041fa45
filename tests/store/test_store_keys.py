"""The keys file: one passphrase opens it, any damage is named, a new passphrase rewrites nothing else."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import traceback
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy.redact import Private
from store.errors import KeysDamaged, NewerHome, NoHome, StoreError, WrongPassphrase
from store.keys import KdfParameters, change_passphrase, create_keys, open_keys
from tests.support.homes import CHEAP_KDF, PASSPHRASE

OTHER = Private(b"another")


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    create_keys(tmp_path / "keys", PASSPHRASE, CHEAP_KDF)
    return tmp_path / "keys"


def test_the_sub_keys_come_back_and_differ_from_one_another(keys_file: Path) -> None:
    one, two = open_keys(keys_file, PASSPHRASE), open_keys(keys_file, PASSPHRASE)
    purposes = [one.catalog, one.identity, one.snapshots, one.audit, one.report, one.epoch(1), one.epoch(2)]
    again = [two.catalog, two.identity, two.snapshots, two.audit, two.report, two.epoch(1), two.epoch(2)]
    assert [key.reveal() for key in purposes] == [key.reveal() for key in again]
    assert len({key.reveal() for key in purposes}) == len(purposes)
    assert keys_file.stat().st_mode & 0o777 == 0o600


def test_a_wrong_passphrase_is_one_clear_line_with_its_exit_code(keys_file: Path) -> None:
    with pytest.raises(WrongPassphrase) as caught:
        open_keys(keys_file, OTHER)
    assert caught.value.exit_code == 77
    assert str(caught.value).startswith("the passphrase is wrong")
    assert "\n" not in str(caught.value)
    told = "".join(traceback.format_exception(caught.value))
    assert "another" not in told.replace("test_store_keys", "")


def test_an_empty_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="empty"):
        create_keys(tmp_path / "keys", Private(b""), CHEAP_KDF)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_says_that_there_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(NoHome):
        open_keys(tmp_path / "keys", PASSPHRASE)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0), bit=st.integers(0, 7))
def test_any_flipped_bit_is_named_as_damage(keys_file: Path, position: int, bit: int) -> None:
    content = bytearray(keys_file.read_bytes().rstrip())
    content[position % len(content)] ^= 1 << bit
    damaged = keys_file.with_name("damaged")
    damaged.write_bytes(content)
    with pytest.raises(KeysDamaged):
        open_keys(damaged, PASSPHRASE)


@pytest.mark.parametrize("cut", [0, 1, 100, 250])
def test_a_truncated_file_is_named_as_damage(keys_file: Path, cut: int) -> None:
    keys_file.write_bytes(keys_file.read_bytes()[:cut])
    with pytest.raises(KeysDamaged):
        open_keys(keys_file, PASSPHRASE)


def forge(keys_file: Path, **changes: object) -> None:
    """Change fields and mend the checksum, as someone would who means it."""
    keys = json.loads(keys_file.read_bytes())["keys"] | changes
    body = json.dumps(keys, separators=(",", ":")).encode()
    digest = hashlib.sha256(body).hexdigest()
    keys_file.write_bytes(b'{"keys":%s,"sha256":"%s"}' % (body, digest.encode()))


def test_a_forger_who_mends_the_checksum_still_opens_nothing(keys_file: Path) -> None:
    other = keys_file.with_name("other")
    create_keys(other, PASSPHRASE, CHEAP_KDF)
    theirs = json.loads(other.read_bytes())["keys"]
    original = keys_file.read_bytes()
    for change in (
        {"vault": theirs["vault"]},
        {"wrapped": theirs["wrapped"]},
        {"salt": theirs["salt"]},
        {"kdf": {"memory_kib": 32, "passes": 1, "lanes": 1}},
    ):
        forge(keys_file, **change)
        with pytest.raises(WrongPassphrase):
            open_keys(keys_file, PASSPHRASE)
        keys_file.write_bytes(original)
    forge(keys_file)
    open_keys(keys_file, PASSPHRASE)


def test_a_derivation_that_would_take_the_machine_down_is_refused(keys_file: Path) -> None:
    forge(keys_file, kdf={"memory_kib": 1 << 40, "passes": 1, "lanes": 1})
    with pytest.raises(KeysDamaged):
        open_keys(keys_file, PASSPHRASE)


def test_a_newer_format_is_refused_as_such(keys_file: Path) -> None:
    forge(keys_file, format=2)
    with pytest.raises(NewerHome):
        open_keys(keys_file, PASSPHRASE)


def test_a_new_passphrase_opens_the_same_keys_and_the_old_one_none(keys_file: Path) -> None:
    before = open_keys(keys_file, PASSPHRASE)
    change_passphrase(keys_file, PASSPHRASE, OTHER, CHEAP_KDF)
    after = open_keys(keys_file, OTHER)
    assert after.catalog.reveal() == before.catalog.reveal()
    assert after.vault == before.vault
    with pytest.raises(WrongPassphrase):
        open_keys(keys_file, PASSPHRASE)
    with pytest.raises(WrongPassphrase):
        change_passphrase(keys_file, PASSPHRASE, OTHER, CHEAP_KDF)
    assert [path.name for path in keys_file.parent.iterdir()] == ["keys"]


def test_the_default_cost_is_above_every_current_recommendation() -> None:
    default = KdfParameters()  # OWASP 2023: 46 MiB and 1 pass, or 19 MiB and 2; RFC 9106: 64 MiB and 3
    assert default.memory_kib >= 256 * 1024
    assert default.passes >= 3


def test_a_private_value_does_not_show_itself() -> None:
    secret = Private(b"hidden")
    assert "hidden" not in f"{secret} {secret!r} {[secret]}"
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            copying(secret)
    assert secret.reveal() == b"hidden"
