"""Mails find their conversation in any order of arrival, with parents missing, and without ids at all."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.records import MailHeader
from store.subjects import plain_subject
from store.threads import named_ids
from store.vault import Vault
from tests.support.findings import mail_header, store_read

ROOT = mail_header("<root>", subject="Roof")
REPLY = mail_header("<reply>", subject="Re: Roof", in_reply_to="<root>", references=("<root>",))
DEEP = mail_header("<deep>", subject="Re: Roof", in_reply_to="<reply>", references=("<root>", "<reply>"))
OTHER = mail_header("<other>", subject="Roof")


def arrive(vault: Vault, *headers: MailHeader) -> list[str | None]:
    """Store mails in this order; the thread of each at the end."""
    items = [store_read(vault, f"mail {n}", f"{n}.eml", mail=header) for n, header in enumerate(headers)]
    return [vault.catalog.item(item).thread for item in items]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_any_order_of_arrival_gives_the_same_conversations(vault: Vault, order: tuple[int, ...]) -> None:
    headers = [ROOT, REPLY, DEEP, OTHER]
    threads = arrive(vault, *(headers[number] for number in order))
    of = dict(zip(order, threads, strict=True))
    assert of[0] == of[1] == of[2] != of[3]
    assert len(vault.catalog.thread(of[0] or "")) == 3


def test_replies_to_a_mail_that_never_came_are_one_conversation(vault: Vault) -> None:
    one, two = (mail_header(f"<{n}>", in_reply_to="<lost>", subject="Re: x") for n in (1, 2))
    assert len(set(arrive(vault, one, two))) == 1


def test_a_reply_without_ids_joins_by_subject_between_the_same_people(vault: Vault) -> None:
    phone = mail_header("<p>", subject="AW: RE[2]:  roof", sender="ben@example.org", to=("anna@example.org",))
    stranger = mail_header("<s>", subject="Re: Roof", sender="eve@example.org", to=("mallory@example.org",))
    root, reply, no = arrive(vault, ROOT, phone, stranger)
    assert root == reply != no


def test_a_new_mail_with_an_old_subject_is_a_new_conversation(vault: Vault) -> None:
    first, second = arrive(vault, ROOT, mail_header("<again>", subject="Roof"))
    assert first != second


def test_what_is_not_mail_has_no_thread(vault: Vault) -> None:
    assert vault.catalog.item(store_read(vault, "text", "a.txt")).thread is None


@given(st.text(max_size=60))
def test_a_plain_subject_is_stable_under_replies(subject: str) -> None:
    plain, _ = plain_subject(subject)
    assert plain_subject(f"Re: {subject}") == (plain, True)


def test_a_header_with_endless_references_is_bounded() -> None:
    header = mail_header("<own>", references=tuple(f"<{n}>" for n in range(10_000)))
    named = named_ids(header)
    assert named[0] == "<own>"
    assert "<9999>" in named
    assert len(named) == 200
