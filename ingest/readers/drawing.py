"""A page of a document as pixels, for the owner to look at. How a page is drawn is left to
`ingest/readers/picture.py`.
"""

from __future__ import annotations

from typing import BinaryIO

from ingest.readers import picture
from ingest.readers.draft import Document
from ingest.readers.errors import UnreadableDocument
from ingest.sandbox.messages import Draw, Drawn, Job
from policy.limits import Limits


def draw(stream: BinaryIO, order: Draw, pixels: BinaryIO, limits: Limits) -> Drawn:
    """Draw one page of a document into `pixels`, or say why it cannot be."""
    document = Document.open(stream, Job(name=order.name, password=order.password), limits)
    try:
        width, height, rows = picture.render(document, order.page, order.width)
    except UnreadableDocument as refusal:
        return Drawn(reason=refusal.why.value, detail=refusal.what)
    pixels.write(rows)
    return Drawn(width=width, height=height)
