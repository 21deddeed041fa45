"""What `strongroom doctor` prints: the checks of the machine, the table of confinement, the observed run."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from appliance import render
from appliance.doctor import Examination
from appliance.doctor_table import ProcessTold, RowTold, Table
from appliance.observation import Observation, SignedReport
from policy.confine import Layer

_WIDTH = 100
_MARGIN = 12
_SHORT = {
    Layer.NO_NEW_PRIVS: "privs",
    Layer.FILES: "files",
    Layer.TCP: "TCP",
    Layer.SCOPE: "scope",
    Layer.NETWORK: "netns",
    Layer.CAPABILITIES: "caps",
    Layer.LIMITS: "limits",
    Layer.UNDUMPABLE: "nodump",
    Layer.BUBBLEWRAP: "bwrap",
}
_MARKS = {True: "ok  ", False: "FAIL", None: "note"}


def examination(found: Examination) -> str:
    """A line a check, then the table."""
    lines = (
        line
        for check in found.checks
        for line in _wrapped(f"{_MARKS[check.ok]}  {check.name:20}", check.found)
    )
    return "\n".join([*lines, "", *_table(found.table)])


def _table(table: Table) -> Iterator[str]:
    yield render.style("what each process keeps", render.BOLD)
    for row in table.rows:
        yield from _kept(row)
    yield ""
    yield render.style(f"layers in force, by trying (mode: {table.mode})", render.BOLD)
    yield " " * _MARGIN + "".join(f"{_short(layer):>8}" for layer in Layer) + "   tried"
    for row in table.rows:
        refused = f"{len(row.refused)}/{len(row.refused) + len(row.let_through)}"
        yield f"{row.row:{_MARGIN}}" + "".join(f"{_mark(row, each):>8}" for each in Layer) + f"{refused:>8}"
    yield "yes: required here and in force; also: in force, not required; no: neither; -: not its own"
    if table.processes:
        yield ""
        yield render.style("the service's processes, read back from the kernel", render.BOLD)
        for process in table.processes:
            yield from _process(process)
    for line in table.missing():
        yield from _wrapped("MISSING", line)


def _kept(row: RowTold) -> Iterator[str]:
    facts = (
        ("keys", [row.keys]),
        ("sockets", [row.sockets]),
        ("reads", row.reads),
        ("writes", row.writes),
        ("runs", row.executes),
        ("limits", row.limits),
    )
    yield from _wrapped(row.row, "; ".join(f"{name}: {', '.join(of) or 'none'}" for name, of in facts))


def _mark(row: RowTold, layer: Layer) -> str:
    if layer in row.missing:
        return "MISSING"
    if layer in row.in_force:
        return "yes" if layer in row.required else "also"
    return "no" if layer in row.absent else "-"


def _short(layer: Layer) -> str:
    return _SHORT.get(layer, str(layer))


def _process(one: ProcessTold) -> Iterator[str]:
    kernel = one.kernel
    facts = [
        f"{kernel.filters} filters" if kernel.filters else "no filter",
        "no new privileges" if kernel.no_new_privs else "may gain privileges",
        f"capabilities {kernel.capabilities:x}" if kernel.capabilities else "no capabilities",
        "its own network" if kernel.own_network else "our network",
        "may dump" if kernel.core_dumps else "no dumps",
    ]
    facts += [f"{kernel.locked_kib} KiB locked"] if kernel.locked_kib else []
    facts += [f"it told {len(one.layers)} layers"] if one.layers else []
    facts = ["starting, and given nothing yet"] if one.starting else facts
    yield from _wrapped(f"{one.role:{_MARGIN}}pid {one.pid:<8}", ", ".join(facts))


def observation(found: Observation) -> str:
    """An observed run, with its verdict at the end."""
    return "\n".join(_observation(found))


def _observation(found: Observation) -> Iterator[str]:
    read = sum(document.state == "ENRICHED" for document in found.documents)
    machine = found.machine
    yield (
        f"{read} of {len(found.documents)} documents read, {found.found_by_word} found by word,"
        f" {found.found_by_meaning} by meaning; then {found.idled} s of idling"
    )
    yield (
        f"on kernel {machine.kernel} {machine.architecture}, Landlock {machine.landlock}, Python"
        f" {machine.python}, {len(machine.versions)} libraries, mode {machine.mode}"
    )
    yield f"{len(machine.switches)} switches set that silence libraries"
    seen = Counter(process.row for process in found.processes)
    yield "confined processes seen: " + ", ".join(f"{times} {row}" for row, times in sorted(seen.items()))
    yield f"{found.self_tests} self-tests seen by the watch, which are attempts made on purpose"
    yield f"{found.refused} other attempts to reach a network, all refused by the kernel"
    for one in found.attempts:
        where = f" to {one.destination}" if one.destination else ""
        kind = " ".join(filter(None, (one.family, one.kind)))
        yield f"  {one.times:6}  {render.inert(one.process)}: {one.call} {kind}{render.inert(where)}"
    for each in found.intentions:
        meant = each.meant
        where = render.inert(meant.destination)
        yield f"  {each.times:6}  {render.inert(meant.process)} meant to reach {where} ({meant.event})"
    yield from verdict(found)


def verdict(found: Observation) -> list[str]:
    """The one clear word, and what speaks against it."""
    short = found.shortcomings()
    if not short:
        return [render.style("nothing left this machine, and nothing could have", render.BOLD)]
    lines = [line for each in short for line in _wrapped("NOT SHOWN", render.inert(each))]
    return [*lines, render.style("this run does not prove that nothing can leave", render.BOLD)]


def checked(signed: SignedReport, ours: bool) -> str:
    """Whose signature it is, and what it stands under."""
    whose = "by the key that was expected" if ours else "BY ANOTHER KEY than was expected"
    return "\n".join(
        [
            f"a run of {signed.report.began}, signed {whose}:",
            f"  {signed.key}",
            *_observation(signed.report),
        ]
    )


def _wrapped(head: str, text: str) -> Sequence[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=f"{head:{_MARGIN}}",
        subsequent_indent=" " * max(len(head), _MARGIN),
        break_on_hyphens=False,
    )
