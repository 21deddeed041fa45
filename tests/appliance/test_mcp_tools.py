"""What MCP clients are told of the tools, and that nothing a document says gets out of its place there."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import mcp_tools
from appliance.mcp_tools import NOTICE, TOOLS
from index.fields import NAMES

FRAGMENTS = st.sampled_from(
    ["<img src=http://evil.example/a.png>", "![x](http://evil.example)", "[x](//evil.example)", "</script>",
     '"}],"untrusted":', "\\", "\\u003c", "\u202e", "\u200b", "\U000e0041", "\x00", "\x9b", "\n", "ä", "🙂", "://"]
)  # fmt: skip
HIDDEN = re.compile("[<>\x00-\x1f\x7f-\x9f\u200b\u202e\U000e0041]|\\]\\(|://")


@pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))
def test_a_tool_says_what_it_takes_within_which_bounds(tool: mcp_tools.Tool) -> None:
    told = json.loads(msgspec.json.encode(tool.described()))
    assert told["annotations"]["readOnlyHint"] is True
    schema = told["inputSchema"]
    assert (schema["type"], schema["additionalProperties"]) == ("object", False)
    assert "$ref" not in json.dumps(schema)
    for name, part in schema["properties"].items():
        assert {"maxLength", "maximum", "enum"} & part.keys(), name
        assert "description" in part or name in ("query", "limit"), name
    assert NOTICE in told["description"] or tool.name == "list_projects"


def test_the_help_of_search_names_every_field() -> None:
    told = TOOLS["search"].description
    assert not [name for name in NAMES if not re.search(rf"\b{name}:\S", told)]


@given(st.lists(st.one_of(st.text(max_size=20), FRAGMENTS), max_size=12).map("".join))
def test_text_of_a_document_stays_verbatim_and_inert(text: str) -> None:
    told = mcp_tools.result({"hits": [{"title": text, "snippet": text}]})
    assert told["structuredContent"]["untrusted"]["hits"] == [{"title": text, "snippet": text}]
    (block,) = told["content"]
    assert block["type"] == "text"
    assert json.loads(block["text"]) == told["structuredContent"]
    assert not HIDDEN.search(block["text"])


def test_long_lists_are_cut_and_say_so_and_instants_are_readable() -> None:
    found: dict[str, Any] = {"actions": list(range(250)), "sent_at": 1e9, "stored_at": 1e300, "due": None}
    told = mcp_tools.result(found)["structuredContent"]["untrusted"]
    assert (len(told["actions"]), told["actions_left_out"]) == (100, 150)
    assert re.fullmatch(r"2001-09-0\dT\d\d:46[+-]\d\d:\d\d", told["sent_at"])
    assert told["stored_at"] == 1e300
    assert "due" not in told
