"""The page in a real browser: what the owner sees and says there; no document's words become markup."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.browser import Browser, browsing
from tests.support.correspondence import ANN, MARIA, TOM, mail
from tests.support.running import Running, running

pytestmark = pytest.mark.nightly

CONFIGURATION = """
[[project]]
name = "Alder House <img src=x onerror=alert(3)>"
aliases = ["Alder House"]

[[tag]]
name = "stairs"
description = "Stairs and steps."
words = ["stair"]

[[tag]]
name = "<b>money</b>"
description = "Money that is owed."
words = ["invoice"]
"""
MARKUP = "<img src=http://203.0.113.9/x.png onerror=alert(1)><script>alert(2)</script>"
ASKS = mail(
    1,
    "Hi Tom,\n\nplease call the roofer by 15 May.\n\n"
    "Could you send me the drawings of the stair by Friday?\n\nThe stair costs 1,250.00 EUR.",
    date="Tue, 12 May 2026 09:00:00 +0200",
)
ANSWERS = mail(
    2, "Hi Maria,\n\nI sent the drawings <b>yesterday</b>.", sender=TOM, to=MARIA, answers=1,
    date="Thu, 14 May 2026 09:00:00 +0200",
)  # fmt: skip
EVIL = mail(
    3,
    f"Hi Ann,\n\nplease pay the invoice of Alder House {MARKUP} by 20 May.\n\n"
    f"The parcel {MARKUP} leaves on 9 March.",
    sender=f'"Mallory {MARKUP.replace("<", "(").replace(">", ")")}" <mallory@example.org>',
    to=ANN,
    date="Fri, 15 May 2026 09:00:00 +0200",
).replace(b"Subject: The stair at Alder House", f"Subject: {MARKUP} Alder House".encode())
MADE_OF_TEXT = """document.querySelectorAll("img, script:not([src^='/']), b *, iframe").length"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("office")
    with running(folder, CONFIGURATION) as service:
        for number, content in enumerate((ASKS, ANSWERS, EVIL)):
            (service.drop / f"{number}.eml").write_bytes(content)
        (service.drop / "<img src=x onerror=alert(4)>.txt").write_text("An invoice. The stair is of oak.")
        service.settled(4)
        service.until(lambda: not service.client.call("GET", "/v1/status")["unembedded"], "the vectors")
        yield service


@pytest.fixture(scope="module")
def address(office: Running) -> str:
    token = office.client.call("POST", "/v1/tokens", {"name": "page", "scopes": ["search", "read", "write"]})
    return f"{office.client.call('GET', '/v1/status')['url']}/#token={token['token']}"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser, office: Running, address: str) -> Iterator[Browser]:
    for action in office.client.call("GET", "/v1/actions", all="true"):
        office.client.call("POST", f"/v1/actions/{action['id']}", {"status": "open"})
    chromium.asked.clear()
    chromium.complaints.clear()
    chromium.open(address)
    chromium.until("document.querySelector('#actions button') && document.querySelector('#projects button')")
    yield chromium
    assert chromium.run(MADE_OF_TEXT) == 0
    assert chromium.complaints == []
    known = (address.partition("#")[0], "data:", "about:")
    assert not [asked for asked in chromium.asked if not asked.startswith(known)]


def press(page: Browser, name: str, within: str = "body") -> None:
    """The one button of this name."""
    named = f"""[...document.querySelectorAll({json.dumps(within + " button")})]
        .filter((one) => [one.textContent, one.ariaLabel].includes({json.dumps(name)}))"""
    page.until(f"{named}.length === 1")
    page.run(f"{named}[0].focus(), {named}[0].click()")


def fill(page: Browser, label: str, value: str) -> None:
    """The field of the form that is being edited."""
    page.run(
        f"""void [...document.querySelectorAll("form label")]
        .filter((one) => one.firstChild.data === {json.dumps(label)})
        .forEach((one) => {{ one.lastChild.value = {json.dumps(value)};
        one.lastChild.dispatchEvent(new Event("input", {{bubbles: true}})) }})"""
    )


def text(page: Browser, place: str) -> str:
    return str(page.run(f"document.querySelector({json.dumps(place)}).innerText"))


def has(page: Browser, place: str, part: str, *, so: bool = True) -> None:
    shown = f"document.querySelector({json.dumps(place)})?.innerText"
    page.until(f"{shown}?.includes({json.dumps(part)}) === {json.dumps(so)}")


def lacks(page: Browser, place: str, part: str) -> None:
    has(page, place, part, so=False)


def the_action(office: Running, part: str) -> dict[str, Any]:
    (found,) = [
        one for one in office.client.call("GET", "/v1/actions", all="true") if part in one["evidence"]["text"]
    ]
    return dict(found)


ROOFER = "please call the roofer by 15 May."


def test_an_action_item_opens_where_it_is_said(page: Browser) -> None:
    press(page, ROOFER, "#actions")
    page.until("document.querySelector('#reader-text mark')")
    assert text(page, "#reader-text mark") == ROOFER
    assert ROOFER in text(page, "#reader-actions")
    page.run("void document.querySelector('#reader-amounts button').click()")
    has(page, "#reader-text mark", "1,250.00")


def test_the_owner_edits_an_action_item_and_takes_it_back(page: Browser, office: Running) -> None:
    press(page, f"Edit: {ROOFER}", "#actions")
    assert page.run("document.activeElement.value") == ROOFER
    fill(page, "What", "Call <b>Jonas</b>")
    fill(page, "Who", "")
    fill(page, "Due", "2026-06-30")
    press(page, "Save")
    has(page, "#actions", "Call <b>Jonas</b>")
    changed = the_action(office, "roofer")
    assert (changed["what"], changed["owner"], changed["due"]) == ("Call <b>Jonas</b>", None, "2026-06-30")
    press(page, "Undo", "#told")
    lacks(page, "#actions", "Jonas")
    changed = the_action(office, "roofer")
    assert (changed["what"], changed["owner"], changed["due"]) == (ROOFER, TOM, "2026-05-15")


def test_an_edit_is_left_by_escape_and_changes_nothing(page: Browser, office: Running) -> None:
    before = the_action(office, "roofer")
    press(page, ROOFER, "#actions")
    press(page, f"Edit: {ROOFER}", "#reader-actions")
    fill(page, "What", "Something else")
    page.press("Escape")
    page.until("!document.querySelector('#reader-actions form')")
    assert page.run("document.querySelector('#reader').open")
    assert page.run("document.activeElement.ariaLabel") == f"Edit: {ROOFER}"
    page.press("Escape")
    page.until("!document.querySelector('#reader').open")
    assert the_action(office, "roofer") == before


def test_what_is_done_leaves_the_list_and_comes_back(page: Browser, office: Running) -> None:
    press(page, f"Done: {ROOFER}", "#actions")
    lacks(page, "#actions", "roofer")
    assert the_action(office, "roofer")["status"] == "done"
    assert page.run(
        "document.activeElement.closest('#actions') !== null"
    )  # the keyboard is not sent to the top
    press(page, "To do")
    page.until("document.querySelector('#shown select')")
    fill(page, "Which", "done")
    has(page, "#shown form ~ ul", "roofer")
    press(page, f"Reopen: {ROOFER}", "#shown")
    lacks(page, "#shown form ~ ul", "roofer")
    has(page, "#actions", "roofer")


def test_filters_leave_what_they_say(page: Browser) -> None:
    press(page, "To do")
    has(page, "#shown form ~ ul", "roofer")
    fill(page, "Whose", "ann")
    lacks(page, "#shown form ~ ul", "roofer")
    has(page, "#shown form ~ ul", "invoice")
    fill(page, "Due before", "2026-05-18")
    has(page, "#shown", "none")


def test_tags_and_projects_are_corrected_where_they_stand(page: Browser, office: Running) -> None:
    press(page, ROOFER, "#actions")
    page.until("document.querySelector('#reader-tags select')")
    item = the_action(office, "roofer")["item"]

    def tags() -> dict[str, str]:
        return {tag["name"]: tag["reader"] for tag in office.client.call("GET", f"/v1/items/{item}")["tags"]}

    before = tags()
    page.run("void (document.querySelector('#reader-tags select').value = '<b>money</b>')")
    press(page, "Add to its tags")
    has(page, "#reader-tags", "you said so")
    assert tags() == before | {"<b>money</b>": "owner"}
    press(page, "<b>money</b> is wrong")
    lacks(page, "#reader-tags", "you said so")
    assert tags() == before
    press(page, "Undo", "#reader-told")
    has(page, "#reader-tags", "you said so")
    assert tags() == before | {"<b>money</b>": "owner"}
    office.client.call("POST", f"/v1/items/{item}/tags", {"name": "<b>money</b>", "given": None})


def test_a_project_is_read_in_order_closed_and_opened(page: Browser, office: Running) -> None:
    (name,) = [one["name"] for one in office.client.call("GET", "/v1/projects")]
    press(page, name, "#projects")
    has(page, "#shown", "What happened")
    days = page.run(
        "[...document.querySelectorAll('#shown ol .facts')].map((one) => one.textContent.slice(0, 10))"
    )
    assert len(days) >= 2
    assert days == sorted(days)
    press(page, f"Close it: {name}")
    has(page, "#projects", "closed")
    press(page, f"Open it again: {name}")
    lacks(page, "#projects", "closed")


def test_an_answer_opens_its_place_and_none_is_told(page: Browser) -> None:
    page.run("void (document.querySelector('#query').value = 'When does the parcel leave?')")
    press(page, "Ask")
    has(page, "#summary", "What your documents say")
    assert "leaves on 9 March" in text(page, "#shown .said")
    page.run("void document.querySelector('#shown .open').click()")
    page.until("document.querySelector('#reader-text mark')")
    assert "leaves on 9 March" in text(page, "#reader-text")
    page.press("Escape")
    page.run("void (document.querySelector('#query').value = 'What is the capital of Portugal?')")
    press(page, "Ask")
    has(page, "#summary", "Not found")
    assert text(page, "#shown") == ""
    press(page, "When does the parcel leave?", "#asked")
    has(page, "#shown", "leaves on 9 March")
    press(page, "Forget: What is the capital of Portugal?", "#asked")
    lacks(page, "#asked", "Portugal")


@pytest.mark.parametrize(("width", "height"), [(1200, 900), (360, 700)])
def test_nothing_is_wider_than_the_window_and_every_button_has_a_name(
    page: Browser, address: str, width: int, height: int
) -> None:
    page.open(address, width, height)
    page.until("document.querySelector('#actions button') && document.querySelector('#projects button')")
    page.run("void (document.querySelector('#query').value = 'invoice')")
    press(page, "Search")
    page.until("document.querySelector('#shown .open')")
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    page.run("void document.querySelector('#shown .open').click()")
    page.until("document.querySelector('#reader').open")
    for place in ("#reader", "#reader-known", "#reader-text"):
        wide = f"((one) => one.scrollWidth - one.clientWidth)(document.querySelector({place!r}))"
        assert page.run(wide) <= 0, place
    named = "(one) => one.textContent.trim() || one.ariaLabel"
    assert page.run(f"[...document.querySelectorAll('button, summary')].every({named})")
    labelled = "(one) => one.labels?.length || one.ariaLabel"
    assert page.run(f"[...document.querySelectorAll('input, select, textarea')].every({labelled})")


def test_all_is_shown_as_text_wherever_it_stands(page: Browser, office: Running) -> None:
    # Each view of the evil mail and the evil names; what became of them the fixture looks for.
    press(page, "This morning")
    has(page, "#shown", "came in")
    press(page, "What else may be one", "section:has(#projects)")
    has(page, "#shown", "What may be a project")
    page.run("void (document.querySelector('#query').value = 'invoice')")
    press(page, "Search")
    has(page, "#shown", "<img src=x onerror=alert(4)>.txt")
    evil = the_action(office, "pay the invoice")
    press(page, evil["what"], "#actions")
    has(page, "#reader-title", MARKUP)
    assert MARKUP in text(page, "#reader-text mark")
    press(page, "Look for it")
    page.until("!document.querySelector('#reader-related').innerText.includes('Look for it')")


def test_a_wrong_token_is_told(chromium: Browser, address: str) -> None:
    chromium.open(address.partition("#")[0] + "#token=none")
    has(chromium, "#told", "strongroom token page")
