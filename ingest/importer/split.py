"""Which of the splitters takes which kind of container apart."""

from __future__ import annotations

from ingest.importer.kinds import Kind
from ingest.importer.mbox import split_mbox
from ingest.importer.messages import Job
from ingest.importer.pieces import Broken, File, Pieces


def warm() -> None:
    """Load the libraries that need files, before none may be opened for writing."""


def split(container: File, job: Job) -> Pieces:
    """The messages of a container from the job's position on.

    Raises:
        Broken: it ends before its time; what came before holds.
    """
    match job.kind:
        case Kind.MBOX:
            yield from split_mbox(container, job.position)
        case _:
            raise Broken("this kind of file is not one that messages are read from")
