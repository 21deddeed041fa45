"""A report is what its owner's key signed, byte for byte, or it is none."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from appliance import observation
from appliance.cli import main
from appliance.client import Client
from appliance.errors import NoPassphrase, RequestRefused
from appliance.observation import (
    AttemptsFound,
    DocumentFound,
    IntentionsFound,
    Machine,
    Observation,
    ProcessFound,
    RowFound,
)
from appliance.signing import Signer
from policy.intentions import Intention
from policy.redact import Private
from store.errors import NoHome, ReportForged
from store.reports import ReportKey
from tests.support.homes import make_home
from tests.support.running import Running, running

KEY = ReportKey(Private(bytes(range(32))))


def process(role: str) -> ProcessFound:
    return ProcessFound(
        role=role,
        no_new_privs=True,
        filters=2,
        capabilities=0,
        core_dumps=False,
        own_network=True,
        interfaces=("lo",),
        sent=0,
    )


FOUND = Observation(
    version="0.1.0",
    began="2026-11-21T12:00:00+00:00",
    seconds=120,
    idled=90,
    machine=Machine(
        mode="shell",
        kernel="6.12.0",
        architecture="aarch64",
        landlock=6,
        python="3.13.1",
        versions={"ünïcode": "1"},
        switches={"DO_NOT_TRACK": "1"},
    ),
    rows=(RowFound(row="core", layers=("seccomp",), missing=(), refused=("socket",), let_through=()),),
    layers={"core": ("seccomp",)},
    processes=tuple(process(role) for role in ("core", "model", "parser")),
    documents=(DocumentFound(name="a.txt", state="ENRICHED"),),
    found_by_word=1,
    found_by_meaning=1,
    self_tests=6,
    attempts=(
        AttemptsFound(
            process="strong-parser",
            call="socket",
            family="AF_INET",
            kind="SOCK_STREAM",
            protocol=6,
            destination=None,
            times=3,
        ),
    ),
    refused=3,
    intentions=(
        IntentionsFound(meant=Intention("strong-parser", "socket.getaddrinfo", "a.example:443"), times=3),
    ),
    degraded=(),
)


def signed(found: Observation, key: ReportKey = KEY) -> bytes:
    signature = observation.Signature(key=key.public, signature=key.sign(observation.canonical(found)))
    return observation.file(found, signature)


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


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"self_tests": 2}, "the watch saw 2 self-tests of 3 processes"),
        ({"documents": ()}, "nothing was read"),
        ({"documents": (DocumentFound(name="a.doc", state="QUARANTINED", reason="EMPTY"),)}, "a.doc"),
        ({"found_by_word": 0}, "nothing was found by word"),
        ({"found_by_meaning": 0}, "nothing was found by meaning"),
        ({"degraded": ("search by meaning: no",)}, "search by meaning"),
        ({"processes": (process("core"), process("parser"))}, "no model ran"),
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


def test_the_service_signs_reports_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ours.json").write_bytes(signed(FOUND))
    with running(tmp_path) as service:
        signer = Signer(service.home, service.client, None)  # it is not asked for the passphrase
        (tmp_path / "theirs.json").write_bytes(observation.file(FOUND, signer.sign(FOUND)))
        assert signer.public == _by_passphrase(service).public

        def check(name: str, *more: str) -> tuple[int, str]:
            code = main(["doctor", "--home", str(service.home), "--check", str(tmp_path / name), *more])
            return code, "".join(capsys.readouterr())

        code, told = check("theirs.json")
        assert (code, "by the key that was expected" in told) == (0, True), told
        assert signer.public in told
        code, told = check("ours.json")
        assert (code, "BY ANOTHER KEY" in told, KEY.public in told) == (1, True, True), told
        assert check("ours.json", "--key", KEY.public.upper())[0] == 0

        body = msgspec.to_builtins(FOUND)
        for request in ({}, {"text": "I owe you 100"}, body | {"about": "a letter"}, body | {"more": 1}):
            with pytest.raises(RequestRefused) as refused:
                service.client.call("POST", "/v1/reports", request)
            assert refused.value.status == 400
        token = service.client.call("POST", "/v1/tokens", {"name": "t", "scopes": ["admin"]})["token"]
        status, _ = service.http("POST", "/v1/reports", body, authorization=f"Bearer {token}")
        assert status == 403  # the owner's own command alone may have it signed
        theirs = (tmp_path / "theirs.json").read_bytes()
        (tmp_path / "theirs.json").write_bytes(theirs.replace(b"0.1.0", b"0.1.1"))
        code, told = check("theirs.json")
        assert (code, "was changed" in told) == (1, True), told


def _by_passphrase(service: Running) -> Signer:
    return Signer(service.home, Client(service.home / "nothing"), service.key_file)
