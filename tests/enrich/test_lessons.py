"""The owner's word teaches: it shows in the next item, in what was read before, and goes with its item."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from enrich.documents import Documents
from enrich.evidence import holds
from enrich.lessons import Lessons
from enrich.reader import BuiltinReader
from enrich.refresh import EnrichStage
from enrich.schema import ProjectSpec, TagSpec, Vocabulary
from store.corrections import Named
from store.records import Element, ElementKind, MailHeader, NewPassage, Reading, State
from store.vault import Vault
from tests.support.findings import mail_header
from tests.support.homes import put, throwaway_vault

VOCABULARY = Vocabulary(
    tags=(TagSpec(name="craft", words=("ladder",)),), projects=(ProjectSpec(name="Alder House"),)
)
ROOF = ["slates", "gutter", "ridge", "tiles", "rafters", "roofer", "chimney", "flashing"]
SEA = ["harbour", "sail", "keel", "rudder", "anchor", "tide", "skipper", "mast"]


class Box:
    """An open home whose items are read for meaning."""

    def __init__(self, vault: Vault) -> None:
        documents = Documents(vault.catalog, None)
        self.vault, self.catalog = vault, vault.catalog
        self.lessons = Lessons(vault.catalog, documents, VOCABULARY)
        reader = BuiltinReader(VOCABULARY, None, self.lessons.taught)
        self.stage = EnrichStage(vault, [reader], documents, self.lessons)
        self._count = 0
        self._chance = random.Random(3)

    def take(self, text: str, mail: MailHeader | None = None) -> str:
        """Store a text as an item that waits to be read for its meaning."""
        self._count += 1
        item = put(self.vault, f"{self._count} {text}".encode(), f"{self._count}.txt").item
        whole = Element(kind=ElementKind.PARAGRAPH, start=0, end=len(text))
        reading = Reading(media_type="text/plain", text=text, elements=(whole,), mail=mail, language="en")
        self.catalog.save_reading(item, reading)
        self.catalog.save_passages(item, [NewPassage(start=0, end=len(text), text=text, embed=False)])
        return item

    def read(self) -> int:
        """Read all that waits; how many readings that were."""
        total = 0
        while done := self.stage.step(threading.Event()):
            total += done
        return total

    def about(self, topic: list[str]) -> str:
        """Store a text on a topic; it is read."""
        words = self._chance.sample(topic, 3)
        item = self.take(f"Good day to all. About the {words[0]}, the {words[1]} and a {words[2]} here. Bye.")
        self.read()
        return item

    def tags(self, item: str) -> list[str]:
        """What stands; each is proven by the item's own words, unless the owner said it."""
        for tag in self.catalog.tags_of(item):
            assert tag.reader == "owner" or holds(self.catalog.text(item), tag.evidence)
        return [tag.name for tag in self.catalog.tags_of(item)]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with throwaway_vault(tmp_path) as vault:
        opened = Box(vault)
        for _ in range(12):
            opened.about(ROOF)
            opened.about(SEA)
        yield opened


def on_roofs(box: Box) -> list[str]:
    items = box.catalog.items(limit=99)
    return [item.id for item in items if any(word in box.catalog.text(item.id) for word in ROOF)]


def test_a_few_words_of_the_owner_show_in_the_next_document_with_its_own_sentence(box: Box) -> None:
    assert box.tags(box.about(ROOF)) == []
    for item in on_roofs(box)[:4]:
        box.catalog.correct(item, Named.TAG, "craft", True)
    new = box.about(ROOF)
    assert box.tags(new) == ["craft"]
    assert box.catalog.tags_of(new)[0].evidence.text.startswith("About the")
    assert box.tags(box.about(SEA)) == []


def test_what_was_read_before_is_read_again_where_it_is_judged_otherwise(box: Box) -> None:
    assert box.read() == 0
    for item in on_roofs(box)[:4]:
        box.catalog.correct(item, Named.TAG, "craft", True)
    again = box.read()
    assert 0 < again < box.catalog.count()
    tagged = [item for item in on_roofs(box)[4:] if box.tags(item)]
    assert len(tagged) >= 5
    assert box.read() == 0


def test_what_the_owner_refuses_often_the_rules_give_no_more(box: Box) -> None:
    kept = box.take("Please bring the ladder. The ladder of the oven.")
    box.read()
    assert box.tags(kept) == ["craft"]
    for item in on_roofs(box)[:3]:
        box.catalog.correct(item, Named.TAG, "craft", True)
    for number in range(6):
        wrong = box.take(f"Please bring the ladder. The ladder of the oven, {number}.")
        box.catalog.correct(wrong, Named.TAG, "craft", False)
    new = box.take("The ladder and the oven. Please bring the ladder.")
    box.read()
    assert box.tags(new) == box.tags(kept) == []


def test_a_link_that_was_learned_says_why(box: Box) -> None:
    for item in on_roofs(box)[:4]:
        box.catalog.correct(item, Named.PROJECT, "Alder House", True)
    (link,) = box.catalog.links(item=box.about(ROOF))
    assert link.project == "Alder House"
    assert link.reason.startswith("words ‘")
    assert any(f"‘{word}’" in link.reason for word in ROOF)


def test_what_is_deleted_teaches_no_more(box: Box) -> None:
    roofs = on_roofs(box)[:4]
    for item in roofs:
        box.catalog.correct(item, Named.TAG, "craft", True)
    assert box.lessons.taught() is not None
    box.vault.delete_together(roofs)
    assert box.lessons.taught() is None
    assert box.tags(box.about(ROOF)) == []


def test_the_rest_of_a_conversation_follows_a_message_that_surely_is_of_a_project(box: Box) -> None:
    first = mail_header("<1@x>", subject="the stairs")
    answer = mail_header("<2@x>", subject="Re: the stairs", in_reply_to="<1@x>")
    later = box.take("On Monday then. Bye.", answer)
    box.read()
    assert box.catalog.links(item=later) == []
    box.take("When do you come to Alder House?", first)
    box.read()
    (link,) = box.catalog.links(item=later)
    assert (link.project, link.reason) == ("Alder House", "reply to ‘the stairs’")
    assert link.evidence.text == "On Monday then."
    assert box.read() == 0


def test_what_nobody_read_yet_waits_for_its_turn(box: Box) -> None:
    waiting = box.take("About the ridge, the tiles and a roofer here.")
    box.lessons.to_read_again()
    assert box.catalog.item(waiting).state is State.INDEXED


def test_a_group_without_a_name_is_proposed_by_its_words(box: Box) -> None:
    assert box.lessons.proposals(Named.TAG) == []  # without vectors nothing is alike
