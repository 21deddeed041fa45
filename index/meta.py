"""What `meta.json`, Tantivy's list of its segments, says, and how to let it write segments anew: the binding
has no call for that.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import msgspec

_FILES = ("store", "term", "idx", "pos", "fast", "fieldnorm")
META = "meta.json"
_MERGED_TOGETHER = 8  # segments of a like size: Tantivy's LogMergePolicy, which the binding cannot change


class _Deletes(msgspec.Struct, frozen=True):
    num_deleted_docs: int
    opstamp: int


class Segment(msgspec.Struct, frozen=True):
    """A live segment."""

    segment_id: str
    max_doc: int  # documents, with those removed
    deletes: _Deletes | None

    @property
    def files(self) -> list[str]:
        """The names of its files."""
        stem = self.segment_id.replace("-", "")
        gone = [f"{stem}.{self.deletes.opstamp}.del"] if self.deletes else []
        return [f"{stem}.{kind}" for kind in _FILES] + gone

    @property
    def tombstones(self) -> int:
        """Documents that are removed and whose words are still there."""
        return self.deletes.num_deleted_docs if self.deletes else 0


class _Meta(msgspec.Struct, frozen=True):
    segments: list[Segment]


def read_segments(folder: Path) -> list[Segment]:
    """The segments of the last commit or merge."""
    return msgspec.json.decode((folder / META).read_bytes(), type=_Meta).segments


def ask_for_merge(folder: Path, segments: Collection[Segment]) -> int:
    """Have those of an index that is not open merged, as soon as it is opened and as many further segments
    are committed as this returns.

    Tantivy merges segments whose counts of live documents are alike. It takes these from `meta.json`, where
    they only serve this choice: what lives is read from the segment's own list of the deleted. So where one
    document is said to live, the segment is merged with all that are small, and the removed ones go.
    """
    meta = json.loads((folder / META).read_bytes())
    chosen = {segment.segment_id for segment in segments}
    for entry in meta["segments"]:
        if entry["segment_id"] in chosen:
            entry["deletes"]["num_deleted_docs"] = entry["max_doc"] - 1
    (folder / META).write_text(json.dumps(meta))
    # The policy goes from large to small, so that all that are no larger join the largest of these.
    largest = max(segment.max_doc for segment in segments)
    joined = sum(segment.max_doc <= largest for segment in read_segments(folder))
    return max(0, _MERGED_TOGETHER - joined)
