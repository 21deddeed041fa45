"""`Private`: a box for a value that must never reach a log, an error or a traceback by accident."""

from __future__ import annotations

from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")


class Private(Generic[T]):
    """Holds a secret whose `repr`, `str` and `format` say nothing; `reveal()` is the one way to it.

    It does not wipe memory: Python copies bytes freely. It keeps secrets out of what people read.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The secret itself. Keep the result out of names that outlive the call."""
        return self._value

    def __repr__(self) -> str:
        return "Private(…)"

    def __reduce__(self) -> NoReturn:
        # Pickling, copying and so every accidental hand-over to another process goes through here.
        raise TypeError("a private value is not serialised")
