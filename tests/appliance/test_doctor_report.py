"""A report is what its owner's key signed, byte for byte, or it is none."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from appliance import observation
from appliance.errors import NoPassphrase
from appliance.observation import DocumentFound, RowFound
from appliance.signing import Signer
from store.errors import NoHome, ReportForged
from tests.support.homes import make_home
from tests.support.observed import FOUND, KEY, process, signed
from tests.support.running import Running


def test_it_comes_back_as_it_was_signed() -> None:
    opened = observation.opened(signed(FOUND))
    assert opened.report == FOUND
    assert opened.key == KEY.public


def test_any_flipped_bit_shows() -> None:
    report = signed(FOUND)
    bits = range(8 * len(report))
    for bit in random.Random(5).sample(bits, 4_000):
        flipped = bytearray(report)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ReportForged):
            observation.opened(bytes(flipped))


@pytest.mark.parametrize(
    "change",
    [
        lambda report: report + b"\n",
        lambda report: report[:-1],
        lambda report: report.replace(b"\n", b"\r\n"),
        lambda report: report.replace(b'"times": 3', b'"times": 0'),
        lambda report: report.replace(b'"refused": 3', b'"refused": 3.0'),
        lambda report: report.replace(b'"about":', b'"more": 1, "about":'),
        lambda report: report.replace(KEY.public.encode(), KEY.public.upper().encode()),
        lambda report: report.replace(KEY.public.encode(), KEY.public.encode() + b"\\n"),
        lambda report: report.replace("ünïcode".encode(), b"\\u00fcn\\u00efcode"),
        lambda report: b"",
        lambda report: b"\xff",
    ],
)
def test_another_spelling_shows(change: object) -> None:
    assert callable(change)
    changed = change(signed(FOUND))
    assert changed != signed(FOUND)
    with pytest.raises(ReportForged):
        observation.opened(changed)


def test_a_signature_under_another_report_shows() -> None:
    other = msgspec.structs.replace(FOUND, refused=0)
    taken = KEY.sign(observation.canonical(FOUND))
    with pytest.raises(ReportForged):
        observation.opened(observation.file(other, observation.Signature(key=KEY.public, signature=taken)))


def test_a_signature_is_good_for_reports_only() -> None:
    """The same key, and another use of it."""
    report = observation.canonical(FOUND)
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(KEY.public))
    with pytest.raises(InvalidSignature):
        key.verify(bytes.fromhex(KEY.sign(report)), report)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"self_tests": 2}, "the watch saw 2 self-tests of 3 processes"),
        ({"documents": ()}, "nothing was read"),
        ({"documents": (DocumentFound(name="a.doc", state="QUARANTINED", reason="EMPTY"),)}, "a.doc"),
        ({"found_by_word": 0}, "nothing was found by word"),
        ({"found_by_meaning": 0}, "nothing was found by meaning"),
        ({"degraded": ("search by meaning: no",)}, "search by meaning"),
        ({"processes": (process("core"), process("zygote"))}, "no model was seen"),
        (
            {"processes": (*FOUND.processes, msgspec.structs.replace(process("parser"), filters=0))},
            "parser: it runs without a filter",
        ),
        (
            {"processes": (*FOUND.processes, msgspec.structs.replace(process("parser"), sent=1))},
            "parser: 1 packets were sent",
        ),
        (
            {"rows": (RowFound(row="core", layers=(), missing=(), refused=(), let_through=("socket",)),)},
            "core: socket was let through",
        ),
    ],
)
def test_what_proves_nothing_says_so(change: dict[str, object], why: str) -> None:
    assert not FOUND.shortcomings()
    [said] = msgspec.structs.replace(FOUND, **change).shortcomings()
    assert said.startswith(why)


def test_the_passphrase_signs_where_no_service_runs(tmp_path: Path) -> None:
    home = Running(tmp_path)
    signer = Signer(home.home, home.client, home.key_file)
    report = observation.file(FOUND, signer.sign(FOUND))
    assert observation.opened(report).key == signer.public
    assert signer.public != Signer(make_home(tmp_path / "two"), home.client, home.key_file).public
    with pytest.raises(NoPassphrase):
        Signer(home.home, home.client, None)
    with pytest.raises(NoHome):
        Signer(tmp_path / "none", home.client, home.key_file)
