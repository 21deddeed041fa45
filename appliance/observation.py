"""What an observed run found (`strongroom doctor --egress`), as data: what may be signed, and nothing else.

Whole numbers and words only, so that the same findings are always the same bytes. How they are gathered is
the business of `appliance/egress_report.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from policy.intentions import Intention
from store import reports
from store.errors import ReportForged

LOCAL = "lo"


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all here: what is not named is refused."""


class Machine(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it ran on. Nothing here tells one owner's machine from another's."""

    mode: str  # a value of `policy.mode.Mode`
    kernel: str
    architecture: str
    landlock: int  # version of the interface, 0 for none
    python: str
    versions: dict[str, str]  # of our parts and all libraries
    switches: dict[str, str]  # set for libraries that call home unless told not to


class RowFound(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of the table of confinement, tried on this machine."""

    row: str
    layers: tuple[str, ...]  # in force
    missing: tuple[str, ...]  # not in force, and not required here, with the reason
    refused: tuple[str, ...]  # attempts that failed as they must
    let_through: tuple[str, ...]


class ProcessFound(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A confined process of the service as the kernel shows it."""

    row: str  # of the table of confinement, which it took on
    no_new_privs: bool
    filters: int  # seccomp filters
    capabilities: int  # effective, a mask
    core_dumps: bool
    own_network: bool  # a network namespace that is not ours
    interfaces: tuple[str, ...]  # in its network namespace
    sent: int  # packets that left by them


class DocumentFound(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of one of the documents."""

    name: str
    state: str  # a value of `store.records.State`
    reason: str | None = None


class AttemptsFound(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Refused attempts that are alike."""

    process: str
    call: str
    family: str
    kind: str
    protocol: int
    destination: str | None
    times: int


class IntentionsFound(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a process meant to go, and how often: what the kernel refused before there was a destination."""

    meant: Intention
    times: int


class Observation(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that one observed run found."""

    about: Literal["strongroom egress report"] = "strongroom egress report"
    version: str  # of Strongroom
    began: str  # UTC, ISO 8601
    seconds: int  # that it took
    idled: int  # seconds of them, at the end, in which nothing was to do
    machine: Machine
    rows: tuple[RowFound, ...]
    layers: dict[str, tuple[str, ...]]  # in force, as each kind of process told them itself
    processes: tuple[ProcessFound, ...]
    documents: tuple[DocumentFound, ...]
    found_by_word: int  # hits of a search
    found_by_meaning: int
    self_tests: int  # attempts made on purpose that the watch saw
    attempts: tuple[AttemptsFound, ...]
    refused: int  # attempts in all, all by the kernel
    intentions: tuple[IntentionsFound, ...]
    degraded: tuple[str, ...]  # what the service said did not work as it should

    def shortcomings(self) -> list[str]:
        """Why this run does not prove that nothing can leave; none if it does."""
        return list(self._shortcomings())

    def _shortcomings(self) -> Iterator[str]:
        for row in self.rows:
            yield from (f"{row.row}: {name} was let through" for name in row.let_through)
        for process in self.processes:
            if not (process.no_new_privs and process.filters):
                yield f"{process.row}: it runs without a filter"
            if process.own_network and process.sent:
                yield f"{process.row}: {process.sent} packets were sent"
        seen = {process.row for process in self.processes}
        yield from (f"no {row} was seen" for row in ("core", "zygote", "model") if row not in seen)
        if self.self_tests < len(self.processes):  # a watch that sees none would see nothing else either
            yield f"the watch saw {self.self_tests} self-tests of {len(self.processes)} processes"
        for document in self.documents:
            if document.state != "ENRICHED":
                yield f"{document.name}: {document.state} {document.reason or ''}".rstrip()
        if not self.documents:
            yield "nothing was read"
        if not self.found_by_word:
            yield "nothing was found by word"
        if not self.found_by_meaning:
            yield "nothing was found by meaning"
        yield from self.degraded


# One spelling only: no capitals, no blanks.
_Key = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Seal = Annotated[str, Meta(pattern=r"^[0-9a-f]{128}\Z")]


class Signature(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of an observation, by the owner of the key; both in hex."""

    key: _Key
    signature: _Seal


class SignedReport(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report as it lies in a file."""

    key: _Key
    report: Observation
    signature: _Seal


def canonical(observation: Observation) -> bytes:
    """The bytes that are signed: JSON without blanks, keys in order, UTF-8."""
    return msgspec.json.encode(observation, order="sorted")


def file(observation: Observation, signature: Signature) -> bytes:
    """The report as a file for people and programs."""
    signed = SignedReport(key=signature.key, report=observation, signature=signature.signature)
    return msgspec.json.format(msgspec.json.encode(signed, order="sorted"), indent=1) + b"\n"


def opened(untrusted_file: bytes) -> SignedReport:
    """The report in a file, its signature checked; whose key it is, the caller must see to.

    Raises:
        ReportForged: it is not byte for byte what the owner of its key signed.
    """
    try:
        signed = msgspec.json.decode(untrusted_file, type=SignedReport)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ReportForged("it is not a report of `strongroom doctor --egress`") from None
    signature = Signature(key=signed.key, signature=signed.signature)
    if file(signed.report, signature) != untrusted_file:  # another spelling, which no one signed
        raise ReportForged("it was changed after it was signed")
    reports.check(canonical(signed.report), signed.key, signed.signature)
    return signed
