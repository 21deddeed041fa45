"""What a reader may say: the owner's vocabulary, and the one bounded schema that every reader fills.

Both readers end in `store.records.Findings`. A model fills `UntrustedFindings` first, whose JSON schema is
made here with a bound on every list and string, so that generation always ends.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

MAX_TAGS = 5
MAX_ACTIONS = 40
MAX_LINKS = 8
MAX_MENTIONS = 20  # of each kind
MAX_MODEL_ACTIONS = 8  # in one window of text given to a model
MAX_QUOTE = 300  # characters of a model's quotation
SUMMARY_CHARS = 240

# A value of the JSON schema language: what `json.dumps` takes.
Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json]"


class TagSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tag of the owner's closed list."""

    name: str
    description: str = ""
    words: tuple[str, ...] = ()  # words or phrases that show it; simple endings are understood


class ProjectSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the owner's projects."""

    name: str
    aliases: tuple[str, ...] = ()
    people: tuple[str, ...] = ()  # mail addresses
    keywords: tuple[str, ...] = ()


class Vocabulary(msgspec.Struct, frozen=True, kw_only=True):
    """The closed lists that findings are chosen from."""

    tags: tuple[TagSpec, ...] = ()
    projects: tuple[ProjectSpec, ...] = ()


def fingerprint(vocabulary: Vocabulary) -> str:
    """Of the lists: what other lists would make of an item may be something else."""
    return hashlib.blake2b(msgspec.json.encode(vocabulary), digest_size=4).hexdigest()


Quote = Annotated[str, Meta(max_length=MAX_QUOTE)]


class UntrustedTag(msgspec.Struct, frozen=True):
    """A tag as a model put it."""

    name: Annotated[str, Meta(max_length=100)]
    quote: Quote


class UntrustedAction(msgspec.Struct, frozen=True):
    """An action item as a model put it; `kind` is a value of `ActionKind`."""

    kind: Annotated[str, Meta(max_length=20)]
    quote: Quote
    owner: Annotated[str, Meta(max_length=80)]
    due: Annotated[str, Meta(max_length=60)]


class UntrustedLink(msgspec.Struct, frozen=True):
    """A project link as a model put it."""

    project: Annotated[str, Meta(max_length=100)]
    quote: Quote


class UntrustedFindings(msgspec.Struct, frozen=True):
    """What a model answered for one window of text, parsed but not yet compared with the text."""

    tags: Annotated[list[UntrustedTag], Meta(max_length=MAX_TAGS)] = []
    actions: Annotated[list[UntrustedAction], Meta(max_length=MAX_MODEL_ACTIONS)] = []
    links: Annotated[list[UntrustedLink], Meta(max_length=MAX_LINKS)] = []
    summary: Annotated[str, Meta(max_length=SUMMARY_CHARS)] = ""  # a sentence of the document


def json_schema(vocabulary: Vocabulary) -> dict[str, Json]:
    """The JSON schema of `UntrustedFindings` with the owner's names as the only tags and projects.

    Every array has `maxItems`, every free string `maxLength`; a list without allowed values is left out,
    because a grammar cannot say "none of nothing".
    """
    properties: dict[str, Json] = {}
    if vocabulary.tags:
        names = _one_of([tag.name for tag in vocabulary.tags])
        properties["tags"] = _array({"name": names, "quote": _string(MAX_QUOTE)}, MAX_TAGS)
    properties["actions"] = _array(
        {
            "kind": _one_of(["request", "commitment", "question"]),
            "quote": _string(MAX_QUOTE),
            "owner": _string(80),
            "due": _string(60),
        },
        MAX_MODEL_ACTIONS,
    )
    if vocabulary.projects:
        projects = _one_of([project.name for project in vocabulary.projects])
        properties["links"] = _array({"project": projects, "quote": _string(MAX_QUOTE)}, MAX_LINKS)
    properties["summary"] = _string(SUMMARY_CHARS)
    return _object(properties)


def _object(properties: dict[str, Json]) -> dict[str, Json]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(properties: dict[str, Json], most: int) -> dict[str, Json]:
    return {"type": "array", "maxItems": most, "items": _object(properties)}


def _string(most: int) -> dict[str, Json]:
    return {"type": "string", "maxLength": most}


def _one_of(values: list[str]) -> dict[str, Json]:
    choices: list[Json] = list(values)
    return {"type": "string", "enum": choices}
