"""The query language: what it reads, what it refuses, and that nothing a stranger types breaks it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from index.errors import QueryError
from index.fields import NAMES
from index.grammar import parse
from index.query import Filters, Piece, Wanted
from policy.limits import Limits
from store.filters import Condition, Field
from tests.support.asking import NOW, read

MOST = Limits().query_chars


def of(field: Field, *values: str, negated: bool = False) -> Condition:
    return Condition(field=field, values=values, negated=negated)


def refusal(query: str) -> QueryError:
    with pytest.raises(QueryError) as refused:
        read(query)
    return refused.value


def test_words_phrases_and_exclusions() -> None:
    wanted = read('budget "final offer" -draft -"out of office"')
    assert wanted.words == ("budget",)
    assert wanted.required == ((Piece("final offer"),),)
    assert wanted.without == (Piece("draft"), Piece("out of office"))
    assert wanted.plain == "budget final offer"


def test_stop_words_are_left_out_of_a_plain_question() -> None:
    wanted = read("When is the roof of the Alder House going to be repaired?")
    assert wanted.words == ("roof", "Alder", "House", "going", "repaired?")
    assert wanted.plain == "When is the roof of the Alder House going to be repaired?"


def test_nothing_but_stop_words_are_looked_for_together() -> None:
    wanted = read("to be or not to be")
    assert wanted.together
    assert wanted.words == ("to", "be", "or", "not")


@pytest.mark.parametrize(
    "text",
    [
        '5" pipe', "INV-2024-0093", "a -- b", "well-known", "don't", "Re: offer", "AW: Angebot", "12:30",
        "https://example.org/from:x", r"C:\scans", "note:paid", "site:example.org", "x-from:y", "**bold**",
        "2*3*4", "c++", "a:b", "é:x", ":from", "(roof) leaks", "fromage:cheese", "-", "Betreff: Dach",
        "18:00 Uhr", "mailto:ann", "what? -- nothing!", "since: when", "id:7", "a_from:b", "from_x:y",
    ],
)  # fmt: skip
def test_what_is_no_operator_is_text(text: str) -> None:
    wanted = read(f"Dach {text}")
    assert wanted == Wanted(words=wanted.words, plain=f"Dach {text}")


def test_one_of_several_a_beginning_and_the_subject_are_required() -> None:
    wanted = read('leak roof OR garden OR "garden shed" invo* subject:Offer subject:"final off" subject:alt*')
    assert wanted.words == ("leak",)
    assert wanted.required == (
        (Piece("roof"), Piece("garden"), Piece("garden shed")),
        (Piece("invo", prefix=True),),
        (Piece("Offer", subject=True),),
        (Piece("final off", subject=True),),
        (Piece("alt", prefix=True, subject=True),),
    )
    assert wanted.plain == "leak roof garden garden shed invo Offer final off alt"
    assert read("-invo* -subject:draft x").without == (
        Piece("invo", prefix=True),
        Piece("draft", subject=True),
    )
    assert read("roof OR garden").plain == "roof garden"
    assert read("INV-20*").required == ((Piece("INV-20", prefix=True),),)
    assert read("„flach dach“ “flat roof”").required == ((Piece("flach dach"),), (Piece("flat roof"),))


def test_conditions_stand_beside_the_question() -> None:
    wanted = read('from:orchard roof TO:"Ben Ash" -to:zoë@example.org')
    assert wanted.conditions == (
        (of(Field.SENDER, "orchard"),),
        (of(Field.RECIPIENT, "Ben Ash"),),
        (of(Field.RECIPIENT, "zoë@example.org", negated=True),),
    )
    assert (wanted.words, wanted.required, wanted.plain) == (("roof",), (), "roof")
    alone = read('from:"Tamsin Orchard"')
    assert (alone.words, alone.required, alone.together, alone.plain) == ((), (), False, "")
    assert read("tag:money OR -tag:travel OR in:inbox x").conditions == (
        (of(Field.TAG, "money"), of(Field.TAG, "travel", negated=True), of(Field.PLACE, "inbox")),
    )


def test_a_field_in_quotation_marks_is_text() -> None:
    assert read('"from:orchard" roof').required == ((Piece("from:orchard"),),)


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("type:PDF", of(Field.TYPE, "application/pdf")),
        ("type:.jpeg", of(Field.TYPE, "image/jpeg")),
        ("type:Bild", of(Field.TYPE, "image/")),
        ("type:application/x-thing", of(Field.TYPE, "application/x-thing")),
        ("type:image/", of(Field.TYPE, "image/")),
        ("lang:Deutsch", of(Field.LANGUAGE, "de")),
        ("lang:français", of(Field.LANGUAGE, "fr")),
        ("lang:xx", of(Field.LANGUAGE, "xx")),
        ("has:Anhang", of(Field.HAVING, "attachment")),
        ("has:tasks", of(Field.HAVING, "action")),
        ("size:>5MB", Condition(field=Field.SIZE, least=5_000_001)),
        ("size:>=5MB", Condition(field=Field.SIZE, least=5_000_000)),
        ("size:<100k", Condition(field=Field.SIZE, below=100_000)),
        ("size:<=1.5KiB", Condition(field=Field.SIZE, below=1_537)),
        ("size:1MB..2,5mb", Condition(field=Field.SIZE, least=1_000_000, below=2_500_001)),
        ('size:"> 1 GB"', Condition(field=Field.SIZE, least=1_000_000_001)),
        ("size:>0", Condition(field=Field.SIZE, least=1)),
    ],
)
def test_what_fields_mean(query: str, meant: Condition) -> None:
    assert read(query).conditions == ((meant,),)


@pytest.mark.parametrize(
    ("query", "position", "said"),
    [
        ("", 0, "no word"),
        ("   ", 0, "no word"),
        ("\0\0", 0, "no word"),
        ('- -- "" "" * **', 0, "no word"),
        ("-draft", 0, "not wanted"),
        ('budget "never closed', 7, "never closed"),
        ("ab\ud800cd", 2, "half a character"),
        ("x" * 100_000, MOST, "longer"),
        ("roof from:", 5, "nothing follows from:"),
        ("roof To: orchard", 5, "without a space"),
        ("roof subject: x", 5, "nothing follows subject:"),
        ('from:"" roof', 0, "nothing follows"),
        ("from:- roof", 0, "nothing follows"),
        ('from:"Tamsin Orch', 5, "never closed"),
        ("roof sender:ann", 5, "from: is one"),
        ("roof -sender:ann", 6, "from: is one"),
        ("befor:2026", 0, "before: is one"),
        ("projcet:alder", 0, "project: is one"),
        ("Betreff:Dach", 0, "subject: is one"),
        ("size:5MB", 0, "write size:>5MB"),
        ("size:2MB..1MB", 0, "write size:>5MB"),
        ("roof type:thing", 5, "type:pdf"),
        ("roof has:wings", 5, "has:attachment"),
        ("lang:elvish", 0, "lang:german"),
        ("after:someday", 0, "2026-03"),
        ("after:2026-02-30", 0, "2026-03"),
        ("date:2026..2025", 0, "2026-01..2026-03"),
        ("roof a*", 5, "two letters"),
        ("type:pd*", 0, "no star"),
        ('"flat ro"*', 9, "behind a word"),
        ("roof OR", 5, "two words"),
        ("OR roof", 0, "two words"),
        ("roof OR OR garden", 8, "two words"),
        ("roof OR from:ann", 8, "one after the other"),
        ("roof OR -garden", 8, "-one -two"),
        ("-roof OR garden", 0, "-one -two"),
        ("(from:ann OR from:ben) roof", 0, "brackets"),
        ("roof -(tag:x)", 5, "brackets"),
    ],
)
def test_what_cannot_be_understood_is_refused_and_says_where(query: str, position: int, said: str) -> None:
    error = refusal(query)
    assert error.position == position
    assert f"at character {position + 1} of the query" in error.what
    assert said in str(error)


def test_the_error_holds_nothing_of_the_query() -> None:
    for query in (
        "zebra:x sender:quagga",
        "type:quagga",
        "after:quagga",
        "size:quagga",
        '"quagga',
        "quagga OR",
    ):
        assert "quagga" not in str(refusal(query))


@pytest.mark.parametrize(
    "query",
    [
        " ".join(["roof"] + [f"-w{n}" for n in range(65)]),
        " OR ".join(f"w{n}" for n in range(65)),
        " ".join(f"word{n}*" for n in range(9)),
        " ".join(f"tag:t{n}" for n in range(65)),
        " OR ".join(f"tag:t{n}" for n in range(65)),
    ],
)
def test_more_than_a_query_may_ask_is_refused(query: str) -> None:
    assert "more than" in refusal(query).what


def test_many_words_are_asked_for_by_meaning_only() -> None:
    wanted = read(" ".join(f"w{number}" for number in range(500)))
    assert len(wanted.words) == 64
    assert wanted.plain.endswith("w499")


def test_filters_beside_a_query_are_the_same_conditions() -> None:
    filters = Filters(
        types=("pdf", "image/"), tags=("a", "b"), projects=("p",), sender="x", recipient="y", source="drop",
        after=1.0, before=2.0, language="german",
    )  # fmt: skip
    beside = parse("", Limits(), NOW, filters).conditions
    same = read("type:pdf OR type:image/ tag:a OR tag:b project:p from:x to:y in:drop lang:de").conditions
    assert beside == (*same, (Condition(field=Field.DATE, least=1.0, below=2.0),))
    for wrong in (
        Filters(types=("thing",)), Filters(sender="\ud800"), Filters(tags=("x" * 100_000,)),
        Filters(tags=("x",) * 1_000), Filters(language="elvish"),
    ):  # fmt: skip
        with pytest.raises(QueryError) as refused:
            parse("roof", Limits(), NOW, wrong)
        assert refused.value.position is None
        assert "of the query" not in refused.value.what


FRAGMENTS = st.sampled_from(
    [*(f"{name}:" for name in NAMES), "OR", '"', "-", "*", "(", ")", " ", "\0", "2026-03", "..", ">", "5MB",
     "“", "roof", "x", "ß", "東京", "%", "'", ";--", "[]", "\ud83d", "\u202e", "last month", "pdf", "sender:"]
)  # fmt: skip


def _within(refused: QueryError, query: str) -> None:
    assert refused.position is None or 0 <= refused.position <= len(query)


@given(st.one_of(st.text(max_size=300), st.lists(FRAGMENTS, max_size=30).map("".join)))
@example("from:a" * 1_000)
@example('"' * 4_096)
@example("OR " * 1_300)
def test_any_text_is_read_or_refused(query: str) -> None:
    try:
        wanted = read(query)
    except QueryError as refused:
        _within(refused, query)
        return
    assert wanted.words or wanted.required or wanted.conditions
    assert bool(wanted.plain.strip()) == bool(wanted.words or wanted.required)
    assert len(wanted.words) <= 64
    assert sum(map(len, wanted.conditions)) <= 64


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=1, max_size=20))
def test_letters_and_spaces_alone_are_words(words: list[str]) -> None:
    query = " ".join(word for word in words if word != "OR") or "x"
    wanted = read(query)
    assert wanted == Wanted(words=wanted.words, together=wanted.together, plain=query)
