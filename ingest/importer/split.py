"""Which of the splitters takes which kind of container apart."""

from __future__ import annotations

from ingest.importer.archive import Budget, as_file, split_packed, split_tar, split_zip
from ingest.importer.kinds import Kind
from ingest.importer.mbox import split_mbox
from ingest.importer.messages import Job
from ingest.importer.pieces import Broken, File, Pieces
from ingest.importer.pst import pypff, split_pst


def warm() -> None:
    """Load the library of our own that is not loaded with this module."""
    pypff()


def split(container: File, job: Job) -> Pieces:
    """The messages of a container from the job's position on.

    Raises:
        Broken: it ends before its time; what came before holds.
    """
    budget = Budget(container.size)
    match job.kind:
        case Kind.MBOX:
            yield from split_mbox(container, job.position)
        case Kind.PST:
            yield from split_pst(as_file(container), job.position, job.leave_out)
        case Kind.ZIP:
            yield from split_zip(as_file(container), budget, job.position, 1)
        case Kind.TAR:
            yield from split_tar(container, budget, job.position, 1)
        case Kind.PACKED:
            yield from split_packed(container, job.name, budget, job.position)
        case _:
            raise Broken("this kind of file is not one that messages are read from")
