"""The whole of a conversation: its tree and its bounds are the same in any order of arrival, whatever the
headers say, and stay whole when mails are deleted or read anew.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.conversation import Mail, arrange
from store.errors import NoSuchThread
from store.migrate import packaged_steps
from store.records import MailHeader, State
from store.subjects import plain_subject, says_enough
from store.threads import Conversation, Kin, named_ids
from store.vault import Vault
from tests.support.findings import mail_header, reading
from tests.support.homes import fast_folder, make_home, open_vault, put, throwaway_vault

DAY = 86_400.0
_MOST = 20


def arrive(vault: Vault, header: MailHeader, day: float, *, name: str = "") -> str:
    """Store a mail of that day; its item."""
    content = f"{name} {header.message_id} {day}".encode()
    item = put(vault, content, f"{content.hex()[:40]}.eml").item
    if vault.catalog.item(item).state is State.STORED:
        read = reading("text", mail=header)
        vault.catalog.save_reading(
            item, type(read)(media_type=read.media_type, text=read.text, elements=(), mail=header,
                             created_at=day * DAY)
        )  # fmt: skip
    return item


def mail(
    name: str | None, *parents: str, subject: str = "Re: Roof tiles", by: str = "anna", to: str = "ben",
    in_reply_to: str | None = None,
) -> MailHeader:  # fmt: skip
    return mail_header(
        name,
        subject=subject,
        sender=f"{by}@example.org",
        to=tuple(f"{each}@example.org" for each in to.split()),
        references=parents,
        in_reply_to=in_reply_to,
    )


def outline(conversation: Conversation) -> list[str]:
    """Indented message ids; placeholders in parentheses."""
    return [
        "  " * node.depth + (f"{node.message_id}" if node.item else f"({node.message_id})")
        for node in conversation.messages
    ]


def drawn(vault: Vault, *mails: tuple[MailHeader, float]) -> list[list[str]]:
    """All conversations of a vault after these mails came, as outlines."""
    items = [arrive(vault, header, day) for header, day in mails]
    threads = {vault.catalog.item(item).thread for item in items}
    return sorted(outline(vault.catalog.conversation(thread)) for thread in threads if thread)


def test_a_conversation_is_shown_as_a_tree_with_what_is_missing(vault: Vault) -> None:
    found = drawn(
        vault,
        (mail("late", "root", "lost", by="ben"), 5),
        (mail("root", subject="Roof tiles"), 1),
        (mail("reply", "root"), 3),
        (mail("second", "root", "lost"), 4),
        (mail("deep", "root", "reply", "gone1", "gone2", "gone3"), 6),
        (mail("other"), 2),
    )
    assert found == [
        ["other"],
        ["root", "  reply", "    (gone3)", "      deep", "  (lost)", "    second", "    late"],
    ]


def test_a_node_says_what_a_list_of_mails_shows(vault: Vault) -> None:
    root = arrive(vault, mail("root", subject="Roof tiles"), 1)
    reply = arrive(vault, mail("reply", "root", "lost", subject="AW: Roof tiles", by="ben", to="anna eve"), 2)
    put(vault, b"attached", "a.pdf", source="attachment", parent=reply)
    thread = vault.catalog.item(reply).thread
    assert thread == root
    shown = vault.catalog.conversation(thread)
    assert (shown.id, shown.subject) == (root, "Roof tiles")
    first, lost, last = shown.messages
    assert (lost.item, lost.message_id, lost.parent, lost.depth) == (None, "lost", 0, 1)
    assert (last.item, last.parent, last.depth, last.subject) == (reply, 1, 2, "AW: Roof tiles")
    assert (last.sender, last.recipients) == ("ben@example.org", ("anna@example.org", "eve@example.org"))
    assert (first.attachments, last.attachments, last.sent_at) == (0, 1, 2 * DAY)
    with pytest.raises(NoSuchThread):
        vault.catalog.conversation("0123456789abcdef")


IDS = [f"m{number}" for number in range(6)]
HEADERS = st.builds(
    mail,
    st.sampled_from([*IDS, None]),
    subject=st.sampled_from(["Roof tiles", "Re: Roof tiles", "Fence", "Re: Fence", "Re: invoice"]),
    by=st.sampled_from(["anna", "ben", "eve"]),
    to=st.sampled_from(["anna", "ben", "anna ben", "eve"]),
    in_reply_to=st.sampled_from([*IDS, None, None, None]),
).flatmap(
    lambda header: st.lists(st.sampled_from(IDS), max_size=3).map(
        lambda parents: type(header)(
            message_id=header.message_id, subject=header.subject, sender=header.sender,
            recipients=header.recipients, in_reply_to=header.in_reply_to, references=tuple(parents),
        )
    )
)  # fmt: skip
ARRIVALS = st.lists(
    st.tuples(HEADERS, st.sampled_from([0.0, 1, 2, 20, 40])), min_size=2, max_size=7, unique_by=repr
)


def described(vault: Vault, numbers: dict[str, int]) -> object:
    threads = {vault.catalog.item(item).thread for item in numbers}
    trees = []
    for thread in threads:
        assert thread is not None
        assert vault.catalog.item(thread).thread == thread  # a thread is named after one of its items
        nodes = vault.catalog.conversation(thread).messages
        trees.append(
            [(numbers.get(node.item or "", -1), node.message_id, node.parent, node.depth) for node in nodes]
        )
    return sorted(trees)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), mails=ARRIVALS)
def test_any_order_of_arrival_gives_the_same_threads_and_trees(
    data: st.DataObject, mails: list[tuple[MailHeader, float]]
) -> None:
    numbered = dict(enumerate(mails))
    found = []
    for order in (list(numbered), data.draw(st.permutations(list(numbered)))):
        with fast_folder() as folder, throwaway_vault(folder) as vault:
            numbers = {arrive(vault, *numbered[number], name=str(number)): number for number in order}
            found.append(described(vault, numbers))
            for item, number in list(numbers.items())[:2]:  # and reading them anew changes nothing
                vault.ledger.advance(item, State.STORED)
                arrive(vault, *numbered[number], name=str(number))
            found.append(described(vault, numbers))
    assert found[0] == found[1] == found[2] == found[3]


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", None]), st.lists(st.sampled_from("abcde"))), max_size=9
    )
)
def test_a_tree_holds_every_mail_once_below_places_that_come_before(
    mails: list[tuple[str | None, list[str]]],
) -> None:
    given_mails = [
        Mail(number, (float(number % 3), 0, 0), own, [name for name in dict.fromkeys(parents) if name != own])
        for number, (own, parents) in enumerate(mails)
    ]
    places = arrange(given_mails)
    assert sorted(place.key for place in places if place.key is not None) == list(range(len(mails)))
    for at, place in enumerate(places):
        assert place.depth == (0 if place.parent is None else places[place.parent].depth + 1)
        assert place.parent is None or place.parent < at
    assert len(places) <= 3 * len(mails)
    assert places == arrange(given_mails[::-1])


def test_hostile_headers_neither_loop_nor_cost_much(vault: Vault) -> None:
    many = mail("many", *(f"n{number}" for number in range(10_000)), "many")
    chain = [Mail(n, (float(n), 0, 0), f"c{n}", [f"c{n - 1}"]) for n in range(20_000)]
    assert arrange(chain)[-1].depth == 20_000
    assert len(arrange([Mail(0, (0.0, 0, 0), "x", [f"p{n}" for n in range(199)])])) == 2
    found = drawn(
        vault,
        (many, 1),
        (mail("self", "self", in_reply_to="self"), 2),
        (mail("one", "two"), 3),
        (mail("two", "one"), 4),
        (mail("", "", in_reply_to=""), 5),
    )
    assert found == [["(n9999)", "  many"], ["None"], ["self"], ["two", "  one"]]
    named = named_ids(many)
    assert (named[0], named[1], named[-1], len(named)) == ("many", "n9999", "n0", 200)


def test_an_address_in_place_of_an_id_joins_nobody(vault: Vault) -> None:
    found = drawn(
        vault,
        (mail("one", in_reply_to="Anna@Example.org", by="ben", to="anna"), 1),
        (mail("two", in_reply_to="anna@example.org", by="eve", to="anna"), 2),
    )
    assert found == [["one"], ["two"]]


def test_copies_of_one_mail_stand_side_by_side(vault: Vault) -> None:
    root = (mail("root", subject="Roof tiles"), 1.0)
    copies = [(mail("copy", "root", to=list_name), 2.0) for list_name in ("list1", "list2")]
    items = [arrive(vault, header, day, name=str(n)) for n, (header, day) in enumerate([*copies, root])]
    arrive(vault, mail("answer", "root", "copy"), 3)
    shown = vault.catalog.conversation(items[0])
    assert outline(shown) in (
        ["root", "  copy", "    answer", "  copy"],
        ["root", "  copy", "  copy", "    answer"],
    )
    assert shown.messages.index(next(node for node in shown.messages if node.message_id == "copy")) == 1
    asked = [(item, header) for item, (header, _) in zip(items, copies, strict=False)]
    one, other = vault.catalog.kin_of_mails(asked, _MOST)
    assert set(one.replies) == set(other.replies)


def test_parents_and_replies_are_those_that_are_here(vault: Vault) -> None:
    headers = {
        "deep": mail("deep", "root", "lost", "reply"),
        "root": mail("root", subject="Roof tiles"),
        "reply": mail("reply", in_reply_to="root"),
    }
    deep = arrive(vault, headers["deep"], 3)
    assert vault.catalog.kin_of_mails([(deep, headers["deep"])], _MOST) == [Kin([], [])]
    root, reply = arrive(vault, headers["root"], 1), arrive(vault, headers["reply"], 2)
    asked = [(deep, headers["deep"]), (root, headers["root"])]
    of_deep, of_root = vault.catalog.kin_of_mails(asked, _MOST)
    assert of_deep == Kin([reply, root], [])
    assert (of_root.parents, sorted(of_root.replies)) == ([], sorted([reply, deep]))
    of_deep, of_root = vault.catalog.kin_of_mails(asked, 1)
    assert (of_deep.parents, len(of_root.replies)) == ([reply], 1)
    # One that is not written yet is asked about the same way.
    assert vault.catalog.kin_of_mails([("0" * 16, mail("new", "deep"))], _MOST) == [Kin([deep], [])]


GATHERED = [
    (mail("root", subject="Roof tiles"), 1.0, True),
    (mail("phone", by="ben", to="anna"), 2.0, True),
    (mail("again", by="anna", to="ben"), 29.0, True),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_replies_without_references_are_gathered_by_subject(vault: Vault, order: tuple[int, ...]) -> None:
    assert drawn(vault, *(GATHERED[number][:2] for number in order)) == [["root", "  phone", "    again"]]


@pytest.mark.parametrize(
    ("header", "day"),
    [
        (mail("x", subject="Roof tiles", by="ben", to="anna"), 2),  # not a reply
        (mail("x", subject="Fwd: Roof tiles", by="ben", to="anna"), 2),
        (mail("x", by="eve", to="mallory"), 2),  # other people
        (mail("x", by="eve", to="anna"), 2),  # she was not written to
        (mail("x", by="ben", to="eve"), 2),  # not sent back
        (mail("x", by="ben", to="anna"), 0.5),  # before what it would answer
        (mail("x", by="ben", to="anna"), 32),  # long after it
        (mail("x", subject="Re: Roof tile", by="ben", to="anna"), 2),
    ],
)
def test_the_bounds_of_gathering(vault: Vault, header: MailHeader, day: float) -> None:
    assert len(drawn(vault, (GATHERED[0][0], 1.0), (header, day))) == 2


@pytest.mark.parametrize(
    "subject", ["hello", "Invoice", "Meeting!", "Your order", "Re:", "ok", "(no subject)", "Q1"]
)
def test_a_general_subject_gathers_nothing(vault: Vault, subject: str) -> None:
    root, reply = mail("root", subject=subject), mail("x", subject=f"Re: {subject}", by="ben", to="anna")
    assert len(drawn(vault, (root, 1), (reply, 2))) == 2
    assert not says_enough(plain_subject(subject)[0])


def test_two_mails_that_both_name_parents_are_not_joined_by_subject(vault: Vault) -> None:
    one, two = mail("one", "lost1"), mail("two", "lost2", by="ben", to="anna")
    assert len(drawn(vault, (one, 1), (two, 2))) == 2


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_the_true_parent_ends_a_gathering(vault: Vault, order: tuple[int, ...]) -> None:
    mails = [
        (mail("root", subject="Roof tiles"), 1.0),
        (mail("answer", "true", by="ben", to="anna"), 3.0),
        (mail("true", subject="The other roof"), 2.0),
    ]
    assert drawn(vault, *(mails[number] for number in order)) == [["root"], ["true", "  answer"]]


def test_a_thread_is_found_by_every_id_that_it_ever_had(vault: Vault) -> None:
    one = arrive(vault, mail("one", "lost"), 1)
    two = arrive(vault, mail("two", "root"), 2)
    assert vault.catalog.item(one).thread != vault.catalog.item(two).thread
    link = arrive(vault, mail("link", "root", "lost"), 3)
    shown = vault.catalog.conversation(one)
    assert shown == vault.catalog.conversation(two) == vault.catalog.conversation(link)
    assert vault.catalog.thread(one) == vault.catalog.thread(two) == [one, two, link]


def test_a_deleted_mail_becomes_a_placeholder_where_others_name_it(vault: Vault) -> None:
    root = arrive(vault, mail("root", subject="Roof tiles"), 1)
    reply = arrive(vault, mail("reply", "root"), 2)
    deep = arrive(vault, mail("deep", "root", "reply"), 3)
    phone = arrive(vault, mail("phone", by="ben", to="anna"), 4)
    assert vault.catalog.item(phone).thread == root
    assert not any(vault.delete(reply).residue.values())
    assert outline(vault.catalog.conversation(root)) == ["root", "  (reply)", "    deep", "      phone"]
    assert not any(vault.delete(root).residue.values())
    heir = vault.catalog.item(phone).thread
    assert heir == vault.catalog.item(deep).thread == deep
    assert outline(vault.catalog.conversation(heir)) == ["(reply)", "  deep", "    phone"]
    assert not any(vault.delete(deep).residue.values())
    assert outline(vault.catalog.conversation(phone)) == ["phone"]
    with pytest.raises(NoSuchThread):
        vault.catalog.conversation(root)


@given(st.text(max_size=40))
def test_any_subject_is_brought_to_one_form(subject: str) -> None:
    plain, _ = plain_subject(subject)
    assert plain_subject(f"Re: [list] Fwd: {subject}")[1]
    says_enough(plain)


@pytest.mark.parametrize(
    ("subject", "plain", "replies"),
    [
        ("RE: AW: Fwd: Roof  Tiles", "roof tiles", True),
        ("[roofers] Re: [roofers] Roof tiles", "roof tiles", True),
        ("Re[2]: Roof", "roof", True),
        ("Antw.: Roof", "antw.: roof", False),
        ("WG: Roof", "roof", False),
        ("答复：屋顶", "屋顶", True),
        ("[roofers]", "[roofers]", False),
        ("Regarding: Roof", "regarding: roof", False),
    ],
)
def test_prefixes_and_marks_of_lists_are_taken_off(subject: str, plain: str, replies: bool) -> None:
    assert plain_subject(subject) == (plain, replies)


def test_an_older_home_has_its_mail_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = packaged_steps()
    with monkeypatch.context() as older:
        older.setattr("store.vault.packaged_steps", lambda: steps[:1])
        home = make_home(tmp_path / "home")
        vault = open_vault(home)
        for name, thread in (("root", "root"), ("reply", "root"), ("text", None)):
            item = put(vault, name.encode(), name).item
            with vault._database.write() as connection:
                root = connection.execute("SELECT id FROM items WHERE name = 'root'").fetchone()[0]
                connection.execute(
                    "UPDATE items SET state = 'INDEXED', chunked = 1, thread = ? WHERE id = ?",
                    (root if thread else None, item),
                )
                (seq,) = connection.execute("SELECT seq FROM items WHERE id = ?", (item,)).fetchone()
                connection.execute("INSERT INTO texts VALUES (?, x'', x'')", (seq,))
                connection.execute(
                    "INSERT INTO passages (item, generation, start, end, text, embed)"
                    " VALUES (?, 1, 0, 0, x'', 0)",
                    (seq,),
                )
                if thread:
                    connection.execute("INSERT INTO mails VALUES (?, ?, 'roof')", (seq, name))
                    connection.execute("INSERT INTO mail_ids VALUES (?, ?)", (name, seq))
        vault.close()
    vault = open_vault(home)
    text, reply, root = (item.id for item in vault.catalog.items())
    assert [vault.catalog.item(item).state for item in (text, reply, root)] == [
        State.INDEXED,
        State.STORED,
        State.STORED,
    ]
    shown = vault.catalog.conversation(reply)
    assert [node.item for node in shown.messages] == [root, reply]
    new = arrive(vault, mail("new", "root", "reply"), 3)
    assert vault.catalog.item(new).thread == new
    for item, header in ((reply, mail("reply", "root")), (root, mail("root"))):
        vault.catalog.save_reading(item, reading("x", mail=header))
    assert vault.catalog.thread(root) == vault.catalog.thread(reply) == vault.catalog.thread(new)
    assert len(vault.catalog.thread(new)) == 3
    assert vault.catalog.people("anna")[0].messages == 3
    assert vault.verify().problems == []
    vault.close()
