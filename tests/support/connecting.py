"""The core's place at a real connector: ask, and be answered."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ingest.connector.launch import Pair
from ingest.connector.messages import (
    FRAME_BYTES,
    REPLY,
    Authentication,
    Examine,
    Failed,
    Failure,
    Reply,
    Request,
    Security,
    SignedIn,
    SignIn,
)
from policy.egress import Watch
from policy.wire import Wire
from tests.support.liar_server import PASSWORD, TOKEN, USER, Honest, Server

HANGS_S = 60.0  # no answer is so late on any machine unless the connector hangs


class Core:
    """One connector and our end of the wire to it."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.watch = Watch()
        self.pair = Pair(host, port, self.watch)
        self.pair.core.settimeout(HANGS_S)
        self.wire = Wire(self.pair.core, FRAME_BYTES)

    def ask(self, request: Request) -> Reply:
        """One request and its reply."""
        self.wire.send(request)
        return self.wire.receive(REPLY)[0]

    def sign_in(
        self,
        authentication: Authentication = Authentication.LOGIN,
        *,
        security: Security = Security.NONE,
        secret: str | None = None,
        user: str = USER,
        timeout_s: float = 20.0,
        pin: str | None = None,
        ca: bytes | None = None,
    ) -> SignedIn | Failed:
        """Connect and log in to the liar, with what it takes for right."""
        if secret is None:
            secret = TOKEN if authentication is Authentication.XOAUTH2 else PASSWORD
        reply = self.ask(
            SignIn(
                host=self.host,
                user=user,
                secret=secret.encode(),
                security=security,
                authentication=authentication,
                timeout_s=timeout_s,
                pin=pin,
                ca=ca,
            )
        )
        assert isinstance(reply, SignedIn | Failed)
        return reply


@contextlib.contextmanager
def connector(port: int, host: str = "127.0.0.1") -> Iterator[Core]:
    """A real connector that can reach one port of this machine."""
    core = Core(host, port)
    try:
        yield core
    finally:
        core.wire.close()
        core.pair.end()
        core.watch.close()


def failure(reply: Reply) -> Failure | None:
    """What went wrong; None: nothing."""
    return reply.failure if isinstance(reply, Failed) else None


def opened(server: Server, core: Core, script: Honest, *, timeout_s: float = 20.0) -> Reply:
    """Sign in to a server of this kind and open its folder."""
    server.script = script
    assert isinstance(core.sign_in(timeout_s=timeout_s), SignedIn)
    return core.ask(Examine(folder="INBOX"))
