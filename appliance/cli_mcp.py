"""The command that a client of the Model Context Protocol starts: it carries each line of standard input to
the service, and each answer back. What the messages say is the matter of `mcp.py`, which runs in the service.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from appliance.cli_group import Arguments
from appliance.client import Client
from appliance.errors import ServiceUnavailable
from policy.limits import Limits

_AT_ONCE = 8  # messages on their way; more wait in the pipe
_INTERNAL_ERROR = -32603


class McpCommand:
    """The command over a client of the service.

    Args:
        client: a client of the service that the arguments name.
    """

    def __init__(self, client: Callable[[Arguments], Client]) -> None:
        self._client = client

    def declare(self, command: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the command to the parser; `command` makes one."""
        command("mcp", self.run, "let an MCP client search and read: it starts this, and speaks JSON lines")

    def run(self, arguments: Arguments) -> None:
        """`mcp`: until standard input ends."""
        Bridge(self._client(arguments), sys.stdin.buffer, sys.stdout.buffer).run()


class Bridge:
    """Carries messages between two streams and the service, several at once."""

    def __init__(self, client: Client, lines: BinaryIO, out: BinaryIO) -> None:
        self._client = client
        self._lines = lines
        self._out = out
        self._writing = threading.Lock()
        self._free = threading.Semaphore(_AT_ONCE)
        self._going: dict[object, _Exchange] = {}  # by the id of their request
        self._version: str | None = None  # that a handshake agreed on
        self._down: ServiceUnavailable | None = None  # at the last message

    def run(self) -> None:
        """Return when the lines have ended and every request is answered.

        Raises:
            ServiceUnavailable: for the last of them, too, there was no service.
        """
        threads: list[threading.Thread] = []
        while line := self._line():
            exchange = _Exchange(line)
            if exchange.method == "notifications/cancelled":
                self._cancel(exchange)
            elif exchange.method == "initialize":
                self._agree(self._carry(exchange))  # before the next message, which must name its version
            else:
                self._free.acquire()
                self._going[exchange.id] = exchange
                threads = [thread for thread in threads if thread.is_alive()]
                threads.append(threading.Thread(target=self._carry_aside, args=(exchange,), daemon=True))
                threads[-1].start()
        for thread in threads:
            thread.join()
        if self._down:
            raise self._down

    def _line(self) -> bytes:
        """The next line that is not blank; of one that is too long, what shows the service that it is."""
        most = Limits.message_bytes + 1
        while line := self._lines.readline(most):
            end = line
            while len(end) == most and not end.endswith(b"\n"):
                end = self._lines.readline(most)
            if line.strip():
                return line
        return b""

    def _cancel(self, told: _Exchange) -> None:
        params = told.message.get("params")
        if isinstance(params, dict) and isinstance(asked := params.get("requestId"), str | int):
            with contextlib.suppress(KeyError):
                self._going[asked].cancel()

    def _agree(self, answer: bytes) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            self._version = str(json.loads(answer)["result"]["protocolVersion"])

    def _carry_aside(self, exchange: _Exchange) -> None:
        try:
            self._carry(exchange)
        finally:
            if self._going.get(exchange.id) is exchange:
                del self._going[exchange.id]
            self._free.release()

    def _carry(self, exchange: _Exchange) -> bytes:
        """Bring a message to the service and its answer back, which is returned too."""
        answer, self._down = b"", None
        try:
            answer = self._asked(exchange)
        except ServiceUnavailable as error:
            if not exchange.cancelled:
                self._down = error
                answer = exchange.error(str(error))
        if answer and not exchange.cancelled:
            with self._writing:
                self._out.write(answer + b"\n")
                self._out.flush()
        return answer

    def _asked(self, exchange: _Exchange) -> bytes:
        """What the service answers.

        Raises:
            ServiceUnavailable
        """
        headers = {"Content-Type": "application/json"}
        if self._version:
            headers["MCP-Protocol-Version"] = self._version
        with self._client.connection() as connection:
            exchange.connection = connection
            connection.request("POST", "/mcp", exchange.line, headers)
            if exchange.cancelled:  # before there was a connection to end
                return b""
            response = connection.getresponse()
            answer = response.read()
        if answer and (response.status >= 500 or response.getheader("content-type") != "application/json"):
            return exchange.error(f"the service answers with HTTP status {response.status}")
        return answer


class _Exchange:
    """One message on its way."""

    def __init__(self, line: bytes) -> None:
        self.line = line
        self.cancelled = False
        self.connection: http.client.HTTPConnection | None = None
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None  # the service says what is wrong with it
        self.message: dict[str, Any] = message if isinstance(message, dict) else {}
        self.method = self.message.get("method")
        told = self.message.get("id")
        self.id = told if isinstance(told, str | int) else None

    def cancel(self) -> None:
        """Nobody waits for the answer: by the end of the connection the service learns so."""
        self.cancelled = True
        if self.connection is not None and isinstance(sock := self.connection.sock, socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def error(self, what: str) -> bytes:
        """The answer when the service gives none; empty for a notification."""
        if self.method is not None and "id" not in self.message:
            return b""
        error = {"code": _INTERNAL_ERROR, "message": what}
        return json.dumps({"jsonrpc": "2.0", "id": self.id, "error": error}).encode()
