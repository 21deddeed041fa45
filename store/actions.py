"""Action items: what readers found, what the owner said of it, how those of one conversation hang together.

Nothing that a document says closes anything: that a later message claims it done is kept beside the action
item, and shown as a proposal until the owner has spoken. What the owner said (`verdicts`) is kept apart from
what was found, so that it outlives runs that come and go. Which sentences are the same, and which claim is
about which action item, the caller of `tie` decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import astuple

from store.database import Connection, Database, Row
from store.errors import NoSuchItem
from store.items import marks
from store.records import Action, ActionKind, ActionStatus, Claim, Evidence

_COMPARED = 150  # action items of a conversation, and claims, the nearest in time: some go on for years

_OWNER = "CASE WHEN v.owner IS NULL THEN a.owner ELSE nullif(v.owner, '') END"
_DUE = "CASE WHEN v.due IS NULL THEN a.due ELSE nullif(v.due, '') END"
_STATUS = "coalesce(v.status, 'open')"
_WHEN = "coalesce({0}.created_at, {0}.stored_at)"
_AT = "v.item = a.item AND v.start = a.start AND v.end = a.end"
_TABLES = f"actions a JOIN items i ON i.seq = a.item LEFT JOIN verdicts v ON {_AT}"
_AGAIN = (
    "FROM repeats r JOIN actions x ON x.id = r.later"
    " JOIN items xi ON xi.seq = x.item AND xi.thread = i.thread WHERE r.earlier = a.id"
)
# A claim that was there when the owner spoke last is answered by that.
_PROPOSED = (
    "SELECT s.claim FROM closings s JOIN claims y ON y.id = s.claim"
    " JOIN items yi ON yi.seq = y.item AND yi.thread = i.thread"
    f" WHERE s.action = a.id AND yi.seq > coalesce(v.newest, 0) AND {_STATUS} IN ('open', 'accepted')"
    f" ORDER BY {_WHEN.format('yi')}, y.start LIMIT 1"
)
_ACTIONS = (
    f"SELECT a.id, i.id, a.kind, coalesce(v.what, a.what), a.confidence, a.start, a.end, a.text, {_OWNER},"
    f" a.owed_to, {_DUE}, a.due_text, {_STATUS}, (SELECT count(*) {_AGAIN}),"
    f" (SELECT xi.id {_AGAIN} ORDER BY {_WHEN.format('xi')} DESC LIMIT 1),"
    " ci.id, c.confidence, c.start, c.end, c.text"
    f" FROM {_TABLES} LEFT JOIN claims c ON c.id = ({_PROPOSED}) LEFT JOIN items ci ON ci.seq = c.item"
)
# It says again what an earlier message said, and is listed there; unless the owner had closed that before.
_IS_REPEATED = (
    "EXISTS (SELECT 1 FROM repeats r JOIN actions e ON e.id = r.earlier"
    " JOIN items ei ON ei.seq = e.item AND ei.thread = i.thread"
    " LEFT JOIN verdicts ev ON ev.item = e.item AND ev.start = e.start AND ev.end = e.end"
    " WHERE r.later = a.id AND NOT (coalesce(ev.status, 'open') = 'done' AND i.seq > ev.newest))"
)
_ORDER = f"{_DUE} IS NULL, {_DUE}, i.seq DESC, a.start"


class Asked(NamedTuple):
    """An action item of a conversation, for comparing."""

    id: int
    item: int
    at: float  # when its message was sent
    by: str | None  # "Name <address>"
    what: str
    kind: ActionKind
    owner: str | None
    due: str | None
    due_text: str | None


class Claimed(NamedTuple):
    """A sentence of a conversation that says that something was done, for comparing."""

    id: int
    item: int
    at: float
    by: str | None
    text: str


class Ties(NamedTuple):
    """How those hang together."""

    repeats: Sequence[tuple[int, int]] = ()  # action items: the later one, the earlier one that it repeats
    closings: Sequence[tuple[int, int]] = ()  # an action item, and the claim that says it is done


Relate = Callable[[Sequence[Asked], Sequence[Claimed]], Ties]


class ActionTable:
    """The part of the catalog that holds action items. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def actions(
        self,
        *,
        among: Sequence[ActionStatus] = (),
        item: str | None = None,
        owner: str | None = None,
        due_before: str | None = None,
        project: str | None = None,
        limit: int = 50,
    ) -> list[Action]:
        """Action items: those with a due date first, by that date, then the newest items'.

        Args:
            among: of these statuses; empty: of all.
            item: of this item only, and then also what repeats an earlier message.
            owner: a part of the name or address of who is to do it.
            due_before: an ISO date.
            project: of items that are linked to it.
        """
        conditions, values = list[str](), list[object]()
        if among:
            conditions.append(f"{_STATUS} IN ({marks(among)})")
            values += [status.value for status in among]
        for condition, value in (
            ("i.id = ?", item),
            (f"{_OWNER} LIKE ? ESCAPE '\\'", None if owner is None else f"%{_literal(owner)}%"),
            (f"{_DUE} < ?", due_before),
            ("a.item IN (SELECT item FROM standing_links WHERE project = ?)", project),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        if item is None:
            conditions += ["i.superseded = 0", f"NOT {_IS_REPEATED}"]
        # The few that are shown are chosen before anything is looked up for them.
        chosen = f"SELECT a.id FROM {_TABLES} WHERE {' AND '.join(conditions)} ORDER BY {_ORDER} LIMIT ?"
        with self._database.read() as connection:
            rows = connection.execute(
                f"{_ACTIONS} WHERE a.id IN ({chosen}) ORDER BY {_ORDER}", [*values, limit]
            ).fetchall()
        return [_to_action(row) for row in rows]

    def change_action(
        self,
        id: int,
        *,
        status: ActionStatus | None = None,
        what: str | None = None,
        owner: str | None = None,
        due: str | None = None,
    ) -> Action:
        """Record what the owner says of an action item; it outlives later runs. None leaves as it is; an
        empty owner is nobody, an empty due is no day.

        Raises:
            NoSuchItem: there is no such action item.
        """
        with self._database.write() as connection:
            place = connection.execute(
                "SELECT item, start, end, text FROM actions WHERE id = ?", (id,)
            ).fetchone()
            if place is None:
                raise NoSuchItem(
                    "no such action item", item=str(id), remedy="list them anew: strongroom actions"
                )
            (newest,) = connection.execute("SELECT max(seq) FROM items").fetchone()
            said = (status and status.value, what, owner, due, newest if status else None)
            connection.execute(
                "INSERT INTO verdicts (item, start, end, text, status, what, owner, due, newest)"
                " VALUES (?, ?, ?, ?, coalesce(?, 'open'), ?, ?, ?, coalesce(?, 0))"
                " ON CONFLICT (item, start, end) DO UPDATE SET text = excluded.text,"
                " status = coalesce(?, status), what = coalesce(?, what), owner = coalesce(?, owner),"
                " due = coalesce(?, due), newest = coalesce(?, newest)",
                (*place, *said, *said),
            )
            return _to_action(connection.execute(f"{_ACTIONS} WHERE a.id = ?", (id,)).fetchone())


# ------------------------------------------------------------------- parts of the transactions of findings


def drop_actions(connection: Connection, seq: int) -> None:
    """Forget the action items of an item but those that the owner accepted: these are his by now."""
    connection.execute(
        f"DELETE FROM actions AS a WHERE a.item = ? AND NOT EXISTS"
        f" (SELECT 1 FROM verdicts v WHERE {_AT} AND v.status = 'accepted')",
        (seq,),
    )
    connection.execute("DELETE FROM claims WHERE item = ?", (seq,))


def found_actions(connection: Connection, seq: int, item: str) -> list[Action]:
    """Of an item, as they were found: without what the owner said of them."""
    rows = connection.execute(
        "SELECT kind, what, confidence, owner, owed_to, due, due_text, start, end, text FROM actions"
        " WHERE item = ?",
        (seq,),
    ).fetchall()
    return [
        Action(
            item=item, kind=ActionKind(kind), what=what, confidence=confidence, owner=owner, owed_to=owed_to,
            due=due, due_text=due_text, evidence=Evidence(start=start, end=end, text=text),
        )
        for kind, what, confidence, owner, owed_to, due, due_text, start, end, text in rows
    ]  # fmt: skip


def found_claims(connection: Connection, seq: int, item: str) -> list[Claim]:
    """Of an item."""
    rows = connection.execute(
        "SELECT confidence, start, end, text FROM claims WHERE item = ?", (seq,)
    ).fetchall()
    return [
        Claim(item=item, confidence=confidence, evidence=Evidence(start=start, end=end, text=text))
        for confidence, start, end, text in rows
    ]


def replace_actions(
    connection: Connection, seq: int, actions: Sequence[Action], claims: Sequence[Claim]
) -> None:
    """What is found of an item now. An action item at the same place keeps its id, and what the owner said of
    it; so does one whose sentence stands elsewhere now.
    """
    known = {
        (kind, start, end): id
        for id, kind, start, end in connection.execute(
            "SELECT id, kind, start, end FROM actions WHERE item = ?", (seq,)
        ).fetchall()
    }
    drop_actions(connection, seq)
    places = [(seq, action.evidence.start, action.evidence.end) for action in actions]
    connection.executemany("DELETE FROM actions WHERE item = ? AND start = ? AND end = ?", places)
    connection.executemany(
        "INSERT INTO actions"
        " (id, item, kind, what, confidence, start, end, text, owner, owed_to, due, due_text)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                known.pop((action.kind.value, action.evidence.start, action.evidence.end), None),
                seq, action.kind.value, action.what, action.confidence, *astuple(action.evidence),
                action.owner, action.owed_to, action.due, action.due_text,
            )
            for action in actions
        ],
    )  # fmt: skip
    connection.executemany(
        "UPDATE OR IGNORE verdicts AS v SET start = ?, end = ? WHERE v.item = ? AND v.text = ?"
        f" AND NOT EXISTS (SELECT 1 FROM actions a WHERE {_AT})",
        [(action.evidence.start, action.evidence.end, seq, action.evidence.text) for action in actions],
    )
    connection.executemany(
        "INSERT INTO claims (item, confidence, start, end, text) VALUES (?, ?, ?, ?, ?)",
        [(seq, claim.confidence, *astuple(claim.evidence)) for claim in claims],
    )


def tie(connection: Connection, seq: int, relate: Relate) -> None:
    """Say anew how the action items and claims of an item's conversation hang together."""
    asked = [
        Asked(id, item, at, by, what, ActionKind(kind), owner, due, due_text)
        for id, item, at, by, what, kind, owner, due, due_text in _said(
            connection, seq, "actions", "t.what, t.kind, t.owner, t.due, t.due_text"
        )
    ]
    claimed = [Claimed(*row) for row in _said(connection, seq, "claims", "t.text")]
    if len({said.item for said in asked} | {said.item for said in claimed}) < 2:
        return
    ties = relate(asked, claimed)
    ids, claims = [one.id for one in asked], [one.id for one in claimed]
    connection.execute(
        f"DELETE FROM repeats WHERE later IN ({marks(ids)}) AND earlier IN ({marks(ids)})", [*ids, *ids]
    )
    connection.execute(
        f"DELETE FROM closings WHERE action IN ({marks(ids)}) AND claim IN ({marks(claims)})", [*ids, *claims]
    )
    connection.executemany("INSERT INTO repeats (later, earlier) VALUES (?, ?)", ties.repeats)
    connection.executemany("INSERT INTO closings (action, claim) VALUES (?, ?)", ties.closings)


def _said(connection: Connection, seq: int, table: str, columns: str) -> list[Row]:
    """Rows of a table that belong to an item's conversation, the nearest to that item in time."""
    when = _WHEN.format("i")
    return connection.execute(
        f"SELECT t.id, t.item, {when}, i.sender, {columns} FROM items o JOIN items i ON i.thread = o.thread"
        f" JOIN {table} t ON t.item = i.seq WHERE o.seq = ?"
        f" ORDER BY abs({when} - {_WHEN.format('o')}), t.id LIMIT ?",
        (seq, _COMPARED),
    ).fetchall()


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _to_action(row: Row) -> Action:
    (id, item, kind, what, confidence, start, end, text, owner, owed_to, due, due_text, status, repeats,
     again, claimed_in, certainty, *claim) = row  # fmt: skip
    closing = None
    if claimed_in is not None:
        first, last, said = claim
        evidence = Evidence(start=first, end=last, text=said)
        closing = Claim(item=claimed_in, confidence=certainty, evidence=evidence)
    return Action(
        id=id, item=item, kind=ActionKind(kind), what=what, confidence=confidence,
        evidence=Evidence(start=start, end=end, text=text), owner=owner, owed_to=owed_to, due=due,
        due_text=due_text, status=ActionStatus(status), repeats=repeats, again=again, closing=closing,
    )  # fmt: skip
