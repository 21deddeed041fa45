"""What becomes of a stranger's reply: refused, or a reading in which everything claimed is true."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import ParserLied
from ingest.reading import Accepted, Child, Refused, check, line
from ingest.sandbox.messages import ReadAddress, ReadChild, ReadElement, ReadMail, Reply
from policy.limits import Limits
from store.records import Address, ElementKind, Mark, Reading, Reason
from tests.support.sound import assert_sound, printable

LIMITS = Limits(text_chars=100, elements=5, children=3, child_bytes=100)


def reply(**fields: object) -> Reply:
    return Reply(**{"media_type": "text/plain", "elements": [element("text")], **fields})  # type: ignore[arg-type]


def element(text: str, kind: str = "paragraph", **fields: int | None) -> ReadElement:
    return ReadElement(kind=kind, text=text, **fields)


def child(offset: int = 0, length: int = 1, name: str = "a.txt") -> ReadChild:
    return ReadChild(name=name, offset=offset, length=length)


def accepted(untrusted_reply: Reply, children_bytes: int = 0) -> Accepted:
    outcome = check(untrusted_reply, LIMITS, children_bytes)
    assert isinstance(outcome, Accepted)
    return outcome


def reading(**fields: object) -> Reading:
    return accepted(reply(**fields)).reading


def test_texts_are_joined_and_cut_out_again() -> None:
    got = reading(
        elements=[element("Head", "title", level=1), element("  \n "), element("Body\n", page=2)], pages=2
    )
    assert got.text == "Head\n\nBody"
    assert [got.text[e.start : e.end] for e in got.elements] == ["Head", "Body"]
    assert [(e.kind, e.page, e.level) for e in got.elements] == [
        (ElementKind.TITLE, None, 1),
        (ElementKind.PARAGRAPH, 2, None),
    ]


@given(
    st.lists(st.lists(st.text(max_size=8), min_size=1, max_size=4), min_size=1, max_size=5),
    st.integers(0, 5),
)
def test_the_cells_of_a_table_cut_exactly_what_they_say(rows: list[list[str]], header: int) -> None:
    table = ReadElement(kind="table", text="", rows=rows, header_rows=min(header, len(rows)))
    outcome = check(reply(elements=[element("above"), table]), Limits(), 0)
    assert isinstance(outcome, Accepted)
    text, grids = outcome.reading.text, [each.table for each in outcome.reading.elements if each.table]
    for grid in grids:
        assert grid.header == min(header, len(rows))
        for row, spans in zip(rows, grid.rows, strict=True):
            starts, ends = spans[::2], spans[1::2]
            found = [text[start:end] for start, end in zip(starts, ends, strict=True)]
            assert len(found) == len(row)
            assert all(cell == " ".join(cell.split()) for cell in found)
            assert " | ".join(found) in text.split("\n")
    if any(map(str.isalnum, "".join(map("".join, rows)))):
        assert len(grids) == 1


LIES: list[tuple[str, Callable[[], Reply]]] = [
    ("unknown reason", lambda: reply(elements=[], reason="BORED")),
    ("reason together", lambda: reply(reason="EMPTY")),
    ("reason together", lambda: reply(elements=[], children=[child()], reason="EMPTY")),
    ("kind of element", lambda: reply(elements=[element("x", "sermon")])),
    ("too many elements", lambda: reply(elements=[element("x")] * 6)),
    ("too much text", lambda: reply(elements=[element("x" * 101)])),
    ("too much text", lambda: reply(elements=[element("x" * 50)] * 2)),
    ("page out of range", lambda: reply(elements=[element("x", page=0)])),
    ("page out of range", lambda: reply(elements=[element("x", page=-1)])),
    ("page out of range", lambda: reply(elements=[element("x", page=4)], pages=3)),
    ("page out of range", lambda: reply(elements=[element("x", page=1 << 62)])),
    ("level out of range", lambda: reply(elements=[element("x", level=-1)])),
    ("number of pages", lambda: reply(pages=-1)),
    ("media type", lambda: reply(media_type="text/plain\nX: y")),
    ("media type", lambda: reply(media_type="")),
    ("language", lambda: reply(language="Klingon")),
    ("too many children", lambda: reply(children=[child(n) for n in range(4)])),
    ("overlap", lambda: reply(children=[child(0, 5), child(4, 5)])),
    ("overlap", lambda: reply(children=[child(5, 5), child(0, 5)])),
    ("overlap", lambda: reply(children=[child(5, -3)])),
    ("overlap", lambda: reply(children=[child(-1, 3)])),
    ("not there", lambda: reply(children=[child(0, 51)])),
    ("not there", lambda: reply(children=[child(1 << 62, 1 << 62)])),
]


@pytest.mark.parametrize(("says", "untrusted_reply"), LIES)
def test_a_lie_is_called_one(says: str, untrusted_reply: Callable[[], Reply]) -> None:
    with pytest.raises(ParserLied, match=says):
        check(untrusted_reply(), LIMITS, 50)


def test_children_beyond_their_limit_are_a_lie() -> None:
    with pytest.raises(ParserLied):
        check(reply(), LIMITS, LIMITS.child_bytes + 1)


@pytest.mark.parametrize("reason", list(Reason))
def test_a_reason_is_taken_with_its_sentence(reason: Reason) -> None:
    got = check(reply(elements=[], reason=reason.value, detail="because\x1b[2J\nof it"), LIMITS, 0)
    assert isinstance(got, Refused)
    assert (got.reason, got.detail) == (reason, "because [2J of it")


def test_nothing_at_all_is_empty_but_a_message_or_an_archive_is_not() -> None:
    nothing = check(reply(elements=[element(" ")], title="Plans"), LIMITS, 0)
    assert isinstance(nothing, Refused)
    assert (nothing.reason, nothing.detail) == (Reason.EMPTY, "it was read and holds no text")
    assert (nothing.seen.title, nothing.seen.media_type) == ("Plans", "text/plain")
    assert reading(elements=[], mail=ReadMail(subject="only that")).text == ""
    assert accepted(reply(elements=[], children=[child()]), 1).reading.elements == ()


def test_characters_that_are_none_become_spaces() -> None:
    got = reading(elements=[element("a\x00b\x1bc\u0085d\ufffee\ud800f\tg\r\nh")])
    assert got.text == "a b c d e f\tg\nh"


def test_a_name_is_no_path_and_never_empty() -> None:
    names = ["../../etc/passwd", "C:\\x\\y.txt", "/.."]
    got = accepted(reply(children=[child(n, 1, name) for n, name in enumerate(names)]), 3)
    assert [c.name for c in got.children] == ["passwd", "y.txt", "3"]
    bidi = accepted(reply(children=[child(name="a\u202egnp.exe"), child(1, 1, ".." + "n" * 300)]), 2)
    assert bidi.children == (Child("a gnp.exe", "a gnp.exe", 0, 1), Child("n" * 198, "n" * 198, 1, 1))


def test_a_path_leads_nowhere_and_ends_with_the_name() -> None:
    paths = ["docs/../../etc/passwd", "C:\\x\\y.txt", "", "/".join("d" * 50) + "/z"]
    children = [ReadChild(name=f"{n}", path=path, offset=0, length=0) for n, path in enumerate(paths)]
    got = check(reply(children=children), Limits(), 0)
    assert isinstance(got, Accepted)
    assert [c.path for c in got.children] == ["docs/etc/0", "C:/x/1", "2", "/".join("d" * 20) + "/3"]


@pytest.mark.parametrize("at", [math.nan, math.inf, -math.inf, -3e9, 5e9, 1e300])
def test_a_date_that_says_nothing_is_dropped(at: float) -> None:
    assert reading(created_at=at).created_at is None
    assert reading(created_at=1.7e9).created_at == 1.7e9


def test_a_header_is_cut_to_lines() -> None:
    got = reading(
        mail=ReadMail(
            message_id=" <a@b>\r\nX-Evil: 1",
            in_reply_to="",
            references=["<0>", *["<r>"] * 1000],
            subject="s" * 5000,
            sender=ReadAddress(name="A\nB", email="a@b"),
            recipients=[ReadAddress(name="", email=str(n)) for n in range(2000)],
        )
    ).mail
    assert got is not None
    assert got.message_id == "<a@b> X-Evil: 1"
    assert got.in_reply_to is None
    assert got.references == ("<r>",) * 1000
    assert len(got.subject) == 1000
    assert got.sender == Address(name="A B", email="a@b")
    assert len(got.recipients) == 1000


texts = st.text(st.characters(exclude_categories=()), max_size=40)
integers = st.integers(-2, 60)
maybe_text = st.none() | texts
replies = st.builds(
    Reply,
    media_type=st.just("text/plain") | texts,
    elements=st.lists(
        st.builds(
            ReadElement,
            kind=st.sampled_from([*ElementKind, "other"]).map(str),
            text=texts,
            page=st.none() | integers,
            level=st.none() | integers,
            language=st.none() | st.just("de") | texts,
            rows=st.none() | st.lists(st.lists(texts, max_size=4), max_size=4),
            header_rows=integers,
        ),
        max_size=6,
    ),
    children=st.lists(
        st.builds(ReadChild, name=texts, path=texts, offset=integers, length=integers), max_size=4
    ),
    title=maybe_text,
    author=maybe_text,
    created_at=st.none() | st.floats(),
    language=st.none() | st.just("en") | texts,
    pages=st.none() | integers,
    mail=st.none()
    | st.builds(
        ReadMail,
        message_id=maybe_text,
        references=st.lists(texts, max_size=3),
        subject=texts,
        recipients=st.lists(st.builds(ReadAddress, name=texts, email=texts), max_size=3),
        marks=st.lists(st.sampled_from([*Mark, "other"]).map(str), max_size=3),
    ),
    partial=maybe_text,
    reason=st.none() | st.sampled_from([*Reason, "other"]).map(str),
    detail=maybe_text,
)


@given(replies, integers)
def test_whatever_is_answered_is_refused_or_true(untrusted_reply: Reply, children_bytes: int) -> None:
    try:
        outcome = check(untrusted_reply, LIMITS, children_bytes)
    except ParserLied:
        return
    assert_sound(outcome, LIMITS, children_bytes)


@given(texts, st.integers(1, 50))
def test_a_line_is_one_line_and_no_longer(text: str, chars: int) -> None:
    got = line(text, chars)
    assert len(got) <= chars
    assert printable(got)
    assert len(got.splitlines()) <= 1
