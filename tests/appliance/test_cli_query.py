"""The options of `strongroom search` are fields of its query."""

from __future__ import annotations

from argparse import Namespace

from appliance.cli_search import FIELDS, query_text
from tests.support.asking import read


def asked(*query: str, **options: list[str]) -> str:
    return query_text(Namespace(query=list(query), **{name: options.get(name, []) for name in FIELDS}))


def test_options_and_fields_mean_the_same() -> None:
    options = {"from": ["ann ash"], "type": ["pdf", "mail"], "after": ["last month"]}
    fields = 'from:"ann ash" type:pdf OR type:mail after:2026-10'
    assert read(asked("flat", "roof", **options)) == read(f"flat roof {fields}")
    assert asked("a", '"b c"') == 'a "b c"'
