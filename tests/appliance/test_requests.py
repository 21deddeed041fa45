"""What a caller may ask for: numbers that nothing behind the API could take are refused there, and what a
client is given reaches the service as it was meant.
"""

from __future__ import annotations

import socketserver
import threading
from argparse import Namespace
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from appliance.cli_meaning import MeaningCommands
from appliance.client import Client
from appliance.errors import BadRequest
from appliance.routes import ASK, PAGE, ROUTES, UPLOAD, Endpoint

NUMBERS = [
    (row, field.name)
    for row in (*ROUTES, ASK, UPLOAD, PAGE)
    for field in msgspec.structs.fields(row.takes)
    if field.name in ("id", "other", "page", "width") and "int" in str(field.type)
]


@pytest.mark.parametrize(("row", "name"), NUMBERS, ids=[f"{row.path} {name}" for row, name in NUMBERS])
def test_no_number_is_taken_that_is_none_of_a_row(row: Endpoint, name: str) -> None:
    for number in ("-1", "9223372036854775808", "1" + 40 * "0"):
        with pytest.raises(msgspec.ValidationError, match=name):
            msgspec.convert({"id": "1", "other": "1", "page": "1"} | {name: number}, row.takes, strict=False)


def test_there_are_such_numbers() -> None:
    assert {name for _, name in NUMBERS} == {"id", "other", "page", "width"}


class _Echo(BaseHTTPRequestHandler):
    """Answers with the path that it was asked for."""

    def do_GET(self) -> None:
        body = msgspec.json.encode(unquote(self.path))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "the test"

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    path = tmp_path / "socket"
    with socketserver.UnixStreamServer(str(path), _Echo) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield Client(path)
        finally:
            server.shutdown()
            serving.join()


def test_a_correction_that_says_nothing_is_refused(client: Client) -> None:
    options = dict.fromkeys(("tag", "no_tag", "any_tag", "project", "no_project", "any_project"), ())
    commands = MeaningCommands(lambda _: client, lambda *_: None)
    with pytest.raises(BadRequest, match="nothing is said"):
        commands.correct(Namespace(item="i", **options))


@pytest.mark.parametrize("item", ["abc", "a b", "Übergabe", "what?", "a#b", "a%2Fb", "tab\there"])
def test_whatever_is_typed_for_an_item_is_asked_for(client: Client, item: str) -> None:
    assert client.call("GET", f"/v1/items/{item}/related") == f"/v1/items/{unquote(item)}/related"
