"""Turns a JSON schema into a grammar for llama.cpp (GBNF), for the part of the language that readers use.

Pure. Ours instead of the library's, because there a quotation mark in an owner's tag name breaks the grammar,
and because an unbounded array or string is refused here: a model under this grammar always comes to an end.
Format: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
"""

from __future__ import annotations

import json

from enrich.schema import Json

# One character of a JSON string: anything that needs no escape, or a short escape. No \\u: a model may write
# half a surrogate pair.
_CHARACTER = r"""character ::= [^"\\\x00-\x1F\x7F] | "\\" ["\\/bfnrt]"""


def gbnf(schema: Json) -> str:
    """The grammar whose sentences are the schema's values, without white space between tokens.

    Every property of an object is required and stands in the schema's order.

    Raises:
        ValueError: a part of the schema that is not understood, or a list or string without a bound.
    """
    rules: list[str] = []
    root = _rule(schema, rules)
    return "\n".join([f"root ::= {root}", *rules, _CHARACTER, ""])


def _rule(schema: Json, rules: list[str]) -> str:
    """Add the rules for one value; returns how to refer to it."""
    if not isinstance(schema, dict):
        raise ValueError("a schema must be an object")
    match schema:
        case {"enum": [*values]} if values:
            body = " | ".join(_literal(json.dumps(value, ensure_ascii=False)) for value in values)
        case {"type": "string", "maxLength": int(most)}:
            body = rf'"\"" character{{{schema.get("minLength", 0)},{most}}} "\""'
        case {"type": "array", "items": items, "maxItems": int(most)} if most > 0:
            one = _rule(items, rules)
            body = f'"[" ({one} ("," {one}){{0,{most - 1}}})? "]"'
        case {"type": "object", "properties": dict(properties)} if properties:
            pairs = (
                f"{_literal(json.dumps(key) + ':')} {_rule(value, rules)}"
                for key, value in properties.items()
            )
            body = '"{" ' + ' "," '.join(pairs) + ' "}"'
        case _:
            raise ValueError("not a bounded string, list, choice or object")
    name = f"rule-{len(rules)}"
    rules.append(f"{name} ::= {body}")
    return name


def _literal(text: str) -> str:
    """Text as a terminal. Control characters cannot occur: JSON has escaped them."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
