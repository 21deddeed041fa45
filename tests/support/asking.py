"""Queries read as a search reads them, at a moment that does not move."""

from __future__ import annotations

from datetime import datetime

from index.grammar import parse
from index.query import Wanted
from policy.limits import Limits

NOW = datetime(2026, 11, 18, 15, 30).timestamp()  # a Wednesday, in the zone of the machine


def read(query: str) -> Wanted:
    """What a query means on that day."""
    return parse(query, Limits(), NOW)
