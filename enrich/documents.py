"""Loads an item with all that a reader may look at."""

from __future__ import annotations

import numpy as np

from enrich.document import Document
from enrich.projects import SURE
from index.embed import Embedder, Single
from index.errors import EmbedderDown
from store.catalog import Catalog
from store.records import Item


class Documents:
    """Items of a catalog as documents.

    Args:
        embedder: whose vectors the passages have; None loads without vectors.
    """

    def __init__(self, catalog: Catalog, embedder: Embedder | None) -> None:
        self._catalog = catalog
        self._embedder = embedder

    def load(self, item: Item) -> Document:
        """One item as it stands now.

        Raises:
            NoSuchItem: it was deleted meanwhile.
        """
        return Document(
            item=item,
            text=self._catalog.text(item.id),
            elements=tuple(self._catalog.elements(item.id)),
            passages=tuple(self._catalog.passages_of(item.id)),
            vectors=self._vectors(item.id),
            conversation=self._catalog.projects_of_thread(item, SURE),
        )

    def _vectors(self, item: str) -> dict[int, Single]:
        """Of the item's passages; none while the embedder has not said which model it is."""
        if self._embedder is None:
            return {}
        try:
            identity = self._embedder.identity
        except EmbedderDown:
            return {}
        rows = self._catalog.vectors_of(item, identity)
        return {passage: np.frombuffer(raw, "<f2").astype(np.float32) for passage, raw in rows}
