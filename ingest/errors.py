"""The ingest room's errors.

IngestError
├── ParserError            this document could not be read by a worker; worth one more attempt
│   ├── ParserCrash        the worker died
│   ├── ParserTimeout      it took too long, by the clock or in processor time
│   ├── ParserOverMemory   it died for want of memory
│   └── ParserLied         it sent what no honest worker sends
├── PageNotDrawn           a page cannot be shown as a picture
├── ConversionFailed       LibreOffice cannot open this document
├── ConverterUnavailable   no document of this kind can be converted on this machine
├── PoolDown               no worker can be had; no document's fault
├── MailError              a mail account cannot be read now; others can
│   ├── AccountError       what is said of it in strongroom.toml makes no sense
│   ├── ConnectorRefused   no connector can be had for it
│   └── RemoteFailed       the server, or the way to it, failed; `failure` says how
├── SplitterGone           the process that takes a mailbox apart died, lied or fell silent
├── ImportFailed           a file of messages cannot be imported, or not any further
└── SourceError            a document cannot be taken now; it stays where it is
    └── NotWhole           it vanished or changed meanwhile; nobody need hear of it
"""

from __future__ import annotations

from ingest.connector.messages import Failure
from policy.errors import StrongroomError


class IngestError(StrongroomError):
    """Something from the outside could not be brought into the store."""


class ParserError(IngestError):
    """A worker did not answer for a document as it must. The worker is gone, the pool is not."""

    retryable = True


class ParserCrash(ParserError):
    """The worker died over the document: a signal, an exit, no memory."""


class ParserTimeout(ParserError):
    """The worker was ended for taking too long."""


class ParserOverMemory(ParserError):
    """The worker died when it had nearly as much memory as it may have: libraries that get none abort."""


class ParserLied(ParserError):
    """The worker broke the protocol: treat it as taken over."""


class PageNotDrawn(IngestError):
    """A document has no such page, or its pages cannot be seen."""


class ConversionFailed(IngestError):
    """LibreOffice was asked to convert this document and could not open it."""


class ConverterUnavailable(IngestError):
    """LibreOffice is not installed, or cannot be confined here."""


class PoolDown(IngestError):
    """The parser process could not be started, died, or is closed. The document was not the cause."""

    retryable = True


class MailError(IngestError):
    """A mail account cannot be read, for now or until its owner does something."""

    retryable = True


class AccountError(MailError, ValueError):
    """What is said of an account cannot be right."""

    retryable = False


class ConnectorRefused(MailError):
    """No connector was started for this account."""


class RemoteFailed(MailError):
    """A request to a mail server failed.

    Args:
        failure: what went wrong, for code.
        what: what went wrong, for the owner; it may quote the server and is one line.
    """

    def __init__(self, failure: Failure, what: str, *, remedy: str | None = None) -> None:
        super().__init__(what, remedy=remedy)
        self.failure = failure


class SplitterGone(IngestError):
    """The process that takes a file of messages apart died, broke the protocol or fell silent."""

    retryable = True


class ImportFailed(IngestError):
    """A file of messages cannot be imported, or not any further. What is stored of it stays."""


class SourceError(IngestError):
    """A document cannot be taken from its source (or not be removed there). It stays where it is."""

    retryable = True


class NotWhole(SourceError):
    """What was offered vanished or changed before it was wholly read. It is offered again when whole."""
