"""What is decided about a mailbox from numbers alone: what to list, what to fetch, when to try again."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.connector.messages import Opened, RemoteFolder
from ingest.mail.account import MailAccount
from ingest.mail.cursor import BATCH, TOO_LARGE, TRIES, Cursor, Look, balance, choose, judge, retry_at, settle
from store.mailboxes import FolderState, Refusal
from store.records import State

STATE = FolderState(
    account="m", folder="INBOX", uidvalidity=7, uidnext=11, modseq=50, exists=3, checked_at=0.0
)
KNOWN = frozenset({2, 5, 9})
SAME = Opened(uidvalidity=7, uidnext=11, exists=3, modseq=50, vanished=())
EVERYTHING = Look()


def opened(**changes: object) -> Opened:
    return msgspec.structs.replace(SAME, **changes)


def cursor(name: str = "INBOX", present: frozenset[int] = frozenset(), **more: object) -> Cursor:
    made = Cursor(name, **more)  # type: ignore[arg-type]
    made.absorb(present, (), {}, ())
    return made


@pytest.mark.parametrize(
    ("state", "known", "now", "look"),
    [
        (STATE, KNOWN, SAME, Look(first=None)),  # nothing happened
        (STATE, KNOWN, opened(modseq=60), Look(first=None)),  # a flag did
        (STATE, KNOWN, opened(uidnext=13, exists=5), Look(first=11)),  # two came
        (STATE, KNOWN, opened(uidnext=None, exists=5), Look(first=11)),
        (STATE, KNOWN, opened(exists=2, vanished=((5, 5),)), Look(gone=frozenset({5}), first=None)),
        (STATE, KNOWN, opened(exists=0, vanished=((1, 2**32 - 1),)), Look(gone=KNOWN, first=None)),
        (STATE, KNOWN, opened(exists=2), EVERYTHING),  # one went, and nobody says which
        (STATE, KNOWN, opened(exists=4), EVERYTHING),  # one came without a new UIDNEXT
        (STATE, KNOWN, opened(exists=3, vanished=((5, 5),)), EVERYTHING),  # that does not add up
        (STATE, KNOWN, opened(modseq=49), EVERYTHING),  # a number fell that never falls
        (STATE, KNOWN, opened(uidnext=10), EVERYTHING),
        (STATE, KNOWN, opened(uidvalidity=8), EVERYTHING),
        (STATE, KNOWN - {2}, SAME, EVERYTHING),  # it was cut in the middle of fetching
        (STATE, KNOWN - {2}, opened(exists=2), EVERYTHING),  # it adds up, but by accident
        (None, KNOWN, SAME, EVERYTHING),
    ],
)
def test_what_is_listed(state: FolderState | None, known: frozenset[int], now: Opened, look: Look) -> None:
    assert judge(state, known, now) == look


@pytest.mark.parametrize(
    ("look", "listed", "exists", "present"),
    [
        (EVERYTHING, [5, 9, 12], 3, {5, 9, 12}),
        (EVERYTHING, [5, 9, 12, 13], 3, {5, 9, 12, 13}),  # one came in between
        (EVERYTHING, [], 3, None),  # not a mass deletion, but a lie
        (EVERYTHING, [5, 9], 3, None),
        (EVERYTHING, [], 0, set()),
        (Look(first=10), [12], 4, {2, 5, 9, 12}),
        (Look(first=10), [12], 5, None),
        (Look(first=10), [], 4, None),
        (Look(first=None), [], 3, {2, 5, 9}),
        (Look(gone=frozenset({5}), first=10), [12], 3, {2, 9, 12}),
    ],
)
def test_what_is_believed(look: Look, listed: list[int], exists: int, present: set[int] | None) -> None:
    assert settle(KNOWN, look, listed, exists) == present


@given(
    before=st.frozensets(st.integers(1, 40)),
    kept=st.frozensets(st.integers(1, 40)),
    came=st.integers(0, 5),
    known_all=st.booleans(),
    qresync=st.booleans(),
    uidnext=st.booleans(),
)
def test_an_honest_server_is_always_understood(
    before: frozenset[int], kept: frozenset[int], came: int, known_all: bool, qresync: bool, uidnext: bool
) -> None:
    """Whatever went and came, and whatever of it the ledger had, the outcome is what is there."""
    there = (before & kept) | frozenset(range(41, 41 + came))
    known = before if known_all else frozenset(list(before)[::2])
    state = msgspec.structs.replace(STATE, uidnext=41 if uidnext else None, exists=len(before))
    now = Opened(
        uidvalidity=7,
        uidnext=41 + came if uidnext else None,
        exists=len(there),
        modseq=51,
        vanished=tuple((uid, uid) for uid in sorted(before - kept)) if qresync else None,
    )
    look = judge(state, known, now)
    listed = sorted(uid for uid in there if look.first is not None and uid >= look.first)
    present = settle(known, look, listed, now.exists)
    if present is None:
        present = settle(known, EVERYTHING, sorted(there), now.exists)
    assert present == there


def test_the_newest_come_first_and_in_batches() -> None:
    one = cursor(present=frozenset(range(1, 251)))
    first = one.peek()
    assert first == tuple(range(250, 150, -1))
    one.take(first)
    assert one.peek()[0] == 150
    assert len(first) == BATCH


def test_what_arrives_goes_before_history_wherever_it_is() -> None:
    inbox = cursor("INBOX", frozenset(range(1, 1000)))
    lists = cursor("Lists", frozenset(range(1, 10)))
    assert choose([lists, inbox], "INBOX") is inbox
    lists.absorb(frozenset(range(1, 11)), (), {}, ())
    assert choose([lists, inbox], "INBOX") is lists
    assert lists.peek()[0] == 10


def test_folders_take_turns_in_history() -> None:
    cursors = [cursor(name, frozenset(range(1, 3000))) for name in ("INBOX", "A", "B")]
    served = []
    for _ in range(30):
        chosen = choose(cursors, "INBOX")
        assert chosen is not None
        chosen.take(chosen.peek())
        served.append(chosen.name)
    assert {name: served.count(name) for name in served} == {"INBOX": 10, "A": 10, "B": 10}


def test_the_one_that_breaks_the_connection_is_found_and_refused_alone() -> None:
    one = cursor(present=frozenset(range(1, 301)))
    breaks, stored, connections = 137, set[int](), 0
    while (batch := one.peek()) and connections < 50:
        one.take(batch)
        if breaks not in batch:
            one.grow()
            stored |= set(batch)
            continue
        connections += 1
        refused = one.blame(batch)
        one.renew()
        one.absorb(frozenset(range(1, 301)), stored | ({refused} if refused else set()), {}, ())
        if refused:
            assert refused == breaks
            stored.add(refused)
    assert len(stored) == 300
    assert connections <= 7 + TRIES


def test_refused_messages_are_tried_again_ever_more_seldom_and_large_ones_never() -> None:
    refusals = [Refusal(uid=1, reason="NO_BODY", detail="", attempts=n, at=1000.0) for n in range(1, 20)]
    waits = [(retry_at(refusal) or 0) - 1000.0 for refusal in refusals]
    assert waits[:3] == [300.0, 1200.0, 4800.0]
    assert waits == sorted(waits)
    assert waits[-1] == 7 * 86_400
    assert retry_at(msgspec.structs.replace(refusals[0], reason=TOO_LARGE)) is None
    one = cursor()
    one.absorb(frozenset({1, 2}), (), {1: refusals[0]}, ())
    assert one.peek() == (2,)
    one.revive(1299.0)
    assert one.peek() == (2,)
    one.revive(1300.0)
    assert one.peek() == (2, 1)


def test_the_balance_accounts_for_every_message() -> None:
    refusal = Refusal(uid=4, reason="NO_BODY", detail="", attempts=1, at=0.0)
    large = msgspec.structs.replace(refusal, uid=5, reason=TOO_LARGE)
    stored = {1: State.STORED, 2: State.QUARANTINED, 9: State.INDEXED}
    found = balance("INBOX", frozenset(range(1, 8)), stored, {4: refusal, 5: large}, {6}, 3)
    assert (found.on_server, found.stored, found.quarantined, found.deleted_here) == (7, 1, 1, 1)
    assert (found.refused, found.too_large, found.missing, found.surplus) == ((4,), (5,), (3, 7), (9,))
    assert not found.balanced
    assert balance("INBOX", frozenset({1, 2, 9}), stored, {}, set(), 0).balanced


def account(**more: object) -> MailAccount:
    return msgspec.convert({"name": "a", "host": "imap.example.org", "user": "me", **more}, MailAccount)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"name": "a b"}, "name"),
        ({"host": "a/b"}, "host"),
        ({"user": ""}, "user"),
        ({"port": 70_000}, "port"),
        ({"security": "none"}, "security"),
        ({"security": "sometimes"}, "security"),
        ({"pin": "12"}, "pin"),
        ({"password_file": "here"}, "absolute"),
        ({"token_file": "/t"}, "xoauth2"),
        ({"password_file": "/p", "token_file": "/t", "authentication": "xoauth2"}, "not together"),
        ({"color": "red"}, "color"),
    ],
)
def test_an_account_that_makes_no_sense_is_refused_in_words(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint):
        account(**given)


def test_an_account_knows_its_port_and_its_folders() -> None:
    assert (account().port, account(security="starttls").port, account(port=1993).port) == (993, 143, 1993)
    assert account(host="127.0.0.1", security="none").port == 143
    assert account(pin="AB:" * 31 + "AB").pin == "ab" * 32
    folders = [
        RemoteFolder(name="INBOX"),
        RemoteFolder(name="Everything", flags=("\\All",)),
        RemoteFolder(name="Spam", flags=("\\JUNK", "\\HasNoChildren")),
        RemoteFolder(name="[Gmail]", flags=("\\Noselect",)),
        RemoteFolder(name="Bin", flags=("\\Trash",)),
    ]

    def selected(**more: object) -> list[str]:
        return [folder.name for folder in folders if account(**more).selects(folder)]

    assert selected() == ["INBOX", "Everything"]
    assert selected(exclude=["Everything", "\\Trash"]) == ["INBOX", "Spam"]
    assert selected(folders=["inbox", "Bin", "[Gmail]"]) == ["INBOX", "Bin"]
