"""Keeps enrichment up with the ledger: reads what is INDEXED, newest first, and stores what readers found.

One failing item never stops the others. Where the preferred reader fails, the next one reads the item, in a
run of its own that says so; its items are read again when the preferred reader has had time to recover. When
nothing waits, what an earlier version of the reader spoke of is read anew.

As many items are read side by side as the preferred reader wants: a language model decodes them together.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from enrich.claims import find_claims
from enrich.document import Document
from enrich.documents import Documents
from enrich.errors import EnrichError, ModelAway, ModelRefused
from enrich.follow_ups import related
from enrich.lessons import AGAIN, Lessons
from enrich.projects import SURE
from enrich.reader import Reader
from index.turns import give_way
from policy.priority import yield_to_answers
from store.errors import NoSuchItem
from store.records import Findings, Item, State
from store.vault import Vault

log = logging.getLogger("strongroom.enrich")

BATCH = 8  # items asked for at a time; small, so that what arrives meanwhile is read first
FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 6 * 3600.0
_INSTEAD = " instead of "


class EnrichStage:
    """The last stage of an item's way.

    Args:
        vault: the open home.
        readers: in order of preference; the last one is the built-in reader, which never fails as a whole.
        documents: as what the items of the vault are read.
        lessons: what the first reader learns from; None if it learns nothing.
    """

    def __init__(
        self, vault: Vault, readers: Sequence[Reader], documents: Documents, lessons: Lessons | None = None
    ) -> None:
        self._vault = vault
        self._readers = tuple(readers)
        self._documents = documents
        self._lessons = lessons
        self._again: dict[str, None] = {}  # items that were read, and would be read otherwise now
        self._told: set[tuple[str, str]] = set()  # conversations that were found to be of a project
        self._runs: dict[tuple[str, bool], int] = {}
        self._waiting: dict[str, _Pause] = {}  # items that no reader could read
        self._recovery = _Pause()  # of the preferred reader
        self._refused: set[str] = set()
        self._away = False  # the model's process: not asked again before it has had time to recover
        self._state = threading.Lock()  # guards all these while items are read side by side
        self._last_turn = threading.Lock()  # of the built-in reader, which computes in this process
        at_once = max(reader.at_once for reader in readers)
        self._reading = ThreadPoolExecutor(at_once, "read", initializer=yield_to_answers)

    def run(self, stop: threading.Event) -> None:
        """Read until `stop` is set; `ledger.poke()` wakes it to look."""
        self._undo_earlier_fallbacks()
        ledger = self._vault.ledger
        while not stop.is_set():
            seen = ledger.sequence
            self._undo_fallback_when_due()
            if not (self.step(stop) or self.renew(stop)):
                ledger.wait(seen, self._pause())

    def step(self, stop: threading.Event) -> int:
        """Read one batch; returns how many items got their findings."""
        pending = self._vault.ledger.pending(State.INDEXED, BATCH, exclude=self._resting())
        return self._each(pending or self._to_read_again(), stop)

    def renew(self, stop: threading.Event) -> int:
        """Read one batch of items anew of which another reader spoke, or another version of it, unless the
        owner took that back; returns how many.
        """
        if self._away or self._recovery.running:
            return 0
        usable = next((reader for reader in self._readers if reader.name not in self._refused), None)
        if usable is None:
            return 0
        run = self._run_of(usable, fallback=usable is not self._readers[0])
        return self._each(self._vault.catalog.stale(run, BATCH, exclude=self._resting()), stop)

    def _resting(self) -> list[str]:
        now = time.monotonic()
        return [item for item, pause in self._waiting.items() if pause.until > now]

    def _each(self, items: Sequence[Item], stop: threading.Event) -> int:
        def read(item: Item) -> bool:
            if stop.is_set():
                return False
            began = time.monotonic()
            done = self._enrich(item)
            give_way(self._vault.ledger, time.monotonic() - began, stop)
            return done

        return sum(self._reading.map(read, items))

    def _to_read_again(self) -> list[Item]:
        """A batch of what was read before, and would be read otherwise now."""
        if self._lessons is not None:
            self._again |= dict.fromkeys(self._lessons.to_read_again())
        some = list(self._again)[:BATCH]
        for item in some:
            del self._again[item]
        found = self._vault.catalog.items_by_id(some).values()
        return [item for item in found if item.state is State.ENRICHED]

    def _tell_conversation(self, item: Item, findings: Findings) -> None:
        """Once a message surely is of a project, the others of its conversation are read again."""
        for link in findings.links:
            told = (item.thread or "", link.project)
            if link.confidence >= SURE and item.thread and told not in self._told:
                self._told.add(told)
                self._again |= dict.fromkeys(self._vault.catalog.thread(item.thread)[:AGAIN])
                self._again.pop(item.id, None)

    def _enrich(self, item: Item) -> bool:
        try:
            document = self._documents.load(item)
            findings, run = self._read(document)
            if item.thread is not None:  # elsewhere nobody answers
                claims = find_claims(document)
                findings = msgspec.structs.replace(findings, claims=claims)
            self._vault.catalog.save_findings(item.id, run, findings, related)
            if self._lessons is not None:
                self._lessons.saw(document)
                self._tell_conversation(item, findings)
        except NoSuchItem:  # deleted meanwhile
            with self._state:
                self._waiting.pop(item.id, None)
            return False
        except Exception as error:  # noqa: BLE001 - a stranger's text must not stop the others' reading
            log.warning("%s could not be read for meaning: %s", item.id, type(error).__name__)
            with self._state:
                self._waiting.setdefault(item.id, _Pause()).begin()
            return False
        with self._state:
            self._waiting.pop(item.id, None)
        return True

    def _read(self, document: Document) -> tuple[Findings, int]:
        """The findings of the first reader that manages, and its run."""
        *preferred, last = self._readers
        for reader in preferred:
            if reader.name in self._refused or self._away:
                continue
            try:
                findings = reader.read(document)
            except ModelRefused as error:
                log.error("%s is not used: %s", reader.name, error)
                with self._state:
                    self._refused.add(reader.name)
            except EnrichError as error:
                log.warning("%s: %s failed: %s", document.item.id, reader.name, type(error).__name__)
                with self._state:
                    self._away |= isinstance(error, ModelAway)
                    if not self._recovery.running:
                        self._recovery.begin()
            else:
                return findings, self._run_of(reader, fallback=False)
        with self._last_turn:
            return last.read(document), self._run_of(last, fallback=bool(preferred))

    def _run_of(self, reader: Reader, *, fallback: bool) -> int:
        """The run of a reader; what it says in another's place is a run of its own."""
        key = (reader.name, fallback)
        with self._state:
            if key not in self._runs:
                version = reader.version + (f"{_INSTEAD}{self._readers[0].name}" if fallback else "")
                self._runs[key] = self._vault.catalog.run_by(reader.name, version, time.time()).id
            return self._runs[key]

    def _undo_earlier_fallbacks(self) -> None:
        """What an earlier process read in the place of a reader that is here again is read anew."""
        for run in self._vault.catalog.runs():
            if len(self._readers) > 1 and run.version.endswith(_INSTEAD + self._readers[0].name):
                self._vault.catalog.reread_run(run.id)

    def _undo_fallback_when_due(self) -> None:
        if not self._recovery.over:
            return
        self._recovery.running = self._away = False
        run = self._runs.get((self._readers[-1].name, True))
        if run is not None and self._readers[0].name not in self._refused:
            self._vault.catalog.reread_run(run)

    def _pause(self) -> float | None:
        """Seconds until something is to be tried again; None: only news matter."""
        ends = [pause.until for pause in self._waiting.values()]
        if self._recovery.running:
            ends.append(self._recovery.until)
        return max(0.05, min(ends) - time.monotonic()) if ends else None


class _Pause:
    """A wait that doubles each time it is begun."""

    def __init__(self) -> None:
        self.until = 0.0
        self.running = False
        self._seconds = FIRST_PAUSE_S

    def begin(self) -> None:
        self.until = time.monotonic() + self._seconds
        self._seconds = min(self._seconds * 2, LONGEST_PAUSE_S)
        self.running = True

    @property
    def over(self) -> bool:
        return self.running and time.monotonic() >= self.until
