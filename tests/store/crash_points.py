"""Every commit path of the store, done again and again, killed at one more point each time.

A program of its own, so that it can fork before any thread exists:

    python -m tests.store.crash_points FOLDER MOST [SCENARIO ...]

A point is the moment before or after any call that touches the disk or the catalog; MOST of them, evenly
spread, are tried for each scenario (0: all; -1: none, it is only seen what is visited). Prints one line of
JSON for each: how many points there are, how many were tried, what was wrong after which of them, and which
functions were visited.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import msgspec

from policy.redact import Private
from store import vault as vaults
from store.actions import Asked, Claimed, Ties
from store.answers import ModelAnswer
from store.blobs import Blobs
from store.corrections import Named
from store.digests import KeptDigest, Line
from store.errors import (
    HomeExists,
    IllegalStep,
    NoSuchItem,
    NoSuchPerson,
    NoSuchQuestion,
    NoSuchSearch,
    StoreError,
    WrongPassphrase,
)
from store.mailboxes import FolderState, Import, Refusal, mail_locator, mail_source
from store.migrate import packaged_steps
from store.questions import Cited
from store.records import (
    ActionStatus,
    Address,
    Claim,
    Element,
    ElementKind,
    Evidence,
    NewPassage,
    Origin,
    Reading,
    Reason,
    State,
)
from store.vault import Vault
from tests.support.crashing import OTHER, Bench, Points, Scenario, in_child, open_again, spread
from tests.support.findings import MODEL, VECTOR, findings, mail_header, reading, store_indexed, store_read
from tests.support.homes import CHEAP_KDF, PASSPHRASE, make_home, open_vault, put

OLD, NEW = b"the letter that was there before", b"the letter that is being stored"
STEPS = [*packaged_steps(), "CREATE TABLE later (x); INSERT INTO later SELECT id FROM items;"]
ANSWER = "I will see to the invoice by Friday."


# -------------------- what is there before


def prepare(home: Path) -> None:
    """A home that has some of everything: letters in each state, mails of a conversation, a mailbox."""
    vault = open_vault(make_home(home))
    catalog = vault.catalog
    letter = put(vault, OLD, "old.txt").item
    put(vault, b"attached", "a.bin", source="attachment", parent=letter)
    catalog.save_reading(letter, Reading(media_type="text/plain", text="a text", elements=()))
    ids = catalog.save_passages(letter, [NewPassage(start=0, end=6, text="a text")])
    catalog.save_vectors(MODEL, [(ids[0], VECTOR)])
    store_read(vault, "of another place", "elsewhere.txt")
    uncut = store_read(vault, "of a place", "waits.txt")
    catalog.save_passages(uncut, [NewPassage(start=0, end=10, text="of a place")])
    put(vault, b"it has no words", "locked.zip")
    vault.ledger.quarantine(item(vault, "locked.zip"), Reason.NEEDS_PASSWORD, "it is locked")
    vault.ledger.unlock(letter_with_password(vault), Private("sesame"))
    said = store_indexed(vault, "invoice of the roofer", "said.txt")
    run = catalog.run_by("builtin", "0", 1.0).id
    catalog.save_findings(said, run, findings(said, "invoice of the roofer"))
    store_indexed(vault, "invoice of the plumber", "unsaid.txt")
    first = mail_header("<1@x>", subject="the invoice of March", sender="Anna@example.org")
    store_read(vault, "Please pay the invoice.", "1.eml", mail=first)
    heating = mail_header("<4@x>", subject="the heating", sender="anna@example.org")
    store_read(vault, "Is it cold?", "4.eml", mail=heating)
    answer = mail_header("<3@x>", subject="Re: the invoice of March", in_reply_to="<2@x>",
                         sender="anna.b@example.org")  # fmt: skip
    store_read(vault, "It is paid.", "3.eml", mail=answer)
    put(vault, ANSWER.encode(), "2.eml")
    mailbox(vault)
    catalog.create_token("phone", ("read",))
    kept = catalog.keep_search("kept", "{}", most=9)
    catalog.save_matches([], {kept.id: [catalog.item(said).number]})
    catalog.correct(item(vault, "1.eml"), Named.TAG, "bill", True)
    catalog.close_project("Brandt", True)
    catalog.remember_question("what is there", [cited(vault, "old.txt"), cited(vault, "said.txt")], 9)
    catalog.keep_digest(MORNING, digest(vault, "old.txt", "said.txt"), 9)
    catalog.dismiss(Named.TAG, [said], True)
    store_indexed(vault, "came after it was kept", "new.txt")
    gone = put(vault, b"spam, and spam again", mail_locator("INBOX", 7, 9), source=mail_source("a")).item
    vault.delete(gone)
    vault.snapshots.save("index", catalog.generation(), {"f": b"first", "same": b"same"})
    vault.close()


def mailbox(vault: Vault) -> None:
    """What is known of one mail account."""
    catalog = vault.catalog
    for uid in (1, 2):
        put(vault, b"mail %d" % uid, mail_locator("INBOX", 7, uid), source=mail_source("a"))
    catalog.save_mail_folder(FOLDER)
    catalog.refuse_mail("a", "INBOX", 7, Refusal(uid=5, reason="NO_BODY", detail="", attempts=1, at=1.0))
    catalog.set_mail_secret("a", Private(b"secret"))
    catalog.save_import(IMPORT)


FOLDER = FolderState(
    account="a", folder="INBOX", uidvalidity=7, uidnext=3, modseq=None, exists=2, checked_at=1.0
)
MORNING, NEXT = date(2026, 3, 10), date(2026, 3, 11)
IMPORT = Import(
    source="import:x",
    locator="x.mbox",
    size=9,
    mtime_ns=9,
    position=4,
    messages=1,
    done=False,
    started_at=1.0,
)


def cited(vault: Vault, name: str) -> Cited:
    """The first letter of an item."""
    return Cited(item=item(vault, name), title=name, evidence=Evidence(start=0, end=1, text="x"))


def digest(vault: Vault, *names: str) -> KeptDigest:
    """One that names items one by one and together, and a question."""
    items = [item(vault, name) for name in names]
    (question,) = vault.catalog.questions()
    lines = [Line("unread", each, frozenset({each})) for each in items]
    lines += [Line("new_actions", "{}", frozenset(items)), Line("answers", "{}", question=question.id)]
    return KeptDigest(0.0, 1.0, len(items), lines)


def letter_with_password(vault: Vault) -> str:
    """A letter that was read, and is to be read again with a password."""
    return store_read(vault, "locked once", "unlocked.txt")


def item(vault: Vault, name: str) -> str:
    """The item of a name."""
    found = [one.id for one in vault.catalog.items(limit=99, include_superseded=True) if one.name == name]
    if not found:
        raise NoSuchItem("no such item", item=name)
    return found[0]


# -------------------- what is done to it


def batch() -> list[tuple[bytes, Origin]]:
    """What is there already, what is not, and one of these twice."""
    contents = (OLD, NEW, b"another one", NEW)
    return [
        (content, Origin(source="mail:b", locator=f"INBOX;UID={uid}", name=f"{uid}.eml"))
        for uid, content in enumerate(contents)
    ]


def bulk(vault: Vault) -> None:
    """Several transactions: between two of them part of it is there."""
    vaults._TOGETHER = 1
    vault.put_many(batch())


def moved(vault: Vault) -> None:
    """A message that the owner deleted lies in another folder now."""
    place = Origin(source=mail_source("a"), locator=mail_locator("Old", 1, 1), name="spam")
    assert vault.were_deleted([(b"spam, and spam again", place)]) == [True]


def snapshot(vault: Vault) -> None:
    """As the keepers of the indexes do: not again what is saved."""
    found = vault.snapshots.load("index")
    if found is None or found[1]["f"] != b"second":
        files = {"f": b"second", "same": b""}
        vault.snapshots.save("index", vault.catalog.generation(), files, immutable=["same"])


def saved(home: Path) -> dict[str, object]:
    """What is in the snapshot."""
    vault = open_again(home)
    found = vault.snapshots.load("index")
    vault.close()
    return {"index": found}


def cut(vault: Vault) -> None:
    """As the keeper of the text does."""
    catalog = vault.catalog
    cuts = [catalog.uncut(one) for one in catalog.unchunked(9)]
    if cuts:
        catalog.save_cuts([(one, [NewPassage(start=0, end=1, text=one.text[:1] or "x")]) for one in cuts])


def cut_one(vault: Vault) -> None:
    """The passages of one item."""
    unsaid = item(vault, "elsewhere.txt")
    if not vault.catalog.passages_of(unsaid):
        vault.catalog.save_passages(unsaid, [NewPassage(start=0, end=2, text="of")])


def embed(model: str) -> Callable[[Vault], None]:
    """As the keeper of the vectors does, with this model."""

    def act(vault: Vault) -> None:
        rows = [(passage.id, VECTOR) for passage in vault.catalog.unembedded(model, 9)]
        if rows:
            vault.catalog.save_vectors(model, rows)

    return act


def read(vault: Vault) -> None:
    """The mail between two others: two threads become one, and a person is named anew."""
    header = mail_header("<2@x>", subject="Re: the invoice of March", in_reply_to="<1@x>")
    ben = tuple(Address(name="Ben Baker", email=f"{name}@roofers.example.org") for name in ("ben", "baker"))
    header = msgspec.structs.replace(header, recipients=ben)
    vault.catalog.save_readings([(item(vault, "2.eml"), reading(ANSWER, mail=header))])


def read_anew(vault: Vault) -> None:
    """A mail turns out to be another one than it was read as. Two commits."""
    mail = item(vault, "3.eml")
    if vault.catalog.item(mail).title != "Re: the heating":
        if vault.catalog.item(mail).state is not State.STORED:
            vault.ledger.advance(mail, State.STORED)
        header = mail_header("<9@x>", subject="Re: the heating", sender="ben@example.org",
                             to=("anna@example.org",))  # fmt: skip
        vault.catalog.save_reading(mail, reading("It is cold.", mail=header))


def relabel(vault: Vault) -> None:
    """What was a paragraph is a quotation."""
    quoted = Element(kind=ElementKind.QUOTED, start=0, end=len("invoice of the plumber"))
    vault.catalog.relabel(item(vault, "unsaid.txt"), [quoted])


def say(vault: Vault) -> None:
    """As the enriching stage does: of an item that nobody spoke of."""
    catalog, unsaid = vault.catalog, item(vault, "unsaid.txt")
    if catalog.run_of(unsaid) is None:
        run = catalog.run_by("builtin", "1", 1.0).id
        catalog.save_findings(unsaid, run, findings(unsaid, "invoice of the plumber"))


def answered(vault: Vault) -> None:
    """As the language model's reader does, for one stretch of an item's text."""
    answer = ModelAnswer(text="{}", read=7)
    vault.catalog.save_model_answer(item(vault, "said.txt"), b"prompt", b"stretch", answer)


def asked_again(changed: date | None) -> Callable[[Vault], None]:
    """As what is done overnight: the question that is due."""

    def act(vault: Vault) -> None:
        for asked in vault.catalog.unasked_questions(MORNING):
            answer = [cited(vault, "new.txt")] if changed else []
            vault.catalog.asked_again(asked, MORNING, changed=changed, answer=answer)

    return act


def asked_anew(home: Path) -> None:
    """A home in which an answer has changed."""
    vault = open_vault(home)
    asked_again(MORNING)(vault)
    vault.close()


def ask(question: str) -> Callable[[Vault], None]:
    """As the owner does; there is room for one question."""

    def act(vault: Vault) -> None:
        (before,) = vault.catalog.questions()
        if (before.question, len(before.answer)) != (question, 1):
            vault.catalog.remember_question(question, [cited(vault, "new.txt")], 1)

    return act


def keep_digest(vault: Vault) -> None:
    """The next one, in the place of the last."""
    if not vault.catalog.has_digest(NEXT):
        vault.catalog.keep_digest(NEXT, digest(vault, "new.txt"), 1)


def conversed(home: Path) -> None:
    """Two mails of one conversation; what the first one asks is known."""
    vault = open_vault(home)
    for number in (8, 9):
        header = mail_header(f"<{number}@x>", subject="the gutter", references=("<7@x>",))
        mail = store_read(vault, f"Please {number}", f"{number}.eml", mail=header)
        vault.catalog.save_passages(mail, [NewPassage(start=0, end=8, text=f"Please {number}", embed=False)])
    said_in(vault, "8.eml")
    vault.close()


def said_in(vault: Vault, name: str) -> None:
    """As the enriching stage does: of a mail, and of how it hangs together with the others."""
    mail = item(vault, name)
    if vault.catalog.run_of(mail) is None:
        said = findings(mail, vault.catalog.text(mail))
        claim = Claim(item=mail, confidence=0.5, evidence=said.actions[0].evidence)
        vault.catalog.save_findings(mail, 1, msgspec.structs.replace(said, claims=(claim,)), tied)


def tied(asked: Sequence[Asked], claimed: Sequence[Claimed]) -> Ties:
    """All are the same, and done."""
    ids = sorted(one.id for one in asked)
    return Ties([(ids[1], ids[0])], [(ids[0], claim.id) for claim in claimed])


def say_anew(vault: Vault) -> None:
    """Another version of the reader, in the place of the one that spoke before."""
    catalog, said = vault.catalog, item(vault, "said.txt")
    run = catalog.run_by("builtin", "2", 1.0).id
    if catalog.run_of(said) != run:
        catalog.save_findings(said, run, findings(said, "invoice of the roofer", tag="bill"))


def said_anew(home: Path) -> None:
    """A home in which a later version of the reader spoke."""
    vault = open_vault(home)
    say_anew(vault)
    vault.close()


def attempt(vault: Vault) -> None:
    """Count one failed attempt, not two."""
    mail = item(vault, "2.eml")
    if not vault.catalog.item(mail).attempts:
        vault.ledger.failed_attempt(mail)


def merge(vault: Vault) -> None:
    """Two addresses are one person's."""
    theirs = {address: person.id for person in vault.catalog.people() for address in person.addresses}
    if theirs["anna@example.org"] != theirs["anna.b@example.org"]:
        vault.catalog.merge_people(theirs["anna@example.org"], theirs["anna.b@example.org"])


def split(vault: Vault) -> None:
    """And are not, after all."""
    theirs = {address: person.id for person in vault.catalog.people() for address in person.addresses}
    vault.catalog.split_person(theirs["anna@example.org"], "anna.b@example.org")


def note(vault: Vault) -> None:
    """One entry of the audit log."""
    if vault.audit.entries(limit=1)[0].event != "noted":
        vault.audit.record("noted", detail="by the owner")


def migrated(home: Path) -> None:
    """One more step of the schema."""
    learned(home)
    open_again(home).close()


def learned(_home: Path) -> None:
    """From here on this program knows of one more step."""
    vaults.packaged_steps = lambda: STEPS  # type: ignore[attr-defined]


# -------------------- what was done before


def merged(home: Path) -> None:
    vault = open_vault(home)
    merge(vault)
    vault.close()


def interrupted(home: Path) -> None:
    """A deletion whose files are still there, and what kills leave: files of nobody."""
    child = os.fork()
    if child == 0:
        Blobs.remove = lambda self, blobs: os._exit(0)  # type: ignore[method-assign]
        vault = open_vault(home)
        vault.delete(item(vault, "old.txt"))
    os.waitpid(child, 0)
    (home / "blobs" / "ab").mkdir(exist_ok=True)
    for left in ("incoming/x", "snapshots/x", "blobs/ab/" + "ab" * 32, "keys.new", "audit.head.new"):
        (home / left).write_bytes(b"left")


def rolled_back(home: Path) -> None:
    """A catalog that was put back to what it was: its opening is an alarm."""
    before = {path.name: path.read_bytes() for path in home.glob("catalog.db*")}
    vault = open_vault(home)
    vault.audit.record("noted")
    vault.close()
    for name, content in before.items():
        (home / name).write_bytes(content)


def emptied(home: Path) -> None:
    for path in sorted(home.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def opened(home: Path) -> None:
    open_vault(home).close()


def change_passphrase(vault: Vault) -> None:
    vault.change_passphrase(PASSPHRASE, OTHER, kdf=CHEAP_KDF)


AGAIN = (IllegalStep,)
SCENARIOS: Mapping[str, Scenario] = {
    "put": Scenario(lambda v: put(v, NEW, "new.txt")),
    "put below": Scenario(lambda v: put(v, NEW, "new.txt", source="attachment", parent=item(v, "said.txt"))),
    "put again": Scenario(lambda v: put(v, OLD, "copy.txt")),
    "batch": Scenario(lambda v: v.put_many(batch())),
    "bulk": Scenario(bulk, at_once=False),
    "version": Scenario(lambda v: put(v, NEW, "old.txt", new_version=True)),
    "moved": Scenario(moved),
    "vanished": Scenario(lambda v: v.catalog.drop_origin("drop", "old.txt")),
    "delete": Scenario(lambda v: v.delete(item(v, "old.txt")), over=(NoSuchItem,)),
    "delete together": Scenario(
        lambda v: v.delete_together([item(v, "old.txt"), item(v, "said.txt")]), over=(NoSuchItem,)
    ),
    "snapshot": Scenario(snapshot, world=saved),
    "discard": Scenario(lambda v: v.snapshots.discard("index")),
    "advance": Scenario(lambda v: v.ledger.advance(item(v, "said.txt"), State.STORED), over=AGAIN),
    "quarantine": Scenario(
        lambda v: v.ledger.quarantine(item(v, "2.eml"), Reason.PARSER_CRASH, "it crashed"), over=AGAIN
    ),
    "attempt": Scenario(attempt),
    "retry": Scenario(lambda v: v.ledger.retry(item(v, "locked.zip")), over=AGAIN),
    "unlock": Scenario(lambda v: v.ledger.unlock(item(v, "locked.zip"), Private("open")), over=AGAIN),
    "read": Scenario(read, over=AGAIN),
    "read anew": Scenario(read_anew, at_once=False),
    "relabel": Scenario(relabel),
    "cut": Scenario(cut),
    "cut one": Scenario(cut_one),
    "embed": Scenario(embed(MODEL)),
    "other model": Scenario(embed("another"), at_once=False),
    "say": Scenario(say, at_once=False),
    "answer": Scenario(answered),
    "say of a conversation": Scenario(lambda v: said_in(v, "9.eml"), setup=conversed),
    "unsay": Scenario(lambda v: v.catalog.reread_run(1)),
    "say anew": Scenario(say_anew, at_once=False),
    "undo": Scenario(lambda v: v.catalog.undo_run(2), setup=said_anew),
    "verdict": Scenario(lambda v: v.catalog.change_action(1, status=ActionStatus.DONE)),
    "correct": Scenario(lambda v: v.catalog.correct(item(v, "said.txt"), Named.TAG, "invoice", False)),
    "take back": Scenario(lambda v: v.catalog.correct(item(v, "1.eml"), Named.TAG, "bill", None)),
    "close project": Scenario(lambda v: v.catalog.close_project("Alder House", True)),
    "dismiss": Scenario(
        lambda v: v.catalog.dismiss(Named.TAG, [item(v, "said.txt"), item(v, "1.eml")], True)
    ),
    "propose again": Scenario(lambda v: v.catalog.dismiss(Named.TAG, [item(v, "said.txt")], False)),
    "reopen project": Scenario(lambda v: v.catalog.close_project("Brandt", False)),
    "merge": Scenario(merge),
    "split": Scenario(split, over=(NoSuchPerson,), setup=merged),
    "folder": Scenario(
        lambda v: v.catalog.save_mail_folder(msgspec.structs.replace(FOLDER, uidnext=4, exists=3))
    ),
    "folder gone": Scenario(lambda v: v.catalog.forget_mail_folder("a", "INBOX")),
    "renumbered": Scenario(lambda v: v.catalog.release_mail_places("a", "INBOX", 8)),
    "refuse": Scenario(
        lambda v: v.catalog.refuse_mail(
            "a", "INBOX", 7, Refusal(uid=6, reason="NO_BODY", detail="", attempts=1, at=1.0)
        )
    ),
    "given": Scenario(lambda v: v.catalog.clear_refusal("a", "INBOX", 7, [5])),
    "secret": Scenario(lambda v: v.catalog.set_mail_secret("a", Private(b"another"))),
    "forget secret": Scenario(lambda v: v.catalog.forget_mail_secret("a")),
    "import": Scenario(lambda v: v.catalog.save_import(msgspec.structs.replace(IMPORT, position=8))),
    "forget import": Scenario(lambda v: v.catalog.forget_import("import:x", "x.mbox")),
    "token": Scenario(lambda v: v.catalog.create_token("tablet", ("read",)), over=(StoreError,)),
    "revoke": Scenario(lambda v: v.catalog.revoke_token("phone")),
    "keep search": Scenario(lambda v: v.catalog.keep_search("new", "{}", 9), over=(StoreError,)),
    "forget search": Scenario(lambda v: v.catalog.forget_search("kept"), over=(NoSuchSearch,)),
    "matches": Scenario(lambda v: v.catalog.save_matches(v.catalog.unwatched(9), {1: [1, 2]})),
    "seen": Scenario(lambda v: v.catalog.mark_seen("kept")),
    "ask": Scenario(ask("what else")),
    "ask the same": Scenario(ask("what is there"), setup=asked_anew),
    "ask again": Scenario(asked_again(None)),
    "answer changed": Scenario(asked_again(MORNING)),
    "delete what was cited": Scenario(
        lambda v: v.delete(item(v, "new.txt")), over=(NoSuchItem,), setup=asked_anew
    ),
    "forget question": Scenario(lambda v: v.catalog.forget_question(1), over=(NoSuchQuestion,)),
    "keep digest": Scenario(keep_digest),
    "audit": Scenario(note),
    "passphrase": Scenario(
        change_passphrase, over=(WrongPassphrase,), at_once=False, untold=frozenset({"audit"})
    ),
    "create": Scenario(setup=emptied, closed=make_home, over=(HomeExists,)),
    "recover": Scenario(setup=interrupted, closed=opened),
    "alarm": Scenario(setup=rolled_back, closed=opened, untold=frozenset({"audit"})),
    # The last: what comes after it would migrate as well.
    "migrate": Scenario(setup=learned, closed=migrated),
}


def run(bench: Bench, most: int) -> dict[str, object]:
    """Kill one scenario at so many points (0: all; -1: none); what was found."""
    if most < 0:
        bench.visit()
        return {"points": bench.points, "visited": sorted(bench.visited)}
    bench.measure()
    count, wrong, killed = bench.points, dict[int, list[str]](), 0
    tried = list(spread(count, most or count))
    for point in tried:
        outcome = in_child(bench.scenario, bench.fresh(), Points(point).arm)
        if outcome.status > 0:
            wrong[point] = [f"it failed: {outcome.said}"]
            continue
        # A stage with threads may touch less than when it was counted, and be done before its point comes.
        killed += outcome.status < 0
        if bench.scenario.closed is None:  # opening may be killed as well
            reopening = Scenario(closed=lambda home: open_again(home).close())
            in_child(reopening, bench.home, Points(1 + point * 37 % 120).arm)
        if problems := bench.check(outcome):
            wrong[point] = problems
    return {
        "points": count,
        "tried": len(tried),
        "killed": killed,
        "wrong": wrong,
        "changes": bench.before != bench.after,
        "visited": sorted(bench.visited),
    }


def main() -> None:
    folder, most = Path(sys.argv[1]), int(sys.argv[2])
    prepare(folder / "template" / "home")
    for name in sys.argv[3:] or SCENARIOS:
        bench = Bench(SCENARIOS[name], folder / "template", folder)
        print(json.dumps({"scenario": name, **run(bench, most)}), flush=True)


if __name__ == "__main__":
    main()
