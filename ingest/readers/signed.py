"""A document inside an electronic signature (PKCS #7, .p7m), which becomes a document of its own."""

from __future__ import annotations

from ingest.mail.envelope import signed_content
from ingest.readers.draft import Document, Draft
from ingest.readers.foreign import SIGNED


def read_signed(document: Document, draft: Draft) -> None:
    """The document that was signed, as the only child. Whether the signature holds is not checked."""
    content = signed_content(document.content())
    if not content:
        raise SIGNED.refusal()
    name = document.job.name
    draft.add_child(name[:-4] if name.lower().endswith(".p7m") else name, content)
