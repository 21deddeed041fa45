"""Tags and project links: given where the item's own words show them, else not at all."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.projects import find_links
from enrich.schema import MAX_LINKS, MAX_TAGS, ProjectSpec, TagSpec
from enrich.tags import Meaning, find_tags
from enrich.words import word_pattern
from store.proof import holds
from store.records import ElementKind, Link, Passage, Tag
from tests.support.documents import document

INVOICE = TagSpec(name="invoice", description="A bill", words=("invoice", "amount due", "Rechnung"))
TRAVEL = TagSpec(name="travel", description="A journey", words=("train", "hotel"))
REPORT = TagSpec(name="report", description="Findings", words=("report",))
ALDER = ProjectSpec(
    name="Alder House",
    aliases=("the mill house",),
    people=("maria@example.org", "gerd@example.org"),
    keywords=("63-2026-0418",),
)
BRANDT = ProjectSpec(name="Brandt", people=("gerd@example.org",), keywords=("Erbschein",))


def tags(title: str, body: str, kind: ElementKind = ElementKind.PARAGRAPH) -> dict[str, Tag]:
    one = document((ElementKind.TITLE, title), (kind, body), title=title)
    found = find_tags((INVOICE, TRAVEL, REPORT), one, None)
    assert all(holds(one.text, tag.evidence) for tag in found)
    return {tag.name: tag for tag in found}


def links(
    title: str,
    body: str,
    sender: str = "x@y.example",
    to: tuple[str, ...] = (),
    conversation: dict[str, float] | None = None,
) -> dict[str, Link]:
    one = document((ElementKind.TITLE, title), body, title=title, sender=sender, recipients=to)
    one = msgspec.structs.replace(one, conversation=conversation or {})
    found = find_links((ALDER, BRANDT), one)
    assert all(holds(one.text, link.evidence) for link in found)
    return {link.project: link for link in found}


@pytest.mark.parametrize(
    ("phrase", "yes", "no"),
    [
        ("invoice", "two Invoices", "voiceinvoiced-x"),
        ("policy", "the policies", "policeman"),
        ("Rechnung", "alle Rechnungen", "Rechnungsnummer"),
        ("site meeting", "Site\nmeetings", "site-meeting room"),
        ("VAT", "incl. VAT", "vat of wine"),
        ("Vertrag", "des Vertrages", "verträglich"),
    ],
)
def test_words(phrase: str, yes: str, no: str) -> None:
    assert word_pattern(phrase).search(yes)
    assert not word_pattern(phrase).search(no)


@given(st.text(max_size=20), st.text(max_size=40))
def test_any_word_of_an_owner_is_survived(phrase: str, text: str) -> None:
    if phrase.split():
        word_pattern(phrase).search(text)


def test_two_words_or_title_and_body_give_a_tag_with_the_sentence_that_shows_it() -> None:
    found = tags("Roof", "Here is our invoice. The amount due is 40 EUR.")
    assert found["invoice"].evidence.text == "The amount due is 40 EUR."
    assert (
        tags("Rechnung 12", "Bitte zahlen.")["invoice"].confidence
        < tags("Rechnung", "Ihre Rechnung.")["invoice"].confidence
    )


def test_one_word_is_not_enough() -> None:
    assert tags("Roof", "I lost my train of thought.") == {}
    assert tags("Re: Rechnung 12", "Danke!") == {}


def test_an_item_gets_at_most_so_many_tags_and_links() -> None:
    names = [f"matter{letter}" for letter in "abcdefghijk"]
    one = document(". ".join([*names, *names]))
    specs = tuple(TagSpec(name=name) for name in names)
    projects = tuple(ProjectSpec(name=name) for name in names)
    assert len(find_tags(specs, one, None)) == MAX_TAGS
    assert len(find_links(projects, one)) == MAX_LINKS


def test_quoted_text_and_signatures_give_no_tag() -> None:
    for kind in (ElementKind.QUOTED, ElementKind.SIGNATURE, ElementKind.FOOTER):
        assert tags("Roof", "invoice, amount due, invoice", kind) == {}


def test_meaning_decides_over_a_single_word() -> None:
    one = document("The train was late.")
    vectors = np.eye(3, dtype=np.float32)
    passage = Passage(id=1, item="i", start=0, end=len(one.text), text=one.text)
    for row, expected in ((1, ["travel"]), (0, [])):
        meaning = Meaning(vectors, [passage], {1: vectors[row]})
        found = find_tags((INVOICE, TRAVEL, REPORT), one, meaning)
        assert [tag.name for tag in found] == expected


def test_a_name_links_with_its_reason() -> None:
    link = links("Roof", "I was at Alder House. It rained.")["Alder House"]
    assert link.reason == "mentions ‘Alder House’"
    assert link.evidence.text == "I was at Alder House."
    assert links("Roof of the Mill House", "x")["Alder House"].evidence.text == "Roof of the Mill House"
    assert links("Case 63-2026-0418", "x")["Alder House"].confidence >= 0.5


def test_parties_alone_need_company_and_a_line_of_text() -> None:
    maria, gerd = "Maria Egger <maria@example.org>", "Gerd <gerd@example.org>"
    assert links("Lunch", "At noon?", sender=maria) == {}
    assert links("Lunch", "At noon?", sender=maria, to=(gerd,)) == {}  # Gerd is in two projects
    strong = links("Lunch", "Erbschein is here, says Maria.", sender=maria)
    assert list(strong) == ["Brandt"]
    both = links("Alder House", "Maria", sender=maria)["Alder House"]
    assert both.reason == "mentions ‘Alder House’, from Maria Egger"
    assert both.confidence > links("Alder House", "x")["Alder House"].confidence


def test_two_people_of_one_project_are_enough_when_the_text_names_one() -> None:
    project = ProjectSpec(name="P", people=("a@x.example", "b@x.example"))
    sender, to = "Adam <a@x.example>", ("Berta <b@x.example>",)
    (link,) = find_links((project,), document("Dear Berta,", "see you.", sender=sender, recipients=to))
    assert (link.reason, link.evidence.text) == ("from Adam, to Berta", "Dear Berta,")


def test_a_message_in_a_conversation_of_a_project_is_proposed_by_its_own_first_words() -> None:
    link = links("Re: Roof", "Yes. On Monday.", conversation={"Brandt": 0.85})["Brandt"]
    assert (link.reason, link.evidence.text) == ("reply to ‘roof’", "Yes.")
    assert links("Re: Roof", "Yes.", conversation={"Brandt": link.confidence}) == {}
