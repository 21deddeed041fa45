"""Starting the two processes of one account's connector; what they can reach is fixed here for their life."""

from __future__ import annotations

import contextlib
import socket
import threading

from policy import children
from policy.confine import TABLE
from policy.egress import Watch


class Pair:
    """A dialer and a connector; they end when the core's end of the wire is closed, and with their parent.

    Args:
        host, port: the one place that this pair can reach.
        watch: refuses and counts what the connector attempts. The dialer is free to.
    """

    def __init__(self, host: str, port: int, watch: Watch) -> None:
        self.core, theirs = socket.socketpair()  # the core's end of the conversation with the connector
        ask, answer = socket.socketpair()
        self._dialer = children.spawn("ingest.connector.dialer", wires=[answer], arguments=[host, str(port)])
        greeting, greets = socket.socketpair()
        self._connector = children.spawn("ingest.connector.worker", wires=[theirs, ask, greets], watched=True)
        tend = threading.Thread(
            target=self._tend, args=(greeting, watch), name="tends-connector", daemon=True
        )
        tend.start()

    def processes(self) -> list[tuple[str, int]]:
        """Role and process id of those that run."""
        roles = (("connector", self._connector), ("dialer", self._dialer))
        return [(role, process.pid) for role, process in roles if process.returncode is None]

    def end(self) -> None:
        """End both now."""
        for process in (self._connector, self._dialer):
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    def _tend(self, greeting: socket.socket, watch: Watch) -> None:
        with greeting:
            watch.take_over(greeting, TABLE["connector"].title)
        self._connector.wait()
        self._dialer.wait()


def start(host: str, port: int) -> socket.socket:
    """Start a connector that can reach one host and port, and nothing else, under a watch of its own.

    Returns:
        The core's end; frames of `ingest/connector/messages.py`. Closing it ends both processes.
    """
    return Pair(host, port, Watch()).core
