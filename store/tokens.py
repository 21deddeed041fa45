"""Access tokens of the API: made from 256 random bits, shown once, stored as a hash."""

from __future__ import annotations

import hashlib
import secrets
import time

import msgspec

from store.audit import append
from store.database import Database
from store.errors import StoreError

_PREFIX = "strongroom_"


class TokenInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a token; not the token."""

    name: str
    scopes: tuple[str, ...]
    created_at: float


class TokenTable:
    """The part of the catalog that holds tokens. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_token(self, name: str, scopes: tuple[str, ...]) -> str:
        """Make a token; this is the only time that it is seen.

        Raises:
            StoreError: there is a token of this name already.
        """
        token = _PREFIX + secrets.token_urlsafe(32)
        with self._database.write(audited=True) as connection:
            if connection.execute("SELECT 1 FROM tokens WHERE name = ?", (name,)).fetchone():
                raise StoreError(
                    "there is a token of this name already", item=name, remedy="choose another name"
                )
            connection.execute(
                "INSERT INTO tokens (name, digest, scopes, created_at) VALUES (?, ?, ?, ?)",
                (name, _digest(token), msgspec.json.encode(scopes).decode(), time.time()),
            )
            append(connection, "token made", detail=name)
        return token

    def token_scopes(self, token: str) -> tuple[str, ...] | None:
        """What a token may do; None if it is not one of ours.

        The lookup's time depends on the hash only, and a hash tells nothing of the 256 random bits under it.
        """
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT scopes FROM tokens WHERE digest = ?", (_digest(token),)
            ).fetchone()
        return msgspec.json.decode(row[0], type=tuple[str, ...]) if row else None

    def tokens(self) -> list[TokenInfo]:
        """All tokens, the newest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT name, scopes, created_at FROM tokens ORDER BY created_at DESC"
            ).fetchall()
        return [
            TokenInfo(
                name=name, scopes=msgspec.json.decode(scopes, type=tuple[str, ...]), created_at=created_at
            )
            for name, scopes, created_at in rows
        ]

    def revoke_token(self, name: str) -> bool:
        """Make a token worthless at once; False if there was none of this name."""
        with self._database.write(audited=True) as connection:
            found = bool(connection.execute("DELETE FROM tokens WHERE name = ?", (name,)).rowcount)
            if found:
                append(connection, "token revoked", detail=name)
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
