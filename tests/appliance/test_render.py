"""What a terminal is shown: a document's control characters never reach it."""

from hypothesis import given
from hypothesis import strategies as st

from appliance import render


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
