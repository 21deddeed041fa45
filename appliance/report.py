"""What the service says of itself: counts, queues, processes, and what the guard saw."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.guard import GuardClient, Report
from appliance.operations import ProcessStatus, ReadingNow, Status
from ingest.intake import Intake
from ingest.parse import ParseStage
from ingest.sandbox.pool import Pool
from policy.limits import MIB
from policy.wire import WireError
from store.errors import NoSuchItem
from store.vault import Vault

VERSION = "0.1.0"

_COUNTED = 1_000_000  # the status is asked for every second
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Reporter:
    """Gathers a `Status`; nothing of it is kept.

    Args:
        model_pid: the model process, or None while there is none.
        layers: of confinement, of each kind of process that told them.
        degraded: lines on what does not work as it should.
    """

    def __init__(
        self,
        vault: Vault,
        intake: Intake,
        pool: Pool,
        parse: ParseStage,
        guard: GuardClient,
        model_pid: Callable[[], int | None],
        layers: Callable[[], dict[str, tuple[str, ...]]],
        degraded: Callable[[], list[str]],
        url: str | None,
    ) -> None:
        self._vault = vault
        self._intake = intake
        self._pool = pool
        self._parse = parse
        self._guard = guard
        self._model_pid = model_pid
        self._layers = layers
        self._degraded = degraded
        self._url = url

    def status(self) -> Status:
        """How the appliance is at this moment."""
        tally, guard = self._intake.tally(), self._ask_guard()
        return Status(
            version=VERSION,
            items={str(state): count for state, count in self._vault.ledger.counts().items()},
            reasons={str(reason): count for reason, count in self._vault.ledger.reasons().items()},
            partly=self._vault.ledger.partly(),
            reading=self._reading(),
            waiting=self._vault.ledger.waiting(_COUNTED),
            unembedded=self._vault.catalog.unembedded_count(),
            paused=self._intake.paused,
            intake={"stored": tally.stored, "duplicates": tally.duplicates},
            refused=[f"{place}: {why}" for place, why in tally.refused.items()],
            degraded=self._degraded(),
            processes=self._processes(guard.processes if guard else ()),
            layers=self._layers(),
            report_key=self._vault.reports.public,
            egress=guard.egress if guard else None,
            url=self._url,
        )

    def _reading(self) -> list[ReadingNow]:
        now, found = time.time(), []
        for one in self._parse.reading():
            per_s = one.done / max(now - one.since, 0.001)
            left = one.total - one.done if one.total is not None and one.done else None
            with contextlib.suppress(NoSuchItem):  # deleted a moment ago
                found.append(
                    ReadingNow(
                        item=one.item,
                        name=self._vault.catalog.item(one.item).name,
                        done=one.done,
                        total=one.total,
                        per_s=round(per_s, 2),
                        eta_s=None if left is None else round(left / per_s),
                    )
                )
        return found

    def _processes(self, started: Sequence[tuple[str, int]]) -> list[ProcessStatus]:
        own = os.getpid()
        found = [
            ProcessStatus(role="guard", pid=os.getppid(), rss_mib=resident_mib(os.getppid())),
            ProcessStatus(role="core", pid=own, rss_mib=resident_mib(own)),
        ]
        if (model := self._model_pid()) is not None:
            found.append(ProcessStatus(role="model", pid=model, rss_mib=resident_mib(model)))
        found += [
            ProcessStatus(role="parser", pid=one.pid, rss_mib=one.rss / MIB, busy=one.busy_since is not None)
            for one in self._pool.workers()
        ]
        found += [ProcessStatus(role=role, pid=pid, rss_mib=resident_mib(pid)) for role, pid in started]
        return found

    def _ask_guard(self) -> Report | None:
        try:
            return self._guard.report()
        except WireError:
            return None


def resident_mib(pid: int) -> float:
    """Resident memory of a process in MiB, 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / MIB
    except (OSError, IndexError, ValueError):
        return 0.0
