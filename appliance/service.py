"""The running service: its stages as supervised threads, its HTTP servers, and its report on itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator, Mapping

import uvicorn
from starlette.types import ASGIApp

from policy.errors import StrongroomError
from policy.priority import yield_to_answers
from store.ledger import Ledger

log = logging.getLogger("strongroom.service")

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_HEALTHY_AFTER_S = 60.0
_JOIN_S = 20.0
_DATE_S = 5.0  # so old may the date of an answer be

Stage = Callable[[threading.Event], None]


class Service:
    """Runs stages and servers until SIGTERM or SIGINT.

    Args:
        stages: by name, each a function that works until its event is set; one that fails is started again
            with back-off, and said so in `degraded`.
    """

    def __init__(self, stages: Mapping[str, Stage], ledger: Ledger) -> None:
        self._stages = stages
        self._servers: list[tuple[_Server, socket.socket]] = []
        self._ledger = ledger
        self._stop = threading.Event()
        self._failing: dict[str, str] = {}

    @property
    def degraded(self) -> list[str]:
        """Stages that failed lately, a line each."""
        return [f"{stage}: {what}" for stage, what in list(self._failing.items())]

    def show(self, listener: socket.socket, face: ASGIApp) -> None:
        """Serve an application on a listening socket, which was inherited, once `run` is called."""
        self._servers.append((_server(face), listener))

    def run(self) -> None:
        """Work until told to stop; every stage has ended when this returns, or was given up on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._ask_to_stop())
        threads = [
            threading.Thread(target=self._supervise, args=(name, stage), name=name, daemon=True)
            for name, stage in self._stages.items()
        ]
        for thread in threads:
            thread.start()
        try:
            asyncio.run(self._serve())
        finally:
            self._ask_to_stop()
            deadline = time.monotonic() + _JOIN_S
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
                if thread.is_alive():
                    log.warning("%s did not stop in time", thread.name)

    def _ask_to_stop(self) -> None:
        self._stop.set()
        self._ledger.poke()
        for server, _ in self._servers:
            server.end()

    async def _serve(self) -> None:
        log.info("ready")
        await asyncio.gather(*(server.serve(sockets=[sock]) for server, sock in self._servers))

    def _supervise(self, name: str, stage: Stage) -> None:
        yield_to_answers()
        pause = _FIRST_PAUSE_S
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                stage(self._stop)
                return
            except Exception as error:  # noqa: BLE001 the rim of a thread: nothing above could handle it
                what = str(error) if isinstance(error, StrongroomError) else type(error).__name__
                log.error("%s failed: %s", name, what)
                self._failing[name] = what
            pause = _FIRST_PAUSE_S if time.monotonic() - started > _HEALTHY_AFTER_S else pause * 2
            self._stop.wait(min(pause, _LONGEST_PAUSE_S))


class _Server(uvicorn.Server):
    """Waits for its end, at which uvicorn would look ten times a second: a third of a percent of a core."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Finish what is being answered, then end. From any thread; twice is once."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is over already
                self._loop.call_soon_threadsafe(self._ending.set)

    async def main_loop(self) -> None:
        """As uvicorn's, which also keeps the time that answers are dated with."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _DATE_S)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the handlers alone: signals belong to the service, which stops its stages too."""
        yield


def _server(application: ASGIApp) -> _Server:
    return _Server(
        uvicorn.Config(
            application,
            log_config=None,
            log_level="critical",  # its error log prints tracebacks, whose messages may quote a request
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=5,
            limit_concurrency=64,
        )
    )
