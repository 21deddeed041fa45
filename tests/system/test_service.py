"""The whole appliance as its owner and other tools meet it: a real service on the papers of the office."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance import observation
from appliance.api import PAGE_FILES
from appliance.cli import main
from appliance.client import Client
from appliance.errors import RequestRefused
from appliance.signing import Signer
from policy.redact import Private
from store.vault import Vault
from tests.support.correspondence import MARIA, TOM, mail
from tests.support.homes import LIMITS
from tests.support.observed import FOUND, KEY, signed
from tests.support.running import Running, running, strongroom

FIXTURES = Path(__file__).parents[2] / "fixtures"
ASKS = mail(
    1,
    "Hi Tom,\n\ncould you send me the drawings of the stair by Friday?\nPlease call the roofer today.",
    date="Tue, 12 May 2026 23:30:00 -0500",
)
ANSWERS = mail(
    2,
    "Hi Maria,\n\nI sent the drawings <b>yesterday</b>.\n\n> could you send me the drawings of the stair?",
    sender=TOM,
    to=MARIA,
    answers=1,
    date="Thu, 14 May 2026 09:00:00 -0500",
)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that has taken in a part of the office's papers, and watches an empty folder."""
    folder = tmp_path_factory.mktemp("office")
    (folder / "papers").mkdir()
    configuration = (FIXTURES / "strongroom.toml").read_text(encoding="utf-8")
    watch = f'[[watch]]\nname = "papers"\nfolder = "{folder / "papers"}"\n'
    with running(folder, f"{configuration}\n{watch}") as service:
        mails = sorted((FIXTURES / "mail").glob("*.eml"))[:25]
        for path in mails:
            shutil.copy(path, service.drop)
        shutil.copytree(FIXTURES / "docs" / "Kestrel", service.drop / "Kestrel")
        for number, content in enumerate((ASKS, ANSWERS)):
            (service.drop / f"{number}.eml").write_bytes(content)
        service.settled(len(mails) + 2)
        yield service


@pytest.fixture(scope="module")
def token(office: Running) -> str:
    made = office.client.call("POST", "/v1/tokens", {"name": "tests", "scopes": ["search", "read"]})
    return str(made["token"])


def test_the_drop_folder_is_empty_once_all_is_stored(office: Running) -> None:
    office.until(lambda: not [path for path in office.drop.rglob("*") if path.is_file()], "the drop folder")


def test_what_was_dropped_is_found_by_word_and_by_meaning(office: Running) -> None:
    by_word = office.search("revised drawings", mode="keyword")
    assert any(hit["title"].endswith("Alder House: stair and the east wall") for hit in by_word)
    by_meaning = office.search("who will pay for the damage after the storm", mode="semantic")
    assert by_meaning
    assert {hit["item"] for hit in office.search("revised drawings")} & {hit["item"] for hit in by_word}


def test_a_question_is_answered_in_the_words_of_a_document_or_not_at_all(office: Running) -> None:
    office.until(lambda: not office.client.call("GET", "/v1/status")["unembedded"], "the vectors")
    question = "When does the parcel with the samples leave?"
    answer = json.loads(strongroom("ask", question, "--json", home=office.home).stdout)
    assert [said["text"] for said in answer["sentences"]] == ["The parcel leaves here on 9 March."], answer
    cited = answer["sentences"][0]["citation"]
    text = office.client.call("GET", f"/v1/items/{cited['item']}/text")["text"]
    assert text[cited["start"] : cited["end"]] == cited["text"] == "The parcel leaves here on 9 March."
    words = strongroom("ask", question, home=office.home).stdout
    assert words.startswith("The parcel leaves here on 9 March. [1]\n")
    assert cited["item"] in words
    nothing = strongroom("ask", "what is the capital of Portugal?", home=office.home)
    assert nothing.stdout.strip() == "not found in your documents"


def test_a_hit_opens_at_its_offset(office: Running) -> None:
    for hit in office.search("drawings"):
        text = office.client.call("GET", f"/v1/items/{hit['item']}/text")["text"]
        assert text[hit["snippet_start"] :].startswith(hit["snippet"])
        start, end = hit["offsets"]
        assert start <= hit["snippet_start"] < end


def test_findings_stand_verbatim_in_their_item(office: Running) -> None:
    actions = office.client.call("GET", "/v1/actions", limit=200)
    links = [link for one in office.client.call("GET", "/v1/projects") for link in one["links"]]
    assert actions
    assert links
    for finding in (*actions, *links):
        text = office.client.call("GET", f"/v1/items/{finding['item']}/text")["text"]
        evidence = finding["evidence"]
        assert text[evidence["start"] : evidence["end"]] == evidence["text"]


def told(office: Running, *arguments: str) -> list[dict[str, Any]]:
    """What `strongroom actions` says in JSON, of what Tom is to do unless something else is asked for."""
    whose = () if {"--owner", "--edit", "--project"} & {*arguments} else ("--owner", "tom@example.org")
    done = strongroom("actions", "--json", *whose, *arguments, home=office.home)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_two_mails_make_a_proposal_and_the_owner_closes(office: Running) -> None:
    roofer, drawings = told(office)
    assert (roofer["what"], roofer["due"]) == ("Please call the roofer today.", "2026-05-12")
    assert (drawings["due"], drawings["owner"], drawings["owed_to"]) == ("2026-05-15", TOM, MARIA)
    assert (roofer["closing"], drawings["status"]) == (None, "open")
    claim = drawings["closing"]
    text = office.client.call("GET", f"/v1/items/{claim['item']}/text")["text"]
    evidence = claim["evidence"]
    assert evidence["text"] == "I sent the drawings <b>yesterday</b>."
    assert text[evidence["start"] : evidence["end"]] == evidence["text"]
    words = strongroom("actions", home=office.home).stdout
    assert f"{TOM} → {MARIA}" in words
    assert "perhaps done: “I sent the drawings <b>yesterday</b>.”" in words

    number = str(drawings["id"])
    (accepted,) = told(office, "--accept", number)
    assert (accepted["status"], accepted["closing"]) == ("accepted", None)
    assert [one["id"] for one in told(office, "--status", "accepted")] == [drawings["id"]]
    (closed,) = told(office, "--done", number)
    assert closed["status"] == "done"
    assert [one["id"] for one in told(office)] == [roofer["id"]]
    assert len(told(office, "--all")) == 2
    (reopened,) = told(office, "--reopen", number)
    assert reopened["status"] == "open"


def test_the_owner_changes_what_was_read(office: Running) -> None:
    number = str(told(office, "--all")[0]["id"])
    edits = ("--set-what", "Call the roofer", "--set-due", "2026-05-20", "--set-owner", "Ann Quokka")
    (changed,) = told(office, "--edit", number, *edits)
    assert (changed["what"], changed["due"], changed["owner"]) == (
        "Call the roofer",
        "2026-05-20",
        "Ann Quokka",
    )
    assert changed["evidence"]["text"] == "Please call the roofer today."
    assert "Call the roofer\n" in strongroom("actions", home=office.home).stdout
    assert [one["id"] for one in told(office, "--owner", "quokka")] == [changed["id"]]
    assert changed["id"] not in {one["id"] for one in told(office, "--due-before", "2026-05-16")}
    (undated,) = told(office, "--edit", number, "--set-due", "")
    assert undated["due"] is None
    owned = [one["id"] for one in office.client.call("GET", "/v1/actions", limit=200) if one["owner"]]
    assert [one["id"] for one in told(office, "--owner", "")] == owned


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        (("--edit", "7"), "--set-due"),
        (("--set-due", "2026-05-20"), "--edit 7"),
        (("--edit", "7", "--set-due", "soon"), "2026-05-31"),
        (("--due-before", "soon"), "2026-05-31"),
        (("--project", "no such project"), "strongroom projects"),
        (("--done", "7", "--reject", "8", "7"), "two things are said of action item 7"),
        (("--done", "1" + "0" * 20), "$.id"),
    ],
)
def test_a_wrong_word_on_action_items_is_told_with_its_remedy(
    office: Running, wrong: tuple[str, ...], part: str
) -> None:
    told = strongroom("actions", *wrong, home=office.home)
    assert told.returncode == 64, told.stderr
    assert part in told.stderr


def test_several_action_items_are_moved_at_once(office: Running) -> None:
    every = [str(one["id"]) for one in told(office, "--owner", "")]
    moved = told(office, "--done", *every[:1], "--done", *every[1:])
    assert [(str(one["id"]), one["status"]) for one in moved] == [(number, "done") for number in every]
    assert len(told(office, "--owner", "", "--reopen", *every)) == len(every)
    assert len(told(office, "--owner", "", "--limit", "1")) == 1


@pytest.mark.parametrize(
    "body", [{}, {"status": "forgotten"}, {"what": " "}, {"due": "20.5."}, {"what": "x" * 1001}]
)
def test_a_change_that_is_none_is_refused(office: Running, body: dict[str, str]) -> None:
    number = told(office, "--all")[0]["id"]
    with pytest.raises(RequestRefused) as refused:
        office.client.call("POST", f"/v1/actions/{number}", body)
    assert refused.value.status == 400


def test_the_owners_word_on_tags_and_projects_stands_and_can_be_taken_back(office: Running) -> None:
    link = next(link for one in office.client.call("GET", "/v1/projects") for link in one["links"])
    item, project = link["item"], link["project"]

    def correct(*words: str) -> Any:
        told = strongroom("correct", item, *words, "--json", home=office.home)
        assert told.returncode == 0, told.stderr
        return json.loads(told.stdout)

    detail = correct("--tag", "permit", "--no-project", project)
    given = next(tag for tag in detail["tags"] if tag["name"] == "permit")
    assert (given["confidence"], given["reader"]) == (1.0, "owner")
    assert project not in {one["project"] for one in detail["links"]}
    found = office.client.call("POST", "/v1/search", {"query": "tag:permit", "limit": 50})["hits"]
    assert item in {hit["item"] for hit in found}
    detail = correct("--any-tag", "permit", "--any-project", project)
    assert project in {one["project"] for one in detail["links"]}
    unknown = strongroom("correct", item, "--tag", "no such tag", home=office.home)
    assert (unknown.returncode, "strongroom.toml" in unknown.stderr) == (64, True)


def test_a_project_is_shown_in_order_and_can_be_closed(office: Running) -> None:
    name = office.client.call("GET", "/v1/projects")[0]["name"]
    told = strongroom("projects", name, "--close", "--json", home=office.home)
    assert told.returncode == 0, told.stderr
    project = json.loads(told.stdout)
    dates = [entry["item"]["created_at"] or entry["item"]["stored_at"] for entry in project["entries"]]
    assert dates == sorted(dates)
    assert project["closed"]
    assert {one["item"] for one in project["actions"]} <= {one["item"]["id"] for one in project["entries"]}
    words = strongroom("projects", name, "--reopen", home=office.home)
    assert words.returncode == 0, words.stderr
    assert name in words.stdout


def test_what_refers_to_an_item_is_found(office: Running) -> None:
    conversation = office.search("revised drawings", mode="keyword")[0]
    messages = office.client.call("GET", f"/v1/threads/{conversation['thread']}")["messages"]
    answer = next(one for one in messages if one["item"] and one["parent"] is not None)
    related = office.client.call("GET", f"/v1/items/{answer['item']}/related")
    answered = messages[answer["parent"]]["item"]
    assert ("it answers this", answered) in {(one["reason"], one["item"]["id"]) for one in related}
    told = strongroom("related", answer["item"], home=office.home)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("kind", ["tag", "project"])
def test_what_is_not_proposed_cannot_be_dismissed(office: Running, kind: str) -> None:
    seen = office.client.call("GET", "/v1/proposals", kind=kind)
    said = {"kind": kind, "items": [office.search("drawings")[0]["item"]], "dismissed": True}
    assert len(office.client.call("POST", "/v1/proposals", said)) <= len(seen)
    unknown = strongroom(f"{kind}s", "--dismiss", "no such thing", home=office.home)
    assert (unknown.returncode, "--proposed --all" in unknown.stderr) == (64, True)


def test_the_command_line_says_the_same_in_words_and_in_json(office: Running) -> None:
    words = strongroom("search", "revised", "drawings", home=office.home)
    assert words.returncode == 0, words.stderr
    assert "[drawings]" in words.stdout
    told = json.loads(strongroom("search", "revised drawings", "--json", home=office.home).stdout)
    assert told["hits"][0]["item"] in words.stdout
    for command in ("status", "items", "projects", "tags", "actions", "doctor"):
        plain = strongroom(command, home=office.home)
        assert plain.returncode == 0, (command, plain.stderr, plain.stdout)
        assert plain.stdout.strip()
        assert json.loads(strongroom(command, "--json", home=office.home).stdout)


def test_the_original_comes_back_byte_for_byte(office: Running, tmp_path: Path) -> None:
    path = sorted((FIXTURES / "mail").glob("*.eml"))[0]
    (item,) = [
        one for one in office.client.call("GET", "/v1/items", limit=200)["items"] if one["name"] == path.name
    ]
    target = tmp_path / "original.eml"
    shown = strongroom("show", item["id"], "--original", str(target), home=office.home)
    assert shown.returncode == 0, shown.stderr
    assert target.read_bytes() == path.read_bytes()


def test_a_document_is_added_once_and_deleted_without_a_trace(office: Running, tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("The quokkafern stands behind the greenhouse. Please water it by Friday.\n" * 3)
    first, second = (
        json.loads(strongroom("add", str(path), "--json", home=office.home).stdout)[0] for _ in range(2)
    )
    assert (first["created"], second["created"]) == (True, False)
    assert first["item"] == second["item"]
    office.until(lambda: office.search("quokkafern"), "the note to be found")
    receipt = office.client.call("DELETE", f"/v1/items/{first['item']}")
    assert receipt["removed"]["blobs"] == 1
    assert not any(receipt["residue"].values())
    assert not office.search("quokkafern", mode="keyword")
    assert first["item"] not in {
        hit["item"] for hit in office.search("a plant that needs water", mode="semantic")
    }
    with pytest.raises(RequestRefused) as caught:
        office.client.call("GET", f"/v1/items/{first['item']}")
    assert caught.value.status == 404


def test_a_kept_search_tells_what_came_in_and_a_followed_one_shows_it(
    office: Running, tmp_path: Path
) -> None:
    kept = strongroom("searches", "keep", "owls/barn", "owl", home=office.home)
    assert (kept.returncode, "no name for a search" in kept.stderr) == (64, True)
    assert strongroom("searches", "keep", "owls", "barn owl", home=office.home).returncode == 0
    since = office.client.call("POST", "/v1/search/follow", {"query": {"query": "barn owl"}})["since"]
    path = tmp_path / "owls.txt"
    path.write_text("A barn owl nests under the ridge of the mill.\n")
    item = office.upload(path)
    asked = {"query": {"query": "barn owl"}, "since": since}
    hits = office.until(lambda: office.client.call("POST", "/v1/search/follow", asked)["hits"], "the owl")
    assert [hit["item"] for hit in hits] == [item]
    office.until(lambda: office.client.call("GET", "/v1/searches")[0]["unseen"], "the news")
    told = strongroom("searches", "show", "owls", home=office.home)
    assert item in told.stdout
    assert office.client.call("GET", "/v1/searches")[0]["unseen"] == 0
    similar = json.loads(strongroom("similar", item, "--json", "--limit", "3", home=office.home).stdout)
    assert len(similar["hits"]) == 3
    assert strongroom("searches", "forget", "owls", home=office.home).returncode == 0
    assert office.client.call("GET", "/v1/searches") == []


def test_what_cannot_be_read_is_kept_with_its_reason_and_can_be_retried(
    office: Running, tmp_path: Path
) -> None:
    path = tmp_path / "noise.bin"
    path.write_bytes(bytes(range(256)) * 40)
    item = office.upload(path)

    def reason() -> Any:
        return office.client.call("GET", f"/v1/items/{item}")["item"]["reason"]

    assert office.until(reason, "the quarantine") == "UNSUPPORTED"
    assert office.client.call("POST", f"/v1/items/{item}/retry")["state"] in ("STORED", "QUARANTINED")
    assert office.until(reason, "the second quarantine") == "UNSUPPORTED"


def test_it_signs_reports_of_observed_runs_and_nothing_else(
    office: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signer = Signer(office.home, office.client, None)  # it is not asked for the passphrase
    assert signer.public == Signer(office.home, Client(tmp_path / "none"), office.key_file).public
    report = observation.file(FOUND, signer.sign(FOUND))

    def check(report: bytes, *more: str) -> tuple[int, str]:
        (tmp_path / "report.json").write_bytes(report)
        code = main(["doctor", "--home", str(office.home), "--check", str(tmp_path / "report.json"), *more])
        return code, "".join(capsys.readouterr())

    code, told = check(report)
    assert (code, "by the key that was expected" in told, signer.public in told) == (0, True, True), told
    code, told = check(signed(FOUND))
    assert (code, "BY ANOTHER KEY" in told, KEY.public in told) == (1, True, True), told
    assert check(signed(FOUND), "--key", KEY.public.upper())[0] == 0
    code, told = check(report.replace(b"0.1.0", b"0.1.1"))
    assert (code, "was changed" in told) == (1, True), told

    body = msgspec.to_builtins(FOUND)
    for request in ({}, {"text": "I owe you 100"}, body | {"about": "a letter"}, body | {"more": 1}):
        with pytest.raises(RequestRefused) as refused:
            office.client.call("POST", "/v1/reports", request)
        assert refused.value.status == 400
    token = office.client.call("POST", "/v1/tokens", {"name": "signs", "scopes": ["admin"]})["token"]
    status, _ = office.http("POST", "/v1/reports", body, authorization=f"Bearer {token}")
    assert status == 403  # the owner's own command alone may have it signed


class TestLoopback:
    """Other tools come with a token over loopback; other sites may try through the owner's browser."""

    def test_a_token_admits_to_its_scopes_only(self, office: Running, token: str) -> None:
        bearer = {"Authorization": f"Bearer {token}"}
        status, found = office.http("POST", "/v1/search", {"query": "drawings"}, **bearer)
        assert status == 200
        assert found["hits"]
        item = found["hits"][0]["item"]
        assert office.http("GET", f"/v1/items/{item}", **bearer)[0] == 200
        assert office.http("DELETE", f"/v1/items/{item}", **bearer)[0] == 403
        assert office.http("GET", "/v1/actions?all=true", **bearer)[0] == 200
        assert office.http("POST", "/v1/actions/1", {"status": "done"}, **bearer)[0] == 403
        assert office.http("POST", "/v1/tokens", {"name": "x", "scopes": ["admin"]}, **bearer)[0] == 403

    @pytest.mark.parametrize("value", ["", "Bearer", "Bearer wrong", "Basic eDp5"])
    def test_without_a_token_nothing_is_told(self, office: Running, value: str) -> None:
        status, told = office.http("POST", "/v1/search", {"query": "drawings"}, Authorization=value)
        assert status == 401
        assert "hits" not in told

    @pytest.mark.parametrize(
        "header", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
    )
    def test_foreign_hosts_and_origins_are_refused(
        self, office: Running, token: str, header: dict[str, str]
    ) -> None:
        headers = {"Authorization": f"Bearer {token}", **header}
        assert office.http("POST", "/v1/search", {"query": "drawings"}, **headers)[0] == 403

    @pytest.mark.parametrize(
        ("body", "part"),
        [
            (b"not json", "not JSON"),
            (b"[" * 60_000, "not JSON"),
            (b"[]", "not a JSON object"),
            (b'{"limit": 3}', "query"),
            (b'{"query": "x", "limit": 100000}', "limit"),
            (b'{"query": "x", "mode": "psychic"}', "mode"),
            (b'{"query": 3}', "query"),
            (b'{"query": "' + b"x" * 100_000 + b'"}', "too long"),
        ],
    )
    def test_a_wrong_request_is_told_where(self, office: Running, token: str, body: bytes, part: str) -> None:
        status, told = office.http("POST", "/v1/search", body, Authorization=f"Bearer {token}")
        assert status == 400
        assert part in told["error"]

    def test_the_description_and_the_page_name_no_other_host(self, office: Running) -> None:
        status, described = office.http("GET", "/v1/openapi.json")
        assert status == 200
        assert {"/v1/search", "/v1/items/{id}"} <= set(described["paths"])
        texts = [json.dumps(described)]
        for path in PAGE_FILES:
            status, content = office.http("GET", path)
            assert status == 200
            texts.append(content.decode())
        assert not [text for text in texts if "http://" in text or "https://" in text]


def test_killed_children_are_replaced_and_nothing_is_lost(office: Running, tmp_path: Path) -> None:
    for role in ("parser", "model"):
        for process in office.client.call("GET", "/v1/status")["processes"]:
            if process["role"] == role:
                os.kill(process["pid"], signal.SIGKILL)
    path = tmp_path / "after.txt"
    path.write_text("The marmotlantern burns again after the accident.")
    item = office.upload(path)
    office.until(lambda: office.search("marmotlantern", mode="keyword"), "words to be found")
    office.until(
        lambda: office.client.call("GET", f"/v1/items/{item}")["item"]["state"] == "ENRICHED",
        "the model to be back",
    )


def test_nothing_tried_to_reach_a_network_and_the_watch_is_awake(office: Running) -> None:
    egress = office.client.call("GET", "/v1/status")["egress"]
    assert egress["total"] == 0, egress["attempts"]
    assert egress["self_tests"] >= 3


def test_everything_stored_is_whole(office: Running) -> None:
    checked = strongroom("verify", home=office.home)
    assert checked.returncode == 0, checked.stdout


class TestStarting:
    """How a service starts, refuses to, and starts again."""

    def test_it_survives_a_kill_and_a_restart(self, tmp_path: Path) -> None:
        with running(tmp_path) as service:
            for number in range(12):
                (service.drop / f"{number}.txt").write_text(
                    f"Paper number {number} about the wombatgate. " * 5
                )
            time.sleep(0.7)  # somewhere in the middle
            core = next(
                p for p in service.client.call("GET", "/v1/status")["processes"] if p["role"] == "core"
            )
            os.kill(core["pid"], signal.SIGKILL)
            assert service.process is not None
            assert service.process.wait(30) == 128 + signal.SIGKILL
            service.start()
            service.settled(12)
            found = service.client.call("GET", "/v1/items", limit=200)["items"]
            assert sorted(one["name"] for one in found) == sorted(f"{number}.txt" for number in range(12))
            assert len(service.search("wombatgate", limit=20)) == 12
            assert service.stop() == 0
            service.start()  # from its snapshots
            assert len(service.search("wombatgate", limit=20)) == 12

    def test_the_wrong_passphrase_is_one_line_and_77(self, tmp_path: Path) -> None:
        service = Running(tmp_path)
        service.key_file.write_text("something else")
        done = strongroom("serve", "--home", str(service.home), "--passphrase-file", str(service.key_file))
        assert done.returncode == 77
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr

    def test_the_passphrase_can_be_changed_and_the_old_one_opens_nothing(self, tmp_path: Path) -> None:
        service = Running(tmp_path)
        fresh = tmp_path / "fresh"
        fresh.touch(mode=0o600)
        fresh.write_text("a better one")
        arguments = (
            "passphrase",
            "--passphrase-file",
            str(service.key_file),
            "--new-passphrase-file",
            str(fresh),
        )
        changed = strongroom(*arguments, home=service.home)
        assert changed.returncode == 0, changed.stderr
        assert strongroom(*arguments, home=service.home).returncode == 77
        Vault.open(service.home, Private(fresh.read_bytes()), limits=LIMITS).close()

    def test_a_home_serves_once(self, office: Running) -> None:
        second = strongroom("serve", "--home", str(office.home), "--passphrase-file", str(office.key_file))
        assert second.returncode == 69
        assert "already running" in second.stderr
        office.client.call("GET", "/v1/status")

    def test_a_folder_that_is_no_home_says_what_to_do(self, tmp_path: Path) -> None:
        done = strongroom("serve", "--home", str(tmp_path))
        assert done.returncode != 0
        assert "strongroom init" in done.stderr
        asked = strongroom("search", "x", "--home", str(tmp_path))
        assert asked.returncode == 69
        assert "strongroom serve" in asked.stderr


def test_a_watched_folder_keeps_its_files_and_their_versions(office: Running) -> None:
    paper = office.home.parent / "papers" / "plan.txt"
    paper.write_text("The first plan mentions an otterbridge.")
    office.until(lambda: office.search("otterbridge", mode="keyword"), "the first version")
    paper.write_text("The second plan mentions a beaverbridge instead.")
    office.until(lambda: office.search("beaverbridge", mode="keyword"), "the second version")
    assert paper.exists()
    (item,) = office.client.call("GET", "/v1/items", source="watch:papers")["items"]
    assert item["version"] == 2
    assert not office.search("otterbridge", mode="keyword")
