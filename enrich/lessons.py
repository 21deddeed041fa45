"""Keeps the learned heads up with the owner: fits them anew after each of his words, and says which items
they judge otherwise now.

All of it is in memory and made from the catalog: what is deleted there is forgotten here at the next look.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from enrich.document import Document
from enrich.documents import Documents
from enrich.learned import Space, learn
from enrich.proposals import Proposal, propose
from enrich.schema import Vocabulary
from enrich.taught import GIVEN, REFUSED, Taught
from enrich.traits import Traits
from store.catalog import Catalog
from store.corrections import Correction, Named
from store.errors import NoSuchItem
from store.records import Item, State

POOL = 2_000  # items whose traits are kept, the newest: they show what is common, and what goes together
EXAMPLES = 2_000  # words of the owner that are learned from, the last ones
NEW = 100  # items that are read before the pool is made up again
AGAIN = 50  # items that one lesson lets be read again; the others are judged anew when they are next read


_Judged = Mapping[Named, Mapping[str, Mapping[str, float]]]  # kind → item → name → chance


class _Fitted(NamedTuple):
    """What was learned from all that was said up to some moment."""

    said: tuple[int, int, int]
    taught: Taught | None


class Lessons:
    """The learned heads of a catalog. Thread-safe."""

    def __init__(self, catalog: Catalog, documents: Documents, vocabulary: Vocabulary) -> None:
        self._catalog = catalog
        self._documents = documents
        self._names = {
            Named.TAG: [tag.name for tag in vocabulary.tags],
            Named.PROJECT: [project.name for project in vocabulary.projects],
        }
        self._lock = threading.Lock()
        self._pool: dict[str, Traits] = {}
        self._new: dict[str, Traits] = {}  # what was read since the space was made
        self._space: Space | None = None  # of the pool
        self._fitted = _Fitted((0, 0, 0), None)
        self._judged: _Judged = {}
        self._again: dict[str, None] = {}

    def taught(self) -> Taught | None:
        """What was learned from all that the owner said up to now; None while he said nothing."""
        with self._lock:
            said = self._catalog.said_so_far()
            if said != self._fitted.said:
                self._fit(said)
            return self._fitted.taught

    def saw(self, document: Document) -> None:
        """Keep the traits of an item that was just read."""
        with self._lock:
            if self._fitted.taught is not None:
                self._new[document.item.id] = document.traits

    def to_read_again(self) -> list[str]:
        """Items that are judged otherwise since the owner's last words; each is told once."""
        self.taught()
        with self._lock:
            again, self._again = list(self._again), {}
        return again

    def proposals(self, kind: Named) -> list[Proposal]:
        """Tags or projects that there may be, from groups of items that have none; dismissed ones too."""
        with self._lock:
            self._filled(())
            pool = dict(self._pool)
        named = {item for item in pool if self._standing(item, kind)}
        return propose(pool, named, self._catalog.dismissed(kind), self._texts)

    def _texts(self, items: Sequence[str]) -> list[tuple[Item, str]]:
        found: list[tuple[Item, str]] = []
        for item in self._catalog.items_by_id(items).values():
            with contextlib.suppress(NoSuchItem):
                found.append((item, self._catalog.text(item.id)))
        return found

    def _fit(self, said: tuple[int, int, int]) -> None:
        corrections = self._catalog.corrections(EXAMPLES)
        if not corrections:
            self._fitted = _Fitted(said, None)
            self._pool, self._new, self._space, self._judged, self._again = {}, {}, None, {}, {}
            return
        space = self._filled({correction.item for correction in corrections})
        heads = {
            kind: learn(space, self._said(corrections, kind), names, exclusive=kind is Named.PROJECT)
            for kind, names in self._names.items()
        }
        self._fitted = _Fitted(said, Taught(space, heads[Named.TAG], heads[Named.PROJECT]))
        judged = {
            kind: dict(zip(self._pool, of.chances(space.pool), strict=True)) if of is not None else {}
            for kind, of in heads.items()
        }
        self._again |= dict.fromkeys(self._changed(self._judged, judged))
        self._judged = judged

    def _said(self, corrections: Iterable[Correction], kind: Named) -> dict[int, dict[str, bool]]:
        """What the owner said of items of the pool, by their places in it."""
        places = {item: place for place, item in enumerate(self._pool)}
        said: dict[int, dict[str, bool]] = {}
        for one in corrections:
            if one.kind is kind and one.item in places:
                said.setdefault(places[one.item], {})[one.name] = one.holds
        return said

    def _changed(self, before: _Judged, now: _Judged) -> list[str]:
        """The items of the pool that would get or lose a name, those first that are judged most otherwise
        than before.
        """
        found: dict[str, float] = {}
        for kind, items in now.items():
            for item, chances in items.items():
                was = before.get(kind, {}).get(item, {})
                changes = {
                    name: abs(chance - was.get(name, 0.0))
                    for name, chance in chances.items()
                    if _verdict(chance) is not _verdict(was.get(name))
                }
                standing = self._standing(item, kind) if changes else set()
                for name, change in changes.items():
                    if (name in standing) is not (_verdict(chances[name]) is True):
                        found[item] = max(change, found.get(item, 0.0))
        return sorted(found, key=found.__getitem__, reverse=True)[:AGAIN]

    def _standing(self, item: str, kind: Named) -> set[str]:
        """The names that an item has now; none, if it is gone."""
        try:
            if kind is Named.TAG:
                return {tag.name for tag in self._catalog.tags_of(item)}
            return {link.project for link in self._catalog.links(item=item)}
        except NoSuchItem:
            return set()

    def _filled(self, examples: Collection[str]) -> Space:
        """The space of the newest items and all examples, and of nothing that was deleted. It is made anew
        only where it must be, or once enough has come in: a lesson after a lesson takes no longer than that.
        """
        known = self._pool.keys() | self._new.keys()
        gone = known - self._catalog.existing(known)
        for item in gone:
            self._pool.pop(item, None)
            self._new.pop(item, None)
        if self._space is None or gone or len(self._new) > NEW or not self._pool.keys() >= set(examples):
            self._fill(examples)
            self._space = Space(list(self._pool.values()))
        return self._space

    def _fill(self, examples: Iterable[str]) -> None:
        newest = self._catalog.items(state=State.ENRICHED, limit=POOL)
        wanted = {item.id: item for item in newest} | self._catalog.items_by_id(list(examples))
        known = self._pool | self._new
        self._pool, self._new = {item: known[item] for item in wanted if item in known}, {}
        for item in wanted.values():
            if item.id not in self._pool:
                with contextlib.suppress(NoSuchItem):
                    self._pool[item.id] = self._documents.load(item).traits


def _verdict(chance: float | None) -> bool | None:
    """Whether a head gives a name or takes it away; None: neither."""
    if chance is None or REFUSED <= chance < GIVEN:
        return None
    return chance >= GIVEN
