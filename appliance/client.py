"""A client of the local service over its Unix socket, light enough for a command that answers at once."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode

from appliance.errors import RequestRefused, ServiceUnavailable


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Client:
    """Calls the API of the service that runs on one home.

    Raises (every call): ServiceUnavailable, RequestRefused with the service's own words.
    """

    def __init__(self, socket_path: Path, timeout: float = 600.0) -> None:
        self._path = socket_path
        self._timeout = timeout

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: Any) -> Any:
        """Send one request and return the decoded JSON answer; query values of None are left out. What a path
        cannot hold is escaped; only a slash in a name has to be before.
        """
        encoded = None if body is None else json.dumps(body).encode()
        with self._response(method, path, encoded, query) as response:
            return json.load(response)

    def upload(self, name: str, content: IO[bytes]) -> Any:
        """Store a document from an open file."""
        with self._response("POST", "/v1/items", content, {"name": name}) as response:
            return json.load(response)

    def download(self, what: str, target: IO[bytes]) -> None:
        """Write something of an item to `target`: "ITEM/original", "ITEM/pages/1"."""
        with self._response("GET", f"/v1/items/{what}", None, {}) as response:
            while piece := response.read(1 << 18):
                target.write(piece)

    @contextmanager
    def _response(
        self, method: str, path: str, body: bytes | IO[bytes] | None, query: Mapping[str, Any]
    ) -> Iterator[http.client.HTTPResponse]:
        given = {key: value for key, value in query.items() if value is not None}
        path = quote(path, safe="/%")
        with self.connection() as connection:
            connection.request(method, path + (f"?{urlencode(given)}" if given else ""), body)
            response = connection.getresponse()
            if response.status >= 400:
                raise _refusal(response)
            yield response

    @contextmanager
    def connection(self) -> Iterator[http.client.HTTPConnection]:
        """A connection for what is no plain call; whatever fails on it is ServiceUnavailable."""
        connection = _UnixConnection(self._path, self._timeout)
        try:
            yield connection
        except (OSError, http.client.HTTPException) as error:
            raise ServiceUnavailable(
                "no service answers",
                item=str(self._path.parent.parent),
                remedy="start it with: strongroom serve",
            ) from error
        finally:
            connection.close()


def _refusal(response: http.client.HTTPResponse) -> RequestRefused:
    try:
        told = json.load(response)
        return RequestRefused(
            told["error"],
            status=response.status,
            item=told["item"],
            remedy=told["remedy"],
            exit_code=told["exit_code"],
        )
    except (ValueError, KeyError, TypeError):
        return RequestRefused(f"HTTP status {response.status}", status=response.status)
