"""`Private`: a box for a value that must never reach a log, an error or a traceback by accident."""

from __future__ import annotations

from typing import Generic, NoReturn, TypeVar

from policy import memory

T = TypeVar("T")


class Private(Generic[T]):
    """Holds a secret whose `repr`, `str` and `format` say nothing; `reveal()` is the one way to it.

    It keeps bytes and text out of swap and core dumps, where the kernel lets it. It does not wipe memory:
    Python copies bytes freely.
    """

    __slots__ = ("_locked", "_value")

    def __init__(self, value: T) -> None:
        self._value = value
        self._locked = isinstance(value, bytes | str) and memory.lock(value)

    def __del__(self) -> None:
        """Let go of the memory that was locked."""
        if self._locked and isinstance(self._value, bytes | str):
            memory.unlock(self._value)

    def reveal(self) -> T:
        """The secret itself. Keep the result out of names that outlive the call."""
        return self._value

    def __repr__(self) -> str:
        return "Private(…)"

    def __reduce__(self) -> NoReturn:
        # Pickling, copying and so every accidental hand-over to another process goes through here.
        raise TypeError("a private value is not serialised")
