"""JSON answers of the service as words for a terminal. Text of documents is made inert here: no control
character of a document reaches the terminal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]

BOLD, DIM, MARK, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[1;33m", "\x1b[0m"


def style(text: str, code: str) -> str:
    """`text` in a colour, when somebody is looking."""
    return f"{code}{text}{PLAIN}" if sys.stdout.isatty() else text


def inert(text: str) -> str:
    """`text` on one line, without control or invisible direction characters."""
    kept = (" " if character.isspace() else character for character in text)
    return "".join(character for character in kept if character.isprintable())


def added(stored: Sequence[Json]) -> str:
    """Receipts of `add`."""
    return "\n".join(
        f"{one['item']}  {'stored' if one['created'] else 'was there already'}  {inert(one['name'])}"
        for one in stored
    )


def results(found: Json) -> str:
    """Hits with their highlighted snippets."""
    lines = [hit(one, f"{number:2}.") for number, one in enumerate(found["hits"], start=1)]
    shown = len(found["hits"])
    lines.append(f"{shown} of {found['total']} found in {found['took_ms']:.0f} ms ({found['mode']})")
    if found.get("degraded"):
        lines.append(f"note: {found['degraded']}")
    return "\n".join(lines)


def hit(one: Json, mark: str = "  •") -> str:
    """One hit, and each part's say in its place if that was asked for."""
    where = f", page {one['page']}" if one["page"] else ""
    when = f"  {day(one['sent_at'])}" if one["sent_at"] else ""
    more = f"  and {one['more']} more like it" if one.get("more") else ""
    unread = f"  not read: {one['reason']}" if one["reason"] else ""
    lines = [
        f"{mark} {style(inert(one['title'] or one['name']), BOLD)}{where}{when}{more}",
        style(f"    {one['item']}  {inert(one['sender'] or one['name'])}{unread}", DIM),
        f"    {_highlighted(one['snippet'], one['highlights'])}",
    ]
    said = [_said(say) for say in one.get("explanation") or () if say["score"] is not None]
    return "\n".join([*lines, *([style(f"    why: {', '.join(said)}", DIM)] if said else [])])


def _said(say: Json) -> str:
    place = f" (number {say['rank']})" if say["rank"] else ""
    return f"{say['part']} {say['score']:.2f}{place} {100 * say['share']:.0f} %"


def items(page: Json) -> str:
    """One line an item."""
    lines = []
    for one in page["items"]:
        state = one["state"].lower() + (f" ({one['reason']})" if one.get("reason") else "")
        lines.append(f"{one['id']}  {day(one['stored_at'])}  {state:24}  {inert(one['name'])}")
    return "\n".join(lines) or "nothing"


def item(detail: Json) -> str:
    """An item with its origins and findings."""
    one = detail["item"]
    lines = [style(inert(one["title"] or one["name"]), BOLD)]
    facts = [("id", "id"), ("name", "name"), ("state", "state"), ("reason", "reason"), ("detail", "detail"),
             ("media_type", "type"), ("sender", "from"), ("pages", "pages"), ("language", "language"),
             ("partial", "partly read")]  # fmt: skip
    lines += [f"  {label:12}{inert(str(one[key]))}" for key, label in facts if one.get(key) is not None]
    if one["marks"]:
        lines.append(f"  {'marked':12}{', '.join(one['marks'])}")
    lines.append(f"  {'version':12}{one['version']} of {len(detail['versions'])}")
    lines += [
        f"  {'origin':12}{origin['source']}: {inert(origin['locator'])}" for origin in detail["origins"]
    ]
    lines += [f"  {'attachment':12}{child['id']}  {inert(child['name'])}" for child in detail["children"]]
    lines += [f"  {'tag':12}{inert(tag['name'])}  {why(tag)}" for tag in detail["tags"]]
    lines += [f"  {'project':12}{inert(link['project'])}  {why(link)}" for link in detail["links"]]
    lines += [f"  {one['kind']:12}{inert(one['value'])}" for one in detail["mentions"]]
    if detail["actions"]:
        lines.append(actions(detail["actions"]))
    return "\n".join(lines)


def formats(rows: Iterable[Json]) -> str:
    """The table of formats."""
    lines = []
    for one in rows:
        lines.append(f"{style(one['name'], BOLD)}  {one['media_type']}  ({', '.join(one['endings'])})")
        lines += [
            style(f"    {label:11}", DIM) + str(one[key])
            for key, label in (
                ("detected_by", "recognised"),
                ("library", "read by"),
                ("extracts", "gives"),
                ("limits", "limits"),
            )
            if one[key]
        ]
    return "\n".join(lines)


def actions(found: Iterable[Json]) -> str:
    """A few lines an action item: who owes it to whom by when, the words that prove it, what became of it."""
    return "\n".join(line for one in found for line in _action(one)) or "no action items"


def _action(one: Json) -> list[str]:
    due = f"  due {one['due']}" if one["due"] else ""
    owner, owed_to = inert(one["owner"] or ""), inert(one["owed_to"] or "")
    who = f"  {owner or '?'}{' → ' + owed_to if owed_to else ''}" if owner or owed_to else ""
    lines = [f"{one['id']:5}  {one['status']:8}  {one['kind']:10}{due}{who}"]
    if one["what"] != " ".join(one["evidence"]["text"].split()):
        lines.append(f"       {inert(one['what'])}")
    lines.append(f"       {_proof(one)}  {style(one['item'], DIM)}")
    if one["repeats"]:
        lines.append(f"       said again: {one['repeats']}, the last in {one['again']}")
    if closing := one["closing"]:
        lines.append(f"       perhaps done: {_proof(closing)}  {style(closing['item'], DIM)}")
    return lines


def runs(found: Iterable[Json]) -> str:
    """A line each."""
    return "\n".join(
        f"{one['id']:5}  {day(one['started_at'])}  {one['items']:7} items"
        f"  {inert(one['reader'])} {inert(one['version'])}{'  taken back' if one['undone'] else ''}"
        for one in found
    )


def receipts(found: Iterable[Json]) -> str:
    """What each deletion removed."""
    lines = []
    for one in found:
        removed = ", ".join(f"{count} {kind}" for kind, count in one["removed"].items() if count)
        left = sum(one["residue"].values())
        lines.append(f"{one['item']}  deleted: {removed}; left: {left}; receipt {one['audit_head'][:16]}")
    return "\n".join(lines)


def status(now: Json) -> str:
    """The appliance at a glance."""
    lines = ["items       " + (", ".join(f"{n} {state}" for state, n in now["items"].items() if n) or "none")]
    if now["reasons"]:
        lines.append("quarantine  " + ", ".join(f"{n} {reason}" for reason, n in now["reasons"].items()))
    if now["partly"]:
        lines.append(f"read partly {now['partly']}; `strongroom show ITEM` says what is missing")
    for one in now["reading"]:
        total = f" of {one['total']}" if one["total"] else ""
        left = f", about {one['eta_s']:.0f} s left" if one["eta_s"] is not None else ""
        lines.append(f"reading     {inert(one['name'])}: {one['done']}{total}, {one['per_s']:.1f}/s{left}")
    if now["unembedded"]:
        lines.append(f"waiting     {now['unembedded']} passages, findable by word, not yet by meaning")
    if now["paused"]:
        lines.append(f"paused      {now['paused']}")
    lines += [f"refused     {inert(refused)}" for refused in now["refused"]]
    lines += [f"degraded    {line}" for line in now["degraded"]]
    lines += [
        f"process     {one['role']:9} pid {one['pid']:<8} {one['rss_mib']:6.0f} MiB"
        for one in now["processes"]
    ]
    lines.append("network     " + egress(now["egress"]))
    if now.get("url"):
        lines.append(f"address     {now['url']}")
    return "\n".join(lines)


def egress(report: Json | None) -> str:
    """What the guard saw."""
    if report is None:
        return "the guard does not answer"
    return (
        f"{report['total']} attempts to reach a network since the start"
        f" ({report['self_tests']} self-tests seen and refused)"
    )


def verify(report: Json) -> str:
    """The result of a full check."""
    lines = [f"decrypted and compared {report['items']} originals ({report['bytes'] / 1e6:.1f} MB)"]
    lines += [f"DAMAGED  {inert(problem)}" for problem in report["problems"]] or ["all is well"]
    return "\n".join(lines)


def why(finding: Json) -> str:
    """Who says so, for what reason, and the words that prove it."""
    said = "you said so" if finding["reader"] == "owner" else ""
    proof = _proof(finding) if finding["evidence"]["text"] else ""
    return "  ".join(filter(None, (said, inert(finding.get("reason", "")), proof)))


def _proof(finding: Json) -> str:
    return f"“{inert(finding['evidence']['text'])}”"


def _highlighted(snippet: str, highlights: Sequence[Sequence[int]]) -> str:
    """Highlights are offsets into the raw snippet, so each piece is made inert after it was cut."""
    pieces, at = [], 0
    left, right = (MARK, PLAIN) if sys.stdout.isatty() else ("[", "]")
    for start, end in highlights:
        pieces += [inert(snippet[at:start]), left, inert(snippet[start:end]), right]
        at = end
    return "".join([*pieces, inert(snippet[at:])])


def day(seconds: float) -> str:
    """The local date."""
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
