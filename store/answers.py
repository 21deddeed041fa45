"""What a language model answered for the stretches of an item's text, so that it is not asked the same twice.

What is asked, and what is believed of an answer, is the business of `enrich/llm_reader.py`.
"""

from __future__ import annotations

from store.database import Database
from store.items import sequence_of
from store.records import Record

_PROMPTS = 3  # of an item: the last ones, so that going back to the former tags asks nothing again


class ModelAnswer(Record, frozen=True, kw_only=True):
    """One answer, as the model gave it."""

    text: str
    read: int  # characters of the stretch that it took in


class AnswerTable:
    """The part of the catalog that holds answers. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def model_answer(self, item: str, prompt: bytes, stretch: bytes) -> ModelAnswer | None:
        """What was answered to a prompt for a stretch of text, both by their digests.

        Raises:
            NoSuchItem
        """
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT answer, read FROM answers WHERE item = ? AND prompt = ? AND stretch = ?",
                (sequence_of(connection, item), prompt, stretch),
            ).fetchone()
        return ModelAnswer(text=row[0], read=row[1]) if row else None

    def save_model_answer(self, item: str, prompt: bytes, stretch: bytes, answer: ModelAnswer) -> None:
        """Keep an answer, unless one is kept. Of an item those to the last few prompts stay.

        Raises:
            NoSuchItem: the item was deleted meanwhile.
        """
        with self._database.write(durable=False) as connection:
            seq = sequence_of(connection, item)
            connection.execute(
                "INSERT OR IGNORE INTO answers (item, prompt, stretch, read, answer) VALUES (?, ?, ?, ?, ?)",
                (seq, prompt, stretch, answer.read, answer.text),
            )
            connection.execute(
                "DELETE FROM answers WHERE item = ? AND prompt NOT IN (SELECT prompt FROM answers"
                " WHERE item = ? GROUP BY prompt ORDER BY max(id) DESC LIMIT ?)",
                (seq, seq, _PROMPTS),
            )
