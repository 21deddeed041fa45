"""PDF and pictures: text layers, scans by a real Tesseract, and true reasons where there are no words."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw

from ingest.readers import ocr
from ingest.readers.samples import pdf
from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply
from policy.limits import Limits
from tests.support.reading_whole import read_whole

needs_tesseract = pytest.mark.skipif(ocr.tessdata() is None, reason="Debian's tesseract-ocr is not installed")
SENTENCE = "The rent for the river house rises in May."


def read_bytes(content: bytes, name: str, languages: tuple[str, ...] = ("eng",)) -> Reply:
    return read_whole(content, name, ocr_languages=languages)


def scan(text: str = SENTENCE) -> Image.Image:
    image = Image.new("L", (1400, 300), 255)
    ImageDraw.Draw(image).text((60, 100), text, fill=0, font_size=56)
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@needs_tesseract
def test_tesseract_opens_no_file_for_its_remarks() -> None:
    # In the parser that is refused, and it does not survive it.
    assert ocr.engine("eng").GetVariableAsString("debug_file") == ""


def test_pdf_pages_and_a_blank_one() -> None:
    reply = read_bytes(pdf([SENTENCE, "", "It is payable on the first day."]), "a.pdf")
    assert (reply.media_type, reply.pages, reply.partial) == ("application/pdf", 3, None)
    assert [(element.page, element.text) for element in reply.elements] == [
        (1, SENTENCE),
        (3, "It is payable on the first day."),
    ]


def test_a_few_letters_on_a_page_are_not_lost() -> None:
    assert [element.text for element in read_bytes(pdf(["No. 7"]), "a.pdf").elements] == ["No. 7"]


def test_a_locked_pdf_says_so() -> None:
    lock = (
        "/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{key}> /U <{key}> >> >>\nstartxref"
    )
    locked = pdf([SENTENCE]).replace(b">>\nstartxref", b"/ID [<00> <00>] " + lock.encode())
    assert read_bytes(locked, "a.pdf").reason == "NEEDS_PASSWORD"


def test_a_pdf_cut_off_says_so() -> None:
    assert read_bytes(pdf([SENTENCE])[:80], "a.pdf").reason == "TRUNCATED"


@needs_tesseract
def test_a_scanned_page_among_others_is_read() -> None:
    out = io.BytesIO()
    scan().save(out, "PDF", resolution=150, save_all=True, append_images=[Image.new("L", (1400, 300), 250)])
    reply = read_bytes(out.getvalue(), "scan.pdf")
    assert [(element.page, element.text) for element in reply.elements] == [(1, SENTENCE)]
    assert reply.partial == "no words were found on page 2"


@needs_tesseract
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF"])
def test_a_picture_of_words_is_read(kind: str) -> None:
    reply = read_bytes(saved(scan(), kind), "scan.bin")
    assert [element.text for element in reply.elements] == [SENTENCE]


@needs_tesseract
def test_tesseract_has_no_remarks_on_a_picture(capfd: pytest.CaptureFixture[str]) -> None:
    read_bytes(saved(scan("quick brown fox"), "PNG"), "a.png")
    assert capfd.readouterr().err == ""


@needs_tesseract
def test_transparency_is_paper() -> None:
    image = Image.new("RGBA", (1400, 300), (0, 0, 0, 0))
    ImageDraw.Draw(image).text((60, 100), SENTENCE, fill=(0, 0, 0, 255), font_size=56)
    assert [element.text for element in read_bytes(saved(image, "PNG"), "a.png").elements] == [SENTENCE]


@needs_tesseract
def test_every_page_of_a_tiff() -> None:
    content = saved(scan(), "TIFF", save_all=True, append_images=[scan("Heating is not included.")])
    reply = read_bytes(content, "scan.tif")
    assert reply.pages == 2
    assert [(element.page, element.text) for element in reply.elements] == [
        (1, SENTENCE),
        (2, "Heating is not included."),
    ]


@needs_tesseract
def test_a_picture_without_words() -> None:
    assert read_bytes(saved(Image.new("RGB", (300, 300), "blue"), "PNG"), "a.png").reason == "IMAGE_ONLY"


def test_a_jpeg_cut_off_says_so() -> None:
    content = saved(scan(), "JPEG")
    assert read_bytes(content[: len(content) // 2], "a.jpg").reason in ("TRUNCATED", "UNSUPPORTED")


def test_missing_language_data_names_the_debian_package() -> None:
    reply = read_bytes(saved(scan(), "PNG"), "a.png", languages=("xyz",))
    assert reply.reason == "UNSUPPORTED"
    assert "tesseract-ocr-xyz" in (reply.detail or "")
    pages = io.BytesIO()
    scan().save(pages, "PDF")
    assert read_bytes(pages.getvalue(), "a.pdf", languages=("xyz",)).reason == "UNSUPPORTED"


def test_more_pixels_than_allowed() -> None:
    content = saved(Image.new("L", (4000, 4000), 255), "PNG")
    reply = read(io.BytesIO(content), Job(name="a.png"), io.BytesIO(), Limits(image_pixels=1_000_000))
    assert reply.reason == "TOO_LARGE"


def test_what_people_wrote_on_a_page_is_read() -> None:
    note = (
        b"/Annots [<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] /Contents (call the landlord) >>] /MediaBox"
    )
    reply = read_bytes(pdf([SENTENCE]).replace(b"/MediaBox", note), "a.pdf")
    assert [element.text for element in reply.elements] == [SENTENCE, "call the landlord"]
