"""Passages that do not fit a model's context together are read part by part, and put together with their
places; nothing is skipped, and nothing of what a model said of them is read again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.errors import ModelFailed
from enrich.llm import GenerateReply, GenerateRequest
from enrich.llm_answer import MAX_SENTENCES, PARTS, LlmAnswers, Proven
from store.records import Item, Passage, State

QUESTION = "what does the roof cost"
FACTS = re.compile(r"The \w+ costs \d+ euros")
TEXTS = [
    "The slater came on Monday with two men. The roof costs 48620 euros without tax. He begins in April.",
    "The swallows above the mill door are protected, and nobody opens that door before June.",
    "A scaffold stands in the yard. The scaffold costs 3100 euros and is ours until May. It rained.",
    "We met the carpenter. He had no time for us. The gutter costs 940 euros. The wood lies behind the barn.",
]


def grounds(texts: Sequence[str] = TEXTS) -> list[tuple[Item, Passage]]:
    """A document for each text, with one passage."""
    found = []
    for number, text in enumerate(texts):
        name = f"item{number}"
        item = Item(id=name, name="a.txt", state=State.INDEXED, size=1, stored_at=0, family=name)
        found.append((item, Passage(id=number, item=name, start=100, end=100 + len(text), text=text)))
    return found


class Narrow:
    """A model that takes in `fits` characters, and quotes every price that it has seen whole."""

    name = "narrow.gguf"
    identity = "narrow"

    def __init__(self, fits: int) -> None:
        self.fits = fits
        self.asked: list[GenerateRequest] = []

    def generate(self, request: GenerateRequest, cancelled: Event | None = None) -> GenerateReply:
        self.asked.append(request)
        marker = request.head.rstrip().splitlines()[-1]
        _, *pieces = request.data[: self.fits].split(f"\n{marker}\n")
        said = [
            {"passage": piece.partition(":")[0], "quote": quote, "sentence": f"{quote}."}
            for piece in pieces
            for quote in FACTS.findall(piece)
        ]
        answer = json.dumps({"sentences": said[:MAX_SENTENCES]})
        return GenerateReply(text=answer, read=min(self.fits, len(request.data)))


def told(found: Sequence[Proven]) -> list[tuple[str, str]]:
    """What is said, after checking that every place is where it says."""
    for one in found:
        assert one.proof.text == one.text.rstrip(".")
    return [(one.proof.item.id, one.text) for one in found]


PRICES = [
    ("item0", "The roof costs 48620 euros."),
    ("item2", "The scaffold costs 3100 euros."),
    ("item3", "The gutter costs 940 euros."),
]


def test_what_fits_is_read_at_once() -> None:
    model = Narrow(10_000)
    assert told(LlmAnswers(model).answer(QUESTION, grounds())) == PRICES
    assert len(model.asked) == 1


@pytest.mark.parametrize("fits", [120, 150, 200, 260, 300, 400, 500])
def test_what_does_not_fit_is_read_in_parts_and_put_together(fits: int) -> None:
    model = Narrow(fits)
    assert told(LlmAnswers(model).answer(QUESTION, grounds())) == PRICES
    assert len(model.asked) > 2


def test_only_the_sentences_that_prove_something_are_read_again() -> None:
    model = Narrow(300)
    LlmAnswers(model).answer(QUESTION, grounds())
    last = model.asked[-1].data
    assert [fact for text in TEXTS for fact in FACTS.findall(text)] == FACTS.findall(last)
    assert "costs 48620 euros without tax." in last
    assert not {"slater", "swallows", "carpenter"} & set(re.findall(r"\w+", last))


def test_a_passage_longer_than_the_context_is_read_in_stretches_that_overlap() -> None:
    filler = "Nothing is said about it here. " * 12
    text = filler + "The roof costs 48620 euros without tax. " + filler
    for fits in range(300, 340):  # the cut goes through every character of the sentence
        model = Narrow(fits)
        found = LlmAnswers(model).answer(QUESTION, grounds([text]))
        assert told(found) == PRICES[:1]
        assert found[0].proof.start == len(filler)


def test_words_that_stand_twice_are_cited_where_they_were_read() -> None:
    twice = "The roof costs 48620 euros. " + "He said so, and said it again. " * 12
    text = twice + twice
    model = Narrow(330)
    starts = {one.proof.start for one in LlmAnswers(model).answer(QUESTION, grounds([text]))}
    assert starts == {0, len(twice)}


def test_a_context_that_takes_no_passage_in_is_a_failure() -> None:
    with pytest.raises(ModelFailed, match="no passage fits"):
        LlmAnswers(Narrow(len(QUESTION))).answer(QUESTION, grounds())


def test_parts_without_an_end_are_given_up() -> None:
    with pytest.raises(ModelFailed, match=f"{PARTS} parts"):
        LlmAnswers(Narrow(90)).answer(QUESTION, grounds(["word " * 4000]))


def test_all_parts_together_have_the_time_of_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("enrich.llm_answer.time.monotonic", lambda: now[0])

    class Slow(Narrow):
        def generate(self, request: GenerateRequest, cancelled: Event | None = None) -> GenerateReply:
            now[0] += 120
            return super().generate(request)

    model = Slow(200)
    with pytest.raises(ModelFailed, match="within"):
        LlmAnswers(model).answer(QUESTION, grounds())
    assert [request.seconds for request in model.asked] == [300.0, 180.0, 60.0]


def test_a_cancelled_question_is_cancelled_in_every_part() -> None:
    cancelled = Event()

    class Listening(Narrow):
        def generate(self, request: GenerateRequest, cancelled: Event | None = None) -> GenerateReply:
            assert cancelled is not None
            if cancelled.is_set():
                raise ModelFailed("nobody waits for it any more")
            cancelled.set()
            return super().generate(request)

    model = Listening(200)
    with pytest.raises(ModelFailed, match="nobody waits"):
        LlmAnswers(model).answer(QUESTION, grounds(), cancelled)
    assert len(model.asked) == 1


@given(st.integers(1, 700), st.lists(st.sampled_from(TEXTS), min_size=1, max_size=8))
def test_however_little_fits_nothing_is_misplaced(fits: int, texts: list[str]) -> None:
    try:
        found = LlmAnswers(Narrow(fits)).answer(QUESTION, grounds(texts))
    except ModelFailed:
        return
    assert len(found) <= MAX_SENTENCES
    told(found)
