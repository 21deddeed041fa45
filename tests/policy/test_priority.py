"""What comes in rests while somebody is answered: no longer than that, and never for good."""

from __future__ import annotations

import math
import threading

import pytest

from policy import priority

PATIENCE_S = 20.0


def resting(done: threading.Event) -> threading.Thread:
    def work() -> None:
        priority.yield_to_answers()
        priority.rest()
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_it_rests_until_the_answer_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "_LONGEST_S", PATIENCE_S)
    monkeypatch.setattr(priority, "_TIMES", 1e9)
    done = threading.Event()
    with priority.answering(), priority.answering():
        thread = resting(done)
        assert not done.wait(0.2)
    assert done.wait(PATIENCE_S / 2)
    thread.join()


def test_however_much_is_asked_it_goes_on() -> None:
    done = threading.Event()
    with priority.answering():
        thread = resting(done)
        assert done.wait(PATIENCE_S)
    thread.join()


def test_who_answers_never_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "_answered", None)  # waiting for it would fail
    monkeypatch.setattr(priority, "_rest_until", math.inf)
    priority.rest()
