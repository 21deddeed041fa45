"""The one place that chooses concrete classes and puts them together."""

from __future__ import annotations
