"""The ledger's steps: every one of the table and no other, and who waits is woken."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from policy.redact import Private
from store.errors import IllegalStep, NoSuchItem
from store.ledger import STEPS
from store.records import Glimpse, NewPassage, Reason, State
from store.vault import Vault
from tests.support.findings import findings, reading, start_run, store_indexed, store_read
from tests.support.homes import LIMITS, fast_folder, make_home, open_vault, put


def test_every_state_has_a_way_to_deletion_and_a_way_on_but_the_last() -> None:
    assert set(STEPS) == set(State)
    assert all(State.DELETED in steps for state, steps in STEPS.items() if state is not State.DELETED)
    assert STEPS[State.DELETED] == frozenset()
    reached, before = {State.STORED}, set[State]()
    while reached != before:
        before = set(reached)
        reached |= {after for state in before for after in STEPS[state]}
    assert reached == set(State)


@pytest.mark.parametrize("to", list(State))
def test_a_step_is_taken_if_and_only_if_the_table_has_it(vault: Vault, to: State) -> None:
    item = put(vault, b"x").item
    if to in STEPS[State.STORED]:
        vault.ledger.advance(item, to)
        assert vault.catalog.item(item).state is to
    else:
        with pytest.raises(IllegalStep):
            vault.ledger.advance(item, to)
        assert vault.catalog.item(item).state is State.STORED


def test_quarantine_keeps_the_reason_and_a_retry_forgets_it(vault: Vault) -> None:
    item = put(vault, b"x").item
    assert [vault.ledger.failed_attempt(item) for _ in range(2)] == [1, 2]
    vault.ledger.quarantine(item, Reason.ENCRYPTED, "it needs a password")
    held = vault.catalog.item(item)
    assert (held.state, held.reason, held.detail) == (
        State.QUARANTINED,
        Reason.ENCRYPTED,
        "it needs a password",
    )
    assert held.attempts == 2
    assert vault.ledger.reasons() == {Reason.ENCRYPTED: 1}
    vault.ledger.retry(item)
    again = vault.catalog.item(item)
    assert (again.state, again.reason, again.detail, again.attempts) == (State.STORED, None, None, 0)
    with pytest.raises(IllegalStep):
        vault.ledger.retry(item)


def test_pending_is_newest_first_without_those_in_work(vault: Vault) -> None:
    ids = [put(vault, b"%d" % n, str(n)).item for n in range(5)]
    assert [item.id for item in vault.ledger.pending(State.STORED, 2)] == [ids[4], ids[3]]
    assert [item.id for item in vault.ledger.pending(State.STORED, 2, exclude={ids[4], ids[2]})] == [
        ids[3],
        ids[1],
    ]
    assert vault.ledger.pending(State.PARSED, 9) == []


def test_counts_cover_every_state(vault: Vault) -> None:
    deleted = put(vault, b"gone", "gone").item
    store_indexed(vault, "text", "a")
    store_read(vault, "other", "b")
    put(vault, b"x", "c")
    vault.delete(deleted)
    counts = vault.ledger.counts()
    assert counts == dict.fromkeys(State, 0) | dict.fromkeys(
        (State.STORED, State.PARSED, State.INDEXED, State.DELETED), 1
    )


def test_unknown_items_are_an_error(vault: Vault) -> None:
    for call in (vault.ledger.retry, vault.ledger.failed_attempt):
        with pytest.raises(NoSuchItem):
            call("0123456789abcdef")


def test_a_change_of_state_wakes_who_waits(vault: Vault) -> None:
    before, woken = vault.ledger.sequence, list[int]()
    waiter = threading.Thread(target=lambda: woken.append(vault.ledger.wait(before, 30)))
    waiter.start()
    put(vault, b"x")
    waiter.join()
    assert woken[0] > before
    now = vault.ledger.sequence
    assert vault.ledger.wait(now - 1, 30) == now
    assert vault.ledger.wait(now, 0.01) == now
    vault.ledger.poke()
    assert vault.ledger.wait(now, 30) > now


class LedgerMachine(RuleBasedStateMachine):
    """Any sequence of what stages and owner do, on a real vault, against a model of one item's state."""

    home: Path

    def __init__(self) -> None:
        super().__init__()
        self.vault = open_vault(self.home, LIMITS)
        self.model: dict[str, State] = {}
        self.number = 0

    def teardown(self) -> None:
        assert self.vault.verify().problems == []
        for item in self.model:
            self.vault.delete(item)
        self.vault.close()

    def some(self, state: State) -> str:
        return min(item for item, now in self.model.items() if now is state)

    def has(self, *states: State) -> bool:
        return any(now in states for now in self.model.values())

    @rule()
    def put(self) -> None:
        self.number += 1
        self.model[put(self.vault, b"%d %d" % (id(self), self.number), str(self.number)).item] = State.STORED

    @precondition(lambda self: self.has(State.STORED))
    @rule()
    def read(self) -> None:
        item = self.some(State.STORED)
        self.vault.catalog.save_reading(item, reading("Please pay"))
        self.model[item] = State.PARSED

    @precondition(lambda self: self.has(State.PARSED))
    @rule()
    def chunk(self) -> None:
        item = self.some(State.PARSED)
        self.vault.catalog.save_passages(item, [])
        self.model[item] = State.INDEXED

    @rule()
    def name(self) -> None:
        """What the index by word does, for what could not be read too."""
        catalog = self.vault.catalog
        waiting = [item for item in catalog.unchunked(99) if item.state is State.QUARANTINED]
        nothing = NewPassage(start=0, end=0, text="", embed=False)
        catalog.save_cuts([(catalog.uncut(item), [nothing]) for item in waiting])

    @precondition(lambda self: self.has(State.QUARANTINED))
    @rule()
    def unlock(self) -> None:
        item = self.some(State.QUARANTINED)
        self.vault.ledger.unlock(item, Private("heron"))
        self.model[item] = State.STORED

    @precondition(lambda self: self.has(State.INDEXED))
    @rule()
    def enrich(self) -> None:
        item = self.some(State.INDEXED)
        self.run = start_run(self.vault)
        self.vault.catalog.save_findings(item, self.run, findings(item, "Please pay"))
        self.model[item] = State.ENRICHED

    @precondition(lambda self: self.has(State.ENRICHED))
    @rule()
    def roll_back(self) -> None:
        item = self.some(State.ENRICHED)
        run = self.vault.catalog.run_of(item)
        assert run is not None
        assert self.vault.catalog.reread_run(run) == 1
        self.model[item] = State.INDEXED

    @precondition(lambda self: self.has(State.STORED, State.PARSED, State.INDEXED))
    @rule(state=st.sampled_from([State.STORED, State.PARSED, State.INDEXED]))
    def fail(self, state: State) -> None:
        if self.has(state):
            item = self.some(state)
            self.vault.ledger.quarantine(item, Reason.NEEDS_PASSWORD, "it has one", Glimpse(title="Plans"))
            assert self.vault.catalog.item_password(item) is None
            self.model[item] = State.QUARANTINED

    @precondition(lambda self: self.has(State.QUARANTINED))
    @rule()
    def retry(self) -> None:
        item = self.some(State.QUARANTINED)
        self.vault.ledger.retry(item)
        self.model[item] = State.STORED

    @precondition(lambda self: self.model)
    @rule(state=st.sampled_from(list(State)))
    def delete(self, state: State) -> None:
        if self.has(state):
            item = self.some(state)
            assert not any(self.vault.delete(item).residue.values())
            del self.model[item]

    @rule()
    def reopen(self) -> None:
        self.vault.close()
        self.vault = open_vault(self.home, LIMITS)

    @invariant()
    def agrees(self) -> None:
        found = {item.id: item.state for item in self.vault.catalog.items(limit=999)}
        assert found == self.model
        for state in State:
            if state is not State.DELETED:
                pending = {item.id for item in self.vault.ledger.pending(state, 999)}
                assert pending == {item for item, now in self.model.items() if now is state}


def test_any_sequence_of_steps_agrees_with_the_model() -> None:
    with fast_folder() as folder:

        class Machine(LedgerMachine):
            home = make_home(folder / "home")

        case = Machine.TestCase
        case.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
        case().runTest()
