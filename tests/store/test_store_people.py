"""People: one for all addresses and names of theirs; the owner's word lasts; deleted mail leaves no one."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import NoSuchPerson
from store.filters import Condition, Field
from store.names import folded_name, identity, safe_key, same_address, shown_name
from store.people import Person
from store.records import Address, MailHeader, State
from store.vault import Vault
from tests.support.findings import reading
from tests.support.homes import matching, put

TAMSIN = Address(name="Tamsin Orchard", email="tamsin.orchard@works.example")
SHORT = Address(name="Orchard, Tamsin", email="TOrchard@mail.works.example")
AT_HOME = Address(name="Tamsin Orchard", email="tamsin@orchard.example")
ZOE = Address(name="Zoë Ash-Łuck", email="zoe@bücher.example")
BEN = Address(name="", email="ben@example.org")


def mail(vault: Vault, sender: Address | None, *to: Address, item: str | None = None) -> str:
    if item is None:
        item = put(vault, repr((sender, to, vault.catalog.count(), vault.ledger.counts())).encode()).item
    header = MailHeader(subject="Roof", sender=sender, recipients=to)
    vault.catalog.save_reading(item, reading("text", mail=header))
    return item


def by(name: str) -> tuple[Condition]:
    return (Condition(field=Field.SENDER, values=(name,)),)


def sent_to(name: str) -> tuple[Condition]:
    return (Condition(field=Field.RECIPIENT, values=(name,)),)


def who(vault: Vault, query: str) -> Person:
    (found,) = vault.catalog.people(query)
    return found


def names(vault: Vault) -> set[tuple[str, ...]]:
    return {tuple(sorted(person.addresses)) for person in vault.catalog.people(limit=99)}


@pytest.mark.parametrize("order", list(itertools.permutations([TAMSIN, SHORT, AT_HOME, ZOE])), ids=str)
def test_any_order_gives_the_same_people(vault: Vault, order: tuple[Address, ...]) -> None:
    for sender in order:
        mail(vault, sender, BEN)
    works = ("tamsin.orchard@works.example", "torchard@mail.works.example")
    assert names(vault) == {
        works,
        ("tamsin@orchard.example",),
        ("zoe@xn--bcher-kva.example",),
        ("ben@example.org",),
    }
    person = who(vault, "torchard")
    assert set(person.names) == {"Tamsin Orchard", "Orchard, Tamsin"}
    assert person.messages == 2
    assert [alike.addresses for alike in vault.catalog.people_alike(person.id)] == [
        ("tamsin@orchard.example",)
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Tamsin Orchard <tamsin.orchard@gmail.com>", "Tamsin Orchard <torchard77@gmail.com>"),
        ("Tamsin Orchard <tamsin.orchard@gmail.com>", "Tamsin Orchard <tamsin@googlemail.com>"),
        ("John Smith <john.smith@works.example>", "John Smith <john.smith2@works.example>"),
        ("John Smith <john.smith@works.example>", "John Smith <john.smith@other.example>"),
        ("John Smith <john@one.co.uk>", "John Smith <john@other.co.uk>"),
        ("John Smith <notify@works.example>", "John Smith <john@works.example>"),
        ("John <john@works.example>", "John <john.smith@works.example>"),
        ("Customer Service <service@one.example>", "Customer Service <help@one.example>"),
    ],
)
def test_an_equal_name_alone_makes_nobody_the_same(vault: Vault, one: str, other: str) -> None:
    for written in (one, other):
        name, _, email = written.partition(" <")
        mail(vault, Address(name=name, email=email.rstrip(">")))
    assert len(vault.catalog.people()) == 2


def test_an_address_is_one_person_however_it_is_written(vault: Vault) -> None:
    for email in ("Zoe@BÜCHER.example", "zoe@xn--bcher-kva.example", "ZOE@xn--BCHER-kva.Example."):
        mail(vault, Address(name="Z", email=email))
    assert who(vault, "zoe").addresses == ("zoe@xn--bcher-kva.example",)
    assert who(vault, "bücher").messages == 3


def test_mail_is_found_by_any_name_or_address_of_a_person(vault: Vault) -> None:
    first, second = mail(vault, TAMSIN, ZOE), mail(vault, SHORT, BEN, AT_HOME)
    third = mail(vault, ZOE, TAMSIN)
    for sender in ("tamsin", "ORCHARD", "orchard, tamsin", "torchard@", "works.example", "TOrchard@mail"):
        assert matching(vault, by(sender)) == {first, second}, sender
    for sender in ("zoe", "ZOË", "ash-luck", "Łuck", "bücher", "bucher", "xn--bcher"):
        assert matching(vault, by(sender)) == {third}, sender
        assert matching(vault, sent_to(sender)) == {first}, sender
    assert matching(vault, sent_to("tamsin")) == {second, third}
    assert matching(vault, by("nobody")) == matching(vault, by("")) == matching(vault, by("%")) == set()
    assert matching(vault, by("tamsin"), sent_to("ben@example.org")) == {second}


def test_a_service_that_writes_in_many_names_is_found_by_the_name_that_it_wrote(vault: Vault) -> None:
    items = [
        mail(vault, Address(name=f"{name} Person", email="notify@works.example"))
        for name in ("Ann", "Bob", "Cyd", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Jon")
    ]
    own = mail(vault, Address(name="Ann Person", email="ann@person.example"))
    assert matching(vault, by("ann person")) == {items[0], own}
    assert matching(vault, by("notify@")) == set(items)


def test_the_owner_has_the_last_word(vault: Vault) -> None:
    mail(vault, TAMSIN, BEN)
    mail(vault, AT_HOME)
    work, home = who(vault, "works.example"), who(vault, "orchard.example")
    merged = vault.catalog.merge_people(work.id, home.id)
    assert (merged.id, len(merged.addresses), merged.messages) == (work.id, 2, 2)
    with pytest.raises(NoSuchPerson):
        vault.catalog.person(home.id)
    mail(vault, SHORT)  # of the same as TAMSIN by itself, so now of all three
    assert len(vault.catalog.person(work.id).addresses) == 3
    parted = vault.catalog.split_person(work.id, "TORCHARD@mail.works.example")
    assert parted.addresses == ("torchard@mail.works.example",)
    for again in (SHORT, TAMSIN, AT_HOME):
        mail(vault, again)
        mail(vault, Address(name=again.name + " ", email=again.email.upper()))
    assert vault.catalog.person(parted.id).addresses == parted.addresses
    assert len(vault.catalog.person(work.id).addresses) == 2
    assert vault.catalog.people_alike(parted.id) == []
    third = Address(name="Tamsin Orchard", email="orchard.t@works.example")
    mail(vault, third)  # it could be either: the owner is asked
    assert who(vault, "orchard.t@").id not in (work.id, parted.id)
    for id, address in ((parted.id, parted.addresses[0]), (work.id, "nobody@example.org"), (99, "x")):
        with pytest.raises(NoSuchPerson):
            vault.catalog.split_person(id, address)


def test_the_owners_word_outlives_a_new_reading(vault: Vault) -> None:
    item = mail(vault, TAMSIN)
    mail(vault, AT_HOME)
    merged = vault.catalog.merge_people(who(vault, "works").id, who(vault, "tamsin@orchard").id)
    vault.ledger.advance(item, State.STORED)
    mail(vault, TAMSIN, item=item)
    assert vault.catalog.person(merged.id) == merged
    vault.ledger.advance(item, State.STORED)
    mail(vault, ZOE, item=item)
    assert vault.catalog.person(merged.id).addresses == ("tamsin@orchard.example",)


def test_deleted_mail_leaves_nobody_behind(vault: Vault) -> None:
    item, other = mail(vault, TAMSIN, ZOE, BEN), mail(vault, ZOE)
    vault.catalog.merge_people(who(vault, "tamsin").id, who(vault, "zoe").id)
    receipt = vault.delete(item)
    assert receipt.residue["people"] == 0
    assert names(vault) == {("zoe@xn--bcher-kva.example",)}
    assert who(vault, "zoe").messages == 1
    vault.delete(other)
    assert vault.catalog.people() == []
    with vault._database.read() as connection:
        for table in ("people", "addresses", "written", "mail_people"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_people_are_paged_by_how_much_they_write(vault: Vault) -> None:
    for count in range(1, 6):
        for _ in range(count):
            mail(vault, Address(name="", email=f"{count}@example.org"))
    listed = [person.name for page in range(3) for person in vault.catalog.people(limit=2, offset=2 * page)]
    assert listed == [f"{count}@example.org" for count in (5, 4, 3, 2, 1)]
    assert [person.messages for person in vault.catalog.people("example.org", limit=2)] == [5, 4]
    assert vault.catalog.people("  ") == []


def test_a_sender_without_an_address_is_known_by_name(vault: Vault) -> None:
    item = mail(vault, Address(name="Ann's   Desk", email=""), Address(name="", email=""))
    assert matching(vault, by("ann's desk")) == {item}
    assert (who(vault, "desk").addresses, who(vault, "desk").name) == ((), "Ann's Desk")


@given(st.text(), st.text())
def test_any_name_and_address_is_brought_to_one_form_that_stays(name: str, email: str) -> None:
    address = Address(name=name, email=email)
    assert same_address(same_address(email)) == same_address(email)
    assert folded_name(folded_name(name)) == folded_name(name) or "," in folded_name(name)
    shown = shown_name(name)
    assert shown == shown_name(shown)
    assert shown.isprintable() or not shown
    assert len(shown) <= 200
    identity(address)
    safe_key(name, same_address(email))


@given(st.lists(st.text(max_size=30), max_size=4))
def test_a_strangers_name_is_text_and_nothing_else(parts: list[str]) -> None:
    name = "<b>\u202e../etc\n" + "'\"".join(parts)
    assert "\n" not in shown_name(name)
    assert "\u202e" not in shown_name(name)
