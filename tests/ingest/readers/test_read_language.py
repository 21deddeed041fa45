"""Languages: of a document, and of passages that are in another."""

from __future__ import annotations

import io

import pytest

from ingest.readers.draft import text_of
from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply

GERMAN = (
    "Sehr geehrte Frau Fuchs, wir danken für Ihren Brief und schicken Ihnen heute die Unterlagen, um"
    " die Sie uns gebeten haben. Bitte prüfen Sie alles und geben Sie uns bis zum Ende des Monats"
    " Bescheid, ob die Miete für die Räume am Fluss so bleiben kann.",
    "Die Nebenkosten sind in diesem Jahr höher, weil der Winter lang und das Öl teuer war. Wir haben"
    " mit dem Lieferanten gesprochen, und er hat uns einen Rabatt versprochen, der ab dem nächsten Monat"
    " gilt.",
    "Über die Reparatur des Daches sprechen wir am besten bei einem Treffen, zu dem auch der Architekt"
    " kommt.",
)
ENGLISH = (
    "This page is a summary of the contract for our partners abroad. The landlord keeps the building in"
    " good repair and pays for the insurance, while the tenant pays the rent on the first day of each"
    " month and takes care of the garden and of the path to the river.",
    "Either party may end the contract with three months of notice, which has to be given in writing."
    " All that was agreed before is replaced by what is written here.",
)
RUSSIAN = (
    "Договор заключается на один год и продлевается, если ни одна из сторон не сообщит о его"
    " прекращении за три месяца. Арендатор платит за помещение в первый день каждого месяца, а владелец"
    " отвечает за ремонт крыши."
)


def read_text(*paragraphs: str) -> Reply:
    return read(io.BytesIO("\n\n".join(paragraphs).encode()), Job(name="letter.txt"), io.BytesIO())


@pytest.mark.parametrize(
    ("own", "other", "language", "code"),
    [
        (GERMAN, ENGLISH, "de", "en"),
        ((*ENGLISH, *ENGLISH), GERMAN, "en", "de"),
        ((*ENGLISH, *ENGLISH), (RUSSIAN, RUSSIAN), "en", "ru"),
        ((RUSSIAN, RUSSIAN, RUSSIAN), ENGLISH, "ru", "en"),
    ],
)
def test_a_page_in_another_language_is_marked(
    own: tuple[str, ...], other: tuple[str, ...], language: str, code: str
) -> None:
    reply = read_text(*own, *other)
    assert reply.language == language
    marked = [text_of(element) for element in reply.elements if element.language == code]
    assert marked == list(other)
    assert {element.language for element in reply.elements} == {None, code}


def test_names_tables_and_code_are_in_no_language() -> None:
    names = "\n\n".join(
        f"Alder {n}, Fox Lane {n}, River House, Mr Heron, Mrs Otter, 4711{n} Kent" for n in range(20)
    )
    code = "```\n" + "for row in rows: print(row, end=' ')\n" * 30 + "```"
    table = "| Datum | Betrag |\n|---|---|\n" + "| 1.3. | 700,00 |\n" * 40
    content = "\n\n".join((*GERMAN, names, code, table, *GERMAN)).encode()
    reply = read(io.BytesIO(content), Job(name="a.md"), io.BytesIO())
    assert reply.language == "de"
    assert {element.language for element in reply.elements} == {None}


def test_a_page_deep_in_a_long_document_is_found() -> None:
    reply = read_text(*(GERMAN * 600), *(ENGLISH * 12), *(GERMAN * 600))
    marked = [text_of(element) for element in reply.elements if element.language == "en"]
    assert len(marked) >= 20
    assert set(marked) <= set(ENGLISH)
