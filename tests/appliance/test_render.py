"""What a terminal is shown: a document's control characters never reach it."""

from hypothesis import given
from hypothesis import strategies as st

from appliance import render, render_meaning


@given(st.text())
def test_nothing_that_a_terminal_would_obey_survives(text: str) -> None:
    assert render.inert(text).isprintable()


def test_highlights_are_cut_at_their_offsets_before_anything_is_removed() -> None:
    hit = {"title": "t\x1b[2J", "name": "n", "item": "i", "sender": None, "page": 2, "sent_at": None,
           "reason": None,
           "snippet": "a\x07bc roof\u202e d", "highlights": [[5, 9]]}  # fmt: skip
    shown = render.results({"hits": [hit], "total": 1, "took_ms": 1.0, "mode": "hybrid", "degraded": None})
    assert "abc [roof] d" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_names_and_words_of_documents_are_inert_where_projects_are_shown() -> None:
    item = {"id": "i", "title": "t\x1b[2J", "name": "n", "stored_at": 0.0, "created_at": None}
    link = {"item": "i", "project": "p", "reason": "words ‘\x07’", "reader": "", "confidence": 0.5,
            "evidence": {"start": 0, "end": 3, "text": "a\x1bc"}}  # fmt: skip
    project = {"name": "p", "closed": True, "entries": [{"item": item, "link": link}], "actions": []}
    summary = {"name": "p\x1b", "items": 1, "links": [link], "closed": True}
    proposal = {"name": "\x1b", "items": ["i"], "reasons": ["common words: \x1b"], "dismissed": True}
    relation = {"item": item, "reason": "mentions ‘\x1b’", "evidence": link["evidence"]}
    shown = (
        render_meaning.project(project),
        render_meaning.projects([summary]),
        render_meaning.proposals([proposal]),
        render_meaning.related([relation]),
    )
    assert all(line.isprintable() for one in shown for line in one.split("\n"))
    assert "“ac”" in shown[0]
    assert "closed" in shown[0]
    assert "dismissed" in shown[2]


def test_what_only_the_owner_said_needs_no_proof() -> None:
    said = {"reader": "owner", "reason": "", "evidence": {"start": 0, "end": 0, "text": ""}}
    assert render.why(said) == "you said so"
