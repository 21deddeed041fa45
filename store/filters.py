"""The filters of a search: which items they leave, and the newest of those."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from store.database import Database
from store.items import marks, read_items
from store.people import RECIPIENT, SENDER, mails_like
from store.records import Item


class FilterTable:
    """The part of the catalog that answers filters. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def matching_items(
        self,
        *,
        types: Collection[str] = (),
        tags: Collection[str] = (),
        projects: Collection[str] = (),
        sender: str | None = None,
        recipient: str | None = None,
        source: str | None = None,
        after: float | None = None,
        before: float | None = None,
        language: str | None = None,
        include_superseded: bool = False,
    ) -> list[int]:
        """The numbers of the items for which all given filters hold; within one filter, any of its values.

        Args:
            types: media types, or their first half ("image").
            sender: part of any name or address of the person who sent the mail, in any case and without
                regard to diacritics; `recipient` likewise.
            source: the name of a source that the item came from.
            after: the item's own date, else when it was stored, is not before this; `before`: is before this.
        """
        conditions, values = _conditions(
            types, tags, projects, source, after, before, language, include_superseded
        )
        with self._database.read() as connection:
            for role, text in ((SENDER, sender), (RECIPIENT, recipient)):
                if text is not None:
                    conditions.append(_BY_PERSON)
                    values += [role, msgspec.json.encode(mails_like(connection, text)).decode()]
            # As one value: a row for each would take six times as long.
            numbers = connection.execute(
                f"SELECT json_group_array(seq) FROM items WHERE {' AND '.join(conditions)}", values
            ).fetchone()[0]
        return msgspec.json.decode(numbers, type=list[int])

    def newest_of(self, numbers: Collection[int], limit: int) -> list[Item]:
        """The newest of some items, by their own date, else by when they were stored."""
        with self._database.read() as connection:
            return read_items(
                connection,
                "seq IN (SELECT value FROM json_each(?))"
                " ORDER BY coalesce(created_at, stored_at) DESC, seq DESC LIMIT ?",
                (msgspec.json.encode(list(numbers)).decode(), limit),
            )


_BY_PERSON = (
    "seq IN (SELECT item FROM mail_people WHERE role = ? AND written IN (SELECT value FROM json_each(?)))"
)


def _conditions(
    types: Collection[str],
    tags: Collection[str],
    projects: Collection[str],
    source: str | None,
    after: float | None,
    before: float | None,
    language: str | None,
    include_superseded: bool,
) -> tuple[list[str], list[object]]:
    conditions, values = ["1" if include_superseded else "superseded = 0"], list[object]()

    def hold(condition: str, *given: object) -> None:
        conditions.append(condition)
        values.extend(given)

    if types:
        whole = [kind for kind in types if "/" in kind]
        first = [kind for kind in types if "/" not in kind]
        first_half = "substr(media_type, 1, instr(media_type, '/') - 1)"
        hold(f"(media_type IN ({marks(whole)}) OR {first_half} IN ({marks(first)}))", *whole, *first)
    if tags:
        hold(f"seq IN (SELECT item FROM tags WHERE name IN ({marks(list(tags))}))", *tags)
    if projects:
        hold(f"seq IN (SELECT item FROM links WHERE project IN ({marks(list(projects))}))", *projects)
    if source is not None:
        hold("EXISTS (SELECT 1 FROM origins WHERE item = items.seq AND source = ?)", source)
    if after is not None:
        hold("coalesce(created_at, stored_at) >= ?", after)
    if before is not None:
        hold("coalesce(created_at, stored_at) < ?", before)
    if language is not None:
        hold("language = ?", language)
    return conditions, values
