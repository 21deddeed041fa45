"""The schema is bounded everywhere, and so is the grammar made of it, whatever the owner's names are."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.grammar import gbnf
from enrich.schema import Json, ProjectSpec, TagSpec, UntrustedFindings, Vocabulary, json_schema

NAMES = st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=4)


def _bounded(schema: Json) -> bool:
    assert isinstance(schema, dict)
    if schema["type"] == "object":
        properties = schema["properties"]
        assert isinstance(properties, dict)
        return all(map(_bounded, properties.values()))
    if schema["type"] == "array":
        return "maxItems" in schema and _bounded(schema["items"])
    return "maxLength" in schema or "enum" in schema


@given(NAMES, NAMES)
def test_every_list_and_string_is_bounded(tags: list[str], projects: list[str]) -> None:
    vocabulary = Vocabulary(
        tags=tuple(TagSpec(name=name) for name in tags),
        projects=tuple(ProjectSpec(name=name) for name in projects),
    )
    assert _bounded(json_schema(vocabulary))


def test_the_empty_answer_fits_whatever_the_vocabulary() -> None:
    assert msgspec.json.decode('{"actions":[]}', type=UntrustedFindings) == UntrustedFindings()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "array", "items": {"type": "string", "maxLength": 3}},
        {"type": "array", "maxItems": 0, "items": {"type": "string", "maxLength": 3}},
        {"type": "object", "properties": {}},
        {"enum": []},
        {"type": "object", "properties": {"a": {"type": "number"}}},
        [],
    ],
)
def test_what_has_no_bound_has_no_grammar(schema: Json) -> None:
    with pytest.raises(ValueError, match=r"schema|bounded"):
        gbnf(schema)


def test_a_misspelt_key_of_the_owner_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError, match="keyword"):
        msgspec.convert({"name": "x", "keyword": ["y"]}, ProjectSpec)
