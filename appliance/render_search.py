"""Answers, what was asked before, and kept searches as words for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from appliance.render import BOLD, DIM, day, inert, style


def searches(kept: Sequence[Mapping[str, Any]]) -> str:
    """One line a search; those with news stand out."""
    lines = []
    for one in kept:
        new = style(f"{one['unseen']:5} new", BOLD) if one["unseen"] else "    0 new"
        lines.append(f"{new}  {inert(one['name'])}: {inert(one['query']['query'])}")
    return "\n".join(lines) or "no kept searches; `strongroom searches keep NAME WORDS…` keeps one"


def answer(found: Mapping[str, Any]) -> str:
    """Sentences, each with a number, and below them where they are said."""
    lines = [f"{inert(one['text'])} [{number}]" for number, one in enumerate(found["sentences"], start=1)]
    if not lines:
        lines.append("not found in your documents")
    for number, one in enumerate(found["sentences"], start=1):
        cited = one["citation"]
        page = f", page {cited['page']}" if cited["page"] else ""
        place = f"{cited['item']}  characters {cited['start']} to {cited['end']}"
        lines.append(f"{number:2}. {style(inert(cited['title']), BOLD)}{page}")
        lines.append(style(f"    {place}", DIM))
        if cited["text"] != one["text"]:
            lines.append(f"    “{inert(cited['text'])}”")
    if found["degraded"]:
        lines.append(f"note: {inert(found['degraded'])}")
    return "\n".join(lines)


def questions(asked: Sequence[Mapping[str, Any]]) -> str:
    """What was asked, the last one first, with the words that answered; of what changed, then and now."""
    lines = []
    for one in asked:
        lines.append(f"{one['id']:5}  {day(one['asked_at'])}  {style(inert(one['question']), BOLD)}")
        gone = "only in what was deleted" if one["found"] else "not found in your documents"
        lines += _cited("then: " if one["changed"] else "", one["answer"], gone)
        if one["changed"]:
            lines += _cited(f"by {one['changed']}: ", one["answer_now"], "not found in your documents")
    return "\n".join(lines) or "nothing is remembered; `strongroom ask` asks"


def _cited(when: str, answer: Sequence[Mapping[str, Any]], none: str) -> Iterator[str]:
    for cited in answer:
        yield f"       {when}“{inert(cited['evidence']['text'])}”  {style(cited['item'], DIM)}"
    if not answer:
        yield f"       {when}{none}"
