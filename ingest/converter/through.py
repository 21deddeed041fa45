"""From a document that the parser cannot read, through the converter, to the reading of what it became."""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec

from ingest.converter.convert import Converter
from ingest.converter.messages import CONVERSIONS
from ingest.errors import ConversionFailed, ConverterUnavailable, ParserLied
from ingest.sandbox.messages import Job, Reply


def read_converted(
    converter: Converter, untrusted_first: Reply, job: Job, document: int, read: Callable[[Job, int], Reply]
) -> Reply:
    """What is in a document for which the parser's answer was that it must be converted.

    Args:
        job: the one that was answered.
        document: its descriptor; stays the caller's.
        read: has the parser read a document; its answer is as untrusted as the first.

    Raises:
        ParserError: it could not be converted or read, this time.
        PoolDown: not this document's doing.
    """
    kind, media_type = untrusted_first.convert, untrusted_first.media_type
    if kind not in CONVERSIONS:
        raise ParserLied("the parser asked for a conversion that is none")
    try:
        converted = converter.convert(document, kind, job.password)
    except ConverterUnavailable as error:
        return Reply(media_type=media_type, reason="UNSUPPORTED", detail=str(error))
    except ConversionFailed as error:
        if job.password is not None:
            return Reply(
                media_type=media_type, reason="NEEDS_PASSWORD", detail="the password does not open it"
            )
        return Reply(media_type=media_type, reason="TRUNCATED", detail=error.what)
    try:
        name = f"{job.name.rpartition('.')[0] or job.name}.{CONVERSIONS[kind].target}"
        untrusted_reply = read(Job(name=name, ocr_languages=job.ocr_languages), converted)
    finally:
        os.close(converted)
    missing = "; ".join(part for part in (untrusted_first.partial, untrusted_reply.partial) if part)
    return msgspec.structs.replace(
        untrusted_reply, media_type=media_type, convert=None, scans=[], partial=missing or None
    )
