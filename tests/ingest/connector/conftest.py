"""One liar and one connector to it for each module: whatever a test did, the next sign-in must work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingest.connector.messages import (
    Examine,
    Opened,
    SignedIn,
)
from tests.support.connecting import Core, connector
from tests.support.liar_server import Honest, Server, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(Honest()) as started:
        yield started


@pytest.fixture(scope="module")
def core(server: Server) -> Iterator[Core]:
    with connector(server.port) as started:
        yield started


@pytest.fixture(autouse=True)
def _next_sign_in_works(server: Server, core: Core) -> Iterator[None]:
    """Whatever a test did, the next conversation is as if nothing had been."""
    yield
    server.script = Honest()
    assert isinstance(core.sign_in(), SignedIn)
    assert isinstance(core.ask(Examine(folder="INBOX")), Opened)
