"""Mails and their relatives on a real vault: whatever order they come in, what is repeated is quoted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.relatives import Relatives
from store.records import Element, ElementKind, MailHeader, Reading, State
from store.vault import Vault
from tests.support.homes import put, throwaway_vault

QUESTION = (
    "The scaffold on the north side has to stay until the roofers have replaced the battens above the stair, "
    "which they promise for the second week of May."
)
ANSWER = (
    "Then the swallows may finish their brood first, and nobody has to write to the county again this year."
)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path) as opened:
        yield opened


def mail(name: str, *pieces: str, after: tuple[str, ...] = (), subject: str = "Scaffold") -> Reading:
    elements, start = [], 0
    for piece in pieces:
        elements.append(Element(kind=ElementKind.PARAGRAPH, start=start, end=start + len(piece)))
        start += len(piece) + 2
    header = MailHeader(
        message_id=f"{name}@alder.example",
        in_reply_to=f"{after[-1]}@alder.example" if after else None,
        references=tuple(f"{other}@alder.example" for other in after),
        subject=subject,
    )
    return Reading(
        media_type="message/rfc822", text="\n\n".join(pieces), elements=tuple(elements), mail=header
    )


FAMILY = {
    "a": mail("a", QUESTION),
    "b": mail("b", ANSWER, QUESTION, after=("a",)),
    "c": mail("c", "Agreed.", ANSWER, QUESTION, after=("a", "b")),
}


def store(vault: Vault, names: tuple[str, ...]) -> dict[str, str]:
    return {name: put(vault, name.encode(), name).item for name in names}


def kinds(vault: Vault, item: str) -> list[str]:
    return [element.kind.value for element in vault.catalog.elements(item)]


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
@pytest.mark.parametrize("together", [1, 2, 3])
def test_in_any_order_each_text_is_new_once(vault: Vault, order: tuple[str, ...], together: int) -> None:
    relatives, items = Relatives(vault.catalog), store(vault, order)
    for first in range(0, len(order), together):
        relatives.save([(items[name], FAMILY[name]) for name in order[first : first + together]])
    assert {name: kinds(vault, items[name]) for name in items} == {
        "a": ["paragraph"],
        "b": ["paragraph", "quoted"],
        "c": ["paragraph", "quoted", "quoted"],
    }


def test_a_reply_that_was_embedded_is_embedded_anew(vault: Vault) -> None:
    items = store(vault, ("a", "b"))
    Relatives(vault.catalog).save([(items["b"], FAMILY["b"])])
    vault.catalog.save_passages(items["b"], [])
    assert vault.catalog.item(items["b"]).state is State.INDEXED
    Relatives(vault.catalog).save([(items["a"], FAMILY["a"])])
    assert vault.catalog.item(items["b"]).state is State.PARSED
    assert vault.catalog.text(items["b"]) == FAMILY["b"].text


def test_who_is_no_relative_may_say_the_same(vault: Vault) -> None:
    items = store(vault, ("a", "d"))
    Relatives(vault.catalog).save([(items["a"], FAMILY["a"]), (items["d"], mail("d", QUESTION))])
    assert kinds(vault, items["d"]) == ["paragraph"]


def test_a_deleted_parent_is_no_parent(vault: Vault) -> None:
    relatives, items = Relatives(vault.catalog), store(vault, ("a", "b"))
    relatives.save([(items["a"], FAMILY["a"])])
    vault.delete(items["a"])
    relatives.save([(items["b"], FAMILY["b"])])
    assert kinds(vault, items["b"]) == ["paragraph", "paragraph"]


def test_a_mail_that_names_itself_is_not_its_own_parent(vault: Vault) -> None:
    items = store(vault, ("a",))
    Relatives(vault.catalog).save([(items["a"], mail("a", QUESTION, after=("a",)))])
    assert kinds(vault, items["a"]) == ["paragraph"]


def test_documents_are_saved_as_they_are(vault: Vault) -> None:
    items = store(vault, ("n",))
    reading = Reading(media_type="text/plain", text="x", elements=())
    Relatives(vault.catalog).save([(items["n"], reading)])
    assert vault.catalog.text(items["n"]) == "x"
