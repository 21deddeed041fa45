"""A night of the whole service: what came in answers what was asked before, and the morning tells of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.homes import open_vault
from tests.support.running import Running, running, strongroom

pytestmark = pytest.mark.nightly

QUESTION = "When does the parcel with the quokkafern leave?"
ANSWER = "The parcel with the quokkafern leaves here on 9 March."
LETTER = f"Dear Tamsin,\n\nthe samples are packed. {ANSWER} Please send me your customs number."


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    """One whose morning was an hour ago."""
    at = datetime.now() - timedelta(hours=1)
    with running(tmp_path, f'[digest]\nat = "{at:%H:%M}"\n') as made:
        yield made


def told(service: Running, *arguments: str) -> Any:
    done = strongroom(*arguments, "--json", home=service.home)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def settled(service: Running, items: int) -> None:
    service.settled(items)
    service.until(lambda: not service.client.call("GET", "/v1/status")["unembedded"], "the vectors")


def a_day_passes(service: Running) -> None:
    """As if this morning's digest were still to be made."""
    service.stop()
    vault = open_vault(service.home)
    with vault._database.write() as connection:
        connection.execute("DELETE FROM digests")
    vault.close()
    service.start()


def test_the_morning_tells_that_an_answer_changed(service: Running) -> None:
    (service.drop / "birds.txt").write_text("The swallows have flown.", encoding="utf-8")
    settled(service, 1)
    assert told(service, "ask", QUESTION)["sentences"] == []
    (asked,) = told(service, "questions")
    assert (asked["question"], asked["found"], asked["changed"]) == (QUESTION, 0, None)
    (service.drop / "letter.txt").write_text(LETTER, encoding="utf-8")
    settled(service, 2)
    a_day_passes(service)
    service.until(lambda: service.log.read_text().count("a digest is kept") == 2, "the digest to be kept")
    (changed,) = told(service, "questions")
    assert told(service, "digest")["answers"] == [changed]
    assert [one["evidence"]["text"] for one in changed["answer_now"]] == [ANSWER]
    item = changed["answer_now"][0]["item"]
    words = strongroom("digest", home=service.home).stdout
    assert f"answers that changed (1)\n    {changed['id']}  " in words
    assert f"“{ANSWER}”" in words
    assert "then: not found in your documents" in words

    assert told(service, "ask", QUESTION)["sentences"]
    assert told(service, "questions")[0]["changed"] is None
    assert told(service, "digest")["answers"] == [changed]
    told(service, "delete", item)
    assert told(service, "digest")["answers"] == []
    (left,) = told(service, "questions")
    assert (left["found"], left["answer"]) == (1, [])
    told(service, "questions", "forget", str(left["id"]))
    assert told(service, "questions") == []
    assert strongroom("questions", "forget", "7", home=service.home).returncode != 0
    service.stop()
    log = service.log.read_text().lower()
    assert "quokkafern" not in log
    assert "failed" not in log
