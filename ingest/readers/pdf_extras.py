"""What a PDF holds beside its pages' text: notes, form fields, attached files, bookmarks, XFA forms."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from functools import partial

from lxml import etree

from ingest.readers.draft import Draft
from ingest.readers.package import local, parse_xml
from ingest.readers.pdf_library import Page, Pdf, pdfium, wide

_MAX_ANNOTATIONS = 10_000  # of a page
_MAX_ATTACHMENTS = 1_000
_MAX_BOOKMARKS = 5_000
_MAX_OPTIONS = 1_000
_MAX_XFA_BYTES = 16 << 20
_INDEX = re.compile(r"\[\d+\]$")


def notes_of(page: Page) -> tuple[list[str], list[list[str]]]:
    """What people wrote on a page (comments, free text), and into its form as rows of label and value."""
    raw = pdfium().raw
    notes: list[str] = []
    fields: dict[tuple[str, str], None] = {}
    for index in range(min(raw.FPDFPage_GetAnnotCount(page.raw), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        if kind == raw.FPDF_ANNOT_WIDGET:
            if field := _field(page, annotation):
                fields[field] = None
        elif kind not in (raw.FPDF_ANNOT_POPUP, raw.FPDF_ANNOT_LINK):
            notes.append(_string(annotation, b"Contents"))
        raw.FPDFPage_CloseAnnot(annotation)
    return [note for note in dict.fromkeys(notes) if note.strip()], [list(field) for field in fields]


def _string(annotation: object, key: bytes) -> str:
    return wide(partial(pdfium().raw.FPDFAnnot_GetStringValue, annotation, key))


def _field(page: Page, annotation: object) -> tuple[str, str] | None:
    """Label and value of a form's field; None when nothing is filled in."""
    raw = pdfium().raw
    form = getattr(page.formenv, "raw", None)
    if form is None:  # the document has fields but no form
        value = _string(annotation, b"V")
        return (_plain(_string(annotation, b"T")), value) if value.strip() else None
    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in (raw.FPDF_FORMFIELD_PUSHBUTTON, raw.FPDF_FORMFIELD_SIGNATURE):
        return None
    if kind in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON):
        if not raw.FPDFAnnot_IsChecked(form, annotation):
            return None
        value = wide(partial(raw.FPDFAnnot_GetFormFieldExportValue, form, annotation))
        value = "yes" if value in ("", "On", "1") else value
    elif kind in (raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX):
        value = ", ".join(_chosen(form, annotation)) or _value(form, annotation)
    else:
        value = _value(form, annotation)
    if not value.strip():
        return None
    label = wide(partial(raw.FPDFAnnot_GetFormFieldAlternateName, form, annotation))
    return label or _plain(wide(partial(raw.FPDFAnnot_GetFormFieldName, form, annotation))), value


def _plain(name: str) -> str:
    """The last part of a field's full name, without its number."""
    return _INDEX.sub("", name.rpartition(".")[2])


def _value(form: object, annotation: object) -> str:
    return wide(partial(pdfium().raw.FPDFAnnot_GetFormFieldValue, form, annotation))


def _chosen(form: object, annotation: object) -> Iterator[str]:
    """The options of a list that are selected."""
    raw = pdfium().raw
    for option in range(min(raw.FPDFAnnot_GetOptionCount(form, annotation), _MAX_OPTIONS)):
        if raw.FPDFAnnot_IsOptionSelected(form, annotation, option):
            yield wide(partial(raw.FPDFAnnot_GetOptionLabel, form, annotation, option))


def add_attachments(pdf: Pdf, draft: Draft) -> None:
    """Hand on the files inside a document."""
    raw = pdfium().raw
    for index in range(min(raw.FPDFDoc_GetAttachmentCount(pdf.raw), _MAX_ATTACHMENTS)):
        attachment = raw.FPDFDoc_GetAttachment(pdf.raw, index)
        if attachment:
            _add_attachment(attachment, draft)


def add_attached_files(page: Page, draft: Draft) -> None:
    """Hand on the files that are pinned to a page."""
    raw = pdfium().raw
    for index in range(min(raw.FPDFPage_GetAnnotCount(page.raw), _MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        if raw.FPDFAnnot_GetSubtype(annotation) == raw.FPDF_ANNOT_FILEATTACHMENT:
            attachment = raw.FPDFAnnot_GetFileAttachment(annotation)
            if attachment:
                _add_attachment(attachment, draft)
        raw.FPDFPage_CloseAnnot(annotation)


def _add_attachment(attachment: object, draft: Draft) -> None:
    raw = pdfium().raw
    name = wide(partial(raw.FPDFAttachment_GetName, attachment))
    length = ctypes.c_ulong()
    if not raw.FPDFAttachment_GetFile(attachment, None, 0, length):
        draft.missing.append("an attachment could not be read")
        return
    if length.value > draft.limits.child_bytes:
        draft.missing.append("an attachment is over the size limit")
        return
    content = ctypes.create_string_buffer(max(length.value, 1))
    if length.value and not raw.FPDFAttachment_GetFile(attachment, content, length.value, length):
        draft.missing.append("an attachment could not be read")
        return
    draft.add_child(name, content.raw[: length.value])


def bookmarks_of(pdf: Pdf) -> dict[str, int]:
    """The titles in a document's outline, with how deep they stand: 1 for the outermost."""
    raw = pdfium().raw
    found: dict[str, int] = {}
    seen: set[int] = set()
    waiting = [(raw.FPDFBookmark_GetFirstChild(pdf.raw, None), 1)]
    while waiting and len(seen) < _MAX_BOOKMARKS:
        bookmark, depth = waiting.pop()
        address = ctypes.cast(bookmark, ctypes.c_void_p).value
        if not address or address in seen:
            continue
        seen.add(address)
        title = wide(partial(raw.FPDFBookmark_GetTitle, bookmark))
        found.setdefault(" ".join(title.split()).casefold(), depth)
        waiting.append((raw.FPDFBookmark_GetNextSibling(pdf.raw, bookmark), depth))
        waiting.append((raw.FPDFBookmark_GetFirstChild(pdf.raw, bookmark), depth + 1))
    return found


def xfa_texts(pdf: Pdf) -> Iterator[str]:
    """The words of an XFA form: what was filled in, with the fields' names, and what is printed on it."""
    raw = pdfium().raw
    packets: dict[str, bytes] = {}
    for index in range(max(0, raw.FPDF_GetXFAPacketCount(pdf.raw))):
        size = raw.FPDF_GetXFAPacketName(pdf.raw, index, None, 0)
        name = ctypes.create_string_buffer(max(size, 1))
        raw.FPDF_GetXFAPacketName(pdf.raw, index, name, size)
        length = ctypes.c_ulong()
        raw.FPDF_GetXFAPacketContent(pdf.raw, index, None, 0, length)
        if 0 < length.value <= _MAX_XFA_BYTES:
            content = ctypes.create_string_buffer(length.value)
            if raw.FPDF_GetXFAPacketContent(pdf.raw, index, content, length.value, length):
                packets[name.value.decode("latin-1")] = content.raw
    for packet, labelled in (("template", False), ("datasets", True), ("form", True)):
        if packet in packets:
            try:
                root = parse_xml(packets[packet])
            except etree.LxmlError:
                continue
            yield from _words(root, labelled)


def _words(root: etree._Element, labelled: bool) -> Iterator[str]:
    """The texts of an XML tree, each with its element's name if wanted; no scripts."""
    for element in root.iter(etree.Element):
        text = " ".join((element.text or "").split())
        if not text or local(element) in ("script", "validate", "calculate", "pattern", "picture"):
            continue
        yield f"{local(element)}: {text}" if labelled else text
