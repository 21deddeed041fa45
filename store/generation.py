"""The count of all changes to passages and vectors, by which the indexes follow, and how passages go."""

from __future__ import annotations

from store.database import Connection


def next_generation(connection: Connection) -> int:
    """Count one change of passages or vectors. Each of them carries the number that wrote it."""
    row = connection.execute(
        "UPDATE facts SET value = value + 1 WHERE name = 'generation' RETURNING value"
    ).fetchone()
    return int(row[0])


def remove_passages(connection: Connection, seq: int) -> None:
    """Remove an item's passages and their vectors, noting their ids for the indexes."""
    generation = next_generation(connection)
    connection.execute(
        "INSERT INTO removed (passage, generation) SELECT id, ? FROM passages WHERE item = ?",
        (generation, seq),
    )
    connection.execute("DELETE FROM passages WHERE item = ?", (seq,))


def uncut(connection: Connection, seq: int) -> None:
    """Let an item's passages be made anew; those that it has go."""
    if connection.execute("UPDATE items SET chunked = 0 WHERE seq = ? AND chunked = 1", (seq,)).rowcount:
        remove_passages(connection, seq)
