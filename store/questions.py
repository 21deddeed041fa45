"""What the owner asked, the sentences of the documents that answered it, and what answers it since then.

Whether an answer is another one is the business of `enrich/memory.py`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date

from store.database import Connection, Database
from store.errors import NoSuchQuestion
from store.records import Evidence, Record


class Cited(Record, frozen=True, kw_only=True):
    """A sentence of a document that answered."""

    item: str
    title: str  # of the item, else its name
    evidence: Evidence


class Question(Record, frozen=True, kw_only=True):
    """A question of the owner's. Of both answers the sentences are left whose documents are."""

    id: int
    question: str
    asked_at: float  # last
    found: int  # sentences that answered it then; 0: it was not found
    answer: list[Cited]  # then
    looked_at: float | None  # when it was asked again last
    changed: str | None  # ISO date of the morning by which the answer had become another
    answer_now: list[Cited]  # where it changed; none: it is not found any more


class QuestionTable:
    """The part of the catalog that remembers questions. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remember_question(self, question: str, answer: Sequence[Cited], most: int) -> None:
        """Remember a question and its answer, in the place of its former answer; of more than `most` those
        that were asked last.
        """
        with self._database.write() as connection:
            (id,) = connection.execute(
                "INSERT INTO questions (question, asked_at, found) VALUES (?, ?, ?) ON CONFLICT (question)"
                " DO UPDATE SET asked_at = excluded.asked_at, found = excluded.found, looked_at = NULL,"
                " looked_for = NULL, changed = NULL RETURNING id",
                (question, time.time(), len(answer)),
            ).fetchone()
            connection.execute("DELETE FROM cited WHERE question = ?", (id,))
            _cite(connection, id, answer, anew=False)
            connection.execute(  # a clock that was put back does not make this one the oldest
                "DELETE FROM questions WHERE id NOT IN"
                " (SELECT id FROM questions ORDER BY id = ? DESC, asked_at DESC LIMIT ?)",
                (id, most),
            )

    def questions(self, *, changed: date | None = None) -> list[Question]:
        """Those that are remembered, the last one first.

        Args:
            changed: only those whose answer had become another by this morning.
        """
        with self._database.read() as connection:
            if changed is None:
                return _read(connection, "1")
            return _read(connection, "changed = ?", changed.isoformat())

    def unasked_questions(self, morning: date) -> list[Question]:
        """Those that were not asked again for a morning, the last one first."""
        with self._database.read() as connection:
            return _read(connection, "looked_for IS NOT ?", morning.isoformat())

    def asked_again(
        self, asked: Question, morning: date, *, changed: date | None, answer: Sequence[Cited] = ()
    ) -> None:
        """Note that a question was asked again for a morning, unless the owner asked or forgot it meanwhile.

        Args:
            changed: since which morning the answer is another one; None: it is as it was.
            answer: then, the other one.
        """
        with self._database.write() as connection:
            known = connection.execute(
                "UPDATE questions SET looked_at = ?, looked_for = ?, changed = ?"
                " WHERE id = ? AND asked_at = ? RETURNING id",
                (
                    time.time(), morning.isoformat(), changed and changed.isoformat(), asked.id,
                    asked.asked_at,
                ),
            ).fetchall()  # fmt: skip
            if known:
                connection.execute("DELETE FROM cited WHERE question = ? AND anew = 1", (asked.id,))
                _cite(connection, asked.id, answer, anew=True)

    def forget_question(self, id: int) -> None:
        """Forget a question, its answers, and what digests tell of them.

        Raises:
            NoSuchQuestion
        """
        with self._database.write() as connection:
            if not connection.execute("DELETE FROM questions WHERE id = ?", (id,)).rowcount:
                raise NoSuchQuestion(
                    "no such question", item=str(id), remedy="`strongroom questions` lists them"
                )


def _cite(connection: Connection, question: int, answer: Sequence[Cited], *, anew: bool) -> None:
    """Write an answer down; what was deleted meanwhile is passed over."""
    connection.executemany(
        "INSERT INTO cited (question, item, anew, start, end, text)"
        " SELECT ?, seq, ?, ?, ?, ? FROM items WHERE id = ?",
        [
            (question, anew, one.evidence.start, one.evidence.end, one.evidence.text, one.item)
            for one in answer
        ],
    )


def _read(connection: Connection, condition: str, *values: str) -> list[Question]:
    rows = connection.execute(
        "SELECT id, question, asked_at, found, looked_at, changed FROM questions"
        f" WHERE {condition} ORDER BY asked_at DESC, id DESC",
        values,
    ).fetchall()
    cited = connection.execute(
        "SELECT c.question, c.anew, i.id, coalesce(i.title, i.name), c.start, c.end, c.text FROM cited c"
        " JOIN items i ON i.seq = c.item WHERE c.question IN"
        f" (SELECT id FROM questions WHERE {condition}) ORDER BY c.rowid",
        values,
    ).fetchall()
    answers: dict[tuple[int, int], list[Cited]] = {}
    for question, anew, item, title, start, end, text in cited:
        one = Cited(item=item, title=title, evidence=Evidence(start=start, end=end, text=text))
        answers.setdefault((question, anew), []).append(one)
    return [
        Question(
            id=id,
            question=question,
            asked_at=asked_at,
            found=found,
            answer=answers.get((id, 0), []),
            looked_at=looked_at,
            changed=changed,
            answer_now=answers.get((id, 1), []),
        )
        for id, question, asked_at, found, looked_at, changed in rows
    ]
