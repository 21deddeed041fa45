"""Waiting for news of a folder: IDLE (RFC 2177), renewed in time; where it is missing, NOOP now and then."""

from __future__ import annotations

import time

from ingest.connector.engine import Engine
from ingest.connector.line import Allowance
from ingest.connector.messages import REQUEST, Failure, Idle, Wake, Woken
from ingest.errors import RemoteFailed
from policy.limits import MIB
from policy.wire import Wire, WireError

_RENEW_S = 25 * 60.0  # servers may end a connection that was silent for 30 minutes, RFC 3501 says
_SHORT_S = 60.0  # whoever ends IDLE sooner does not mean it


class Idler:
    """Waits, and learns how long this account's server puts up with it."""

    def __init__(self, core: Wire) -> None:
        self._core = core
        self._renew_s = _RENEW_S

    def idle(self, engine: Engine, request: Idle, timeout_s: float, *, offered: bool) -> Woken:
        """Wait until the folder changed, the core wakes us, or the time is up."""
        until = time.monotonic() + request.seconds
        woken = False
        while not (engine.changed or woken) and (left := until - time.monotonic()) > 0:
            if offered:
                began = time.monotonic()
                woken, ended = self._listen(engine, min(left, self._renew_s), timeout_s)
                offered = not ended or time.monotonic() - began > _SHORT_S
            else:
                woken = self._poll(engine, min(left, request.poll_s), timeout_s)
        changed, engine.changed = engine.changed, False
        return Woken(changed=changed)

    def _listen(self, engine: Engine, seconds: float, timeout_s: float) -> tuple[bool, bool]:
        """One IDLE: (the core woke us, the server ended or refused it)."""
        line, began, woken = engine.line, time.monotonic(), False
        line.allow(Allowance(timeout_s))
        tag = engine.begin("IDLE")
        while not engine.is_done(tag) and engine.hear():
            pass
        line.allow(Allowance(timeout_s, reply_bytes=8 * MIB))
        try:
            while not (engine.changed or engine.is_done(tag) or woken):
                spoke, woken = line.wait(began + seconds - time.monotonic())
                if spoke:
                    engine.hear()
                    engine.untagged_responses.clear()
                elif woken:
                    self._take_wake()
                else:
                    break
        except RemoteFailed as fault:
            silent_s = time.monotonic() - began
            if fault.failure is Failure.CLOSED and silent_s > _SHORT_S:
                self._renew_s = max(_SHORT_S, 0.75 * silent_s)
            raise
        ended = engine.is_done(tag)
        line.allow(Allowance(timeout_s))
        if not ended:
            line.send(b"DONE\r\n")
        engine.finish(tag)
        return woken, ended

    def _poll(self, engine: Engine, seconds: float, timeout_s: float) -> bool:
        """One pause and one NOOP; True: the core woke us."""
        engine.line.allow(Allowance(timeout_s))
        spoke, woken = engine.line.wait(seconds)
        if woken:
            self._take_wake()
        engine.line.allow(Allowance(timeout_s))
        if spoke:
            engine.hear()
            engine.untagged_responses.clear()
        elif not woken:
            engine.ask("NOOP")
        return woken

    def _take_wake(self) -> None:
        request, _ = self._core.receive(REQUEST)
        if not isinstance(request, Wake):
            raise WireError("the core asks before it was answered")
