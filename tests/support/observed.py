"""A report of an observed run that proves what it should, and a key to sign it with."""

from __future__ import annotations

from appliance import observation
from appliance.observation import (
    AttemptsFound,
    DocumentFound,
    IntentionsFound,
    Machine,
    Observation,
    ProcessFound,
    RowFound,
)
from policy.intentions import Intention
from policy.redact import Private
from store.reports import ReportKey

KEY = ReportKey(Private(bytes(range(32))))


def process(row: str) -> ProcessFound:
    return ProcessFound(
        row=row,
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
    processes=tuple(process(row) for row in ("core", "zygote", "model")),
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
