"""Scans: pages that are pictures, pictures of every format and position, and pages shown to the owner."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from ingest.readers import ocr, picture
from ingest.readers.draft import Document
from ingest.readers.errors import UnreadableDocument
from ingest.readers.ocr_picture import grey, slant_of
from ingest.readers.samples import pdf
from ingest.readers.table import read
from ingest.sandbox.messages import Job, Reply
from policy.limits import Limits
from tests.support.pdf_making import HEIGHT, WIDTH, Sheet, making
from tests.support.reading_whole import read_whole

pytestmark = pytest.mark.skipif(ocr.tessdata() is None, reason="Debian's tesseract-ocr is not installed")

LINES = (
    "The rent for the river house rises in May, as it was",
    "agreed upon last winter with all who live under its",
    "roof. Heating is not included, nor is the little boat",
    "that lies below the garden and belongs to the owner.",
    "Whoever wants to use it has to ask three days before.",
)
WORDS = {word.strip(".,") for line in LINES for word in line.split()}
# "quick brown fox", drawn by us and written as HEIC with quality 18.
_HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWl4AAAAAG1pZjFoZWl4bWlhZgAAAXdtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ACJpbG9jAAAAAERAAAEAAQAAAAABmwABAAAAAAAABAwAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRt"
    "AAAAAAABAAAA92lwcnAAAADXaXBjbwAAAHJodmNDAQQIAAAAn/gAAAAAHvAA/Pz4+AAADwNgAAEAF0ABDAH//wQIAAADAJ/4AAAD"
    "AAAeugJAYQABACdCAQEECAAAAwCf+AAAAwAAHsAoIEFlurkprmwIAAADAMgAAAMACEBiAAEABkQBwXPBiQAAABNjb2xybmNseAAB"
    "AA0ABoAAAAAUaXNwZQAAAAAAAAFAAAAAQAAAAChjbGFwAAABQAAAAAEAAAAwAAAAAQAAAAAAAAAC////8AAAAAIAAAAOcGl4aQAA"
    "AAABCAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAABBRtZGF0AAAECCgBrhihUizsXbnMb3AZH7PEam0trsjk1eKMKkrOWW67YftW"
    "3g7qUX/JiuCvQ3Y1+p0cN5fKOm8WkRy78pHjvxGsoVH9CVVxmT5aNzin93CFkCUeHSxb8xYNTj+dEh93Aetmyx1s0CpHeyUEh3mM"
    "7Knveg700yky4gWI7yxD/PpWOdb6fSs4phAlaUwiqMebCzr7LqR1Y0J7l0PwgV7aAdigdzfhDaxfmw74B365OP6sqkhaA8Bb3VR3"
    "74nQKVge+1ipcu21T0qXyx2DJNtj49ECrCuwNNixKrn0UT1NG1srrq3VTCXqTEA9T9Bva+ps8qTvGByq8iANjg8kCsaYe/vPcDgT"
    "p5/HuEQjO+ReWaSisTv2meWn5DlfHgz5AfHvOUfyJBM8Bc9m4xrLlPyC107x2ye3WCckNdXvRfgkm0v2mmT8tgXNbmKOVO5tlPrZ"
    "2e7P+lWVLIIU8uuQ2aSuPpDuzipcw+3yk6wnzGuPdqWkMuEzQ5ez48TA069GbllC5gOzSAs3rqXBu7YnOkKuxbbE8DnGXra6UzXz"
    "wlkIsijY/eHitohPrJFMKeL0FMjrrJPwfTYJ/XuL+8UKjE7Ps6m1SA3SKf/4sw/2d0uyniYDK+Y4bHssY8JKGiJYWacYMbsJhSsx"
    "v6Tyyz+GIuTydUXWVvOHlmgRYfHOKxmZvVYoNKz7nowgNm4Az0TAMGztVjyoKEYTnH4yhVmPZ1qR6xbsTcbsHIkdw+TtU2+FbxpN"
    "mAbN9ApwRHK9vqBI/hWBYInWIPq3BUJe9zrNSCCzWdDa3AY6pqlcPFAXwGQQnNfWNqYB6vgu7ppDOuZnye8JNiAtYFXV3VYwbOuR"
    "68IlaZU8CNcXXZoZOHwxQqrUPTbKnSAW5Q2wMvdjq+9QxF+2HDZUhxzwtT8vqTg8KsqcoOXOICdjJBCifuRJ4apjj4Q5Qf5LNXAR"
    "f/WStWWGdidBZqnOX6/0UHSJLyMJEFqU5lB1VfZSCMAhJB9e9/YopGmG4KbcWakuWMVbi+SLGNYAAFPLuxFN0Uw4piJVZ38K66BA"
    "2z5XkZEFaFcG81W/KZoPzUTHy7vJ2c9xOBT3NRltpCopLhmRzNi1VFQBUlbFau6zH2T+M3qaK38lYtQJSgRv06qP8G2EEAunRme5"
    "Z20wIPOjf0wzjdl04ZIPtnmqdGPl02RHzN+wr76q3OFVXUm8snKoGKe2a4pNlhff7i5XBc/d0Aiq7uR3qYVDAgFd3zzFIMbAd1nC"
    "Al0iusOmOrykZUvwBjD4YeETCgrHj+dCOOzXfkNt8yWVjf4o+whVoD8HYCO/dRifgLzcJc3KzCIHNoZ0kULg2LEHMUiMD0kxi9dN"
    "gFiEaM5OwGnIC1CgqzgUN2D4NtAGdA=="
)


def scan() -> Image.Image:
    """Five lines as from a scanner, at about 200 dots per inch."""
    image = Image.new("L", (1300, 420), 255)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(LINES):
        draw.text((60, 50 + 64 * number), line, fill=0, font_size=42)
    return image


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def recall(reply: Reply) -> float:
    found = {word.strip(".,") for element in reply.elements for word in element.text.split()}
    return len(WORDS & found) / len(WORDS)


def test_a_picture_is_asked_for_by_page() -> None:
    content = saved(scan(), "TIFF", save_all=True, append_images=[Image.new("L", (900, 300), 255), scan()])
    first = read(io.BytesIO(content), Job(name="a.tif"), io.BytesIO())
    assert (first.elements, first.pages, first.scans) == ([], 3, [1, 2, 3])
    page = read(io.BytesIO(content), Job(name="a.tif", pages=(3,)), io.BytesIO())
    assert {element.page for element in page.elements} == {3}
    assert recall(page) > 0.9
    blank = read(io.BytesIO(content), Job(name="a.tif", pages=(2,)), io.BytesIO())
    assert (blank.reason, blank.detail) == ("IMAGE_ONLY", "no words were found")


def test_lines_become_a_paragraph() -> None:
    assert [element.text for element in read_whole(saved(scan()), "a.png").elements] == [" ".join(LINES)]


@pytest.mark.parametrize("angle", [90, 180, 270, 6, 184])
def test_however_it_lay_on_the_glass(angle: float) -> None:
    content = saved(scan().rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255))
    assert recall(read_whole(content, "a.png")) > 0.9


def test_small_white_on_black_and_grainy() -> None:
    small = scan().resize((650, 210), Image.Resampling.BOX)
    assert recall(read_whole(saved(ImageChops.invert(small)), "a.png")) > 0.9
    grain = Image.effect_noise(scan().size, 40)
    grainy = ImageChops.add(scan().filter(ImageFilter.GaussianBlur(1)), grain, 1, -128)
    assert recall(read_whole(saved(grainy), "a.png")) > 0.9


def test_a_shadow_is_no_ink() -> None:
    shadow = Image.linear_gradient("L").resize(scan().size).point([90 + n * 165 // 255 for n in range(256)])
    content = saved(ImageChops.multiply(scan(), shadow), "JPEG", quality=85)
    assert recall(read_whole(content, "a.jpg")) > 0.9


@pytest.mark.parametrize("angle", [-9.5, -3, 0, 0.6, 7])
def test_the_slant_of_lines_is_found(angle: float) -> None:
    found = slant_of(grey(scan().rotate(-angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255)))
    assert found.angle == pytest.approx(angle, abs=0.3)


def test_when_the_time_is_over_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "_PAGE_S", 0.0)
    reply = read_whole(saved(scan()), "a.png")
    assert (reply.reason, reply.detail) == ("TIMEOUT", "reading the picture took longer than is allowed")


def test_a_picture_finer_than_needed() -> None:
    page = Image.new("RGB", (5200, 5000), "white")
    page.paste(scan().resize((5200, 1680)), (0, 600))
    for kind in ("JPEG", "TIFF"):
        assert recall(read_whole(saved(page, kind, dpi=(800, 800)), "a.bin")) > 0.9


def test_shapes_are_no_words() -> None:
    image = Image.effect_mandelbrot((500, 400), (-2, -1.3, 1, 1.3), 80)
    assert read_whole(saved(image), "a.png").reason == "IMAGE_ONLY"


def test_a_scanned_page_with_a_stamp_in_its_layer() -> None:
    sheet = Sheet().picture(scan(), 36, 300, 540, 174)
    sheet.text(300, 306, "Received on the second of May", size=11)
    reply = read_whole(
        making(sheet, Sheet().text(72, 700, "A page that is text, and no picture at all.")), "a.pdf"
    )
    texts = [element.text for element in reply.elements]
    assert texts[0] == "Received on the second of May"
    assert texts[-1] == "A page that is text, and no picture at all."
    assert sum("Received" in text for text in texts) == 1
    assert recall(reply) > 0.8  # the stamp covers some


PAGE = [
    "The minutes of the last meeting were read to all who had come, and nobody spoke against them.",
    "Then the drawing of the house was shown, which hangs in the hall and is printed here once more.",
    "It was agreed to ask a second builder, since the first had named no price for the new roof at all.",
]


def test_pictures_of_words_among_text() -> None:
    sheets = [Sheet().lines(72, 740, PAGE).picture(scan(), 72, 520, 300, 97).lines(72, 500, PAGE)]
    sheets += [Sheet().lines(72, 740, PAGE).picture(scan(), 72, 520, 300, 97)]  # as a letterhead
    content = making(*sheets)
    first = read(io.BytesIO(content), Job(name="a.pdf"), io.BytesIO())
    assert first.scans == [1]
    reply = read_whole(content, "a.pdf")
    assert recall(reply) > 0.9
    assert sum("minutes" in element.text for element in reply.elements) == 3
    assert reply.elements[2].text.startswith("The rent")


def test_photographs_among_text_are_no_gap() -> None:
    photo = Image.effect_noise((400, 300), 120).filter(ImageFilter.GaussianBlur(2))
    reply = read_whole(making(Sheet().lines(72, 740, PAGE).picture(photo, 72, 420, 300, 225)), "a.pdf")
    assert (len(reply.elements), reply.partial) == (1, None)


def test_what_ocr_found_before_is_text() -> None:
    sheet = Sheet().picture(scan(), 36, 300, 540, 174)
    for number, line in enumerate(LINES):
        sheet.text(60, 450 - 26 * number, line, mode=3)
    reply = read(io.BytesIO(making(sheet)), Job(name="a.pdf"), io.BytesIO())
    assert (reply.scans, recall(reply)) == ([], 1.0)


def test_pictures_from_telephones() -> None:
    reply = read_whole(_HEIC, "a.heic")
    assert (reply.media_type, [element.text for element in reply.elements]) == (
        "image/heic",
        ["quick brown fox"],
    )
    avif = read_whole(saved(scan().convert("RGB"), "AVIF"), "a.avif")
    assert (avif.media_type, recall(avif) > 0.9) == ("image/avif", True)
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright
    turned[0x010E] = "The notice at the door"
    photo = scan().rotate(90, expand=True)
    reply = read_whole(saved(photo, "JPEG", exif=turned), "a.jpg")
    assert (reply.title, recall(reply) > 0.9) == ("The notice at the door", True)


def test_of_what_moves_the_first_picture() -> None:
    for kind in ("GIF", "WEBP"):
        content = saved(
            scan().convert("RGB"), kind, save_all=True, append_images=[Image.new("RGB", (1300, 420))]
        )
        reply = read_whole(content, "a.bin")
        assert (reply.pages, recall(reply) > 0.9) == (1, True)


def test_a_page_of_a_tiff_may_be_too_large() -> None:
    content = saved(scan(), "TIFF", save_all=True, append_images=[Image.new("1", (4000, 4000))])
    page = Job(name="a.tif", pages=(2,))
    reply = read(io.BytesIO(content), page, io.BytesIO(), Limits(image_pixels=1_000_000))
    assert reply.reason == "TOO_LARGE"


def shown(content: bytes, page: int = 1, width: int = 300, **job: str) -> tuple[int, int, bytes]:
    document = Document.open(io.BytesIO(content), Job(name="a", **job), Limits())  # type: ignore[arg-type]
    return picture.render(document, page, width)


def test_a_page_as_it_looks() -> None:
    width, height, pixels = shown(making(Sheet().text(72, 700, "Hello", size=40)))
    assert (width, len(pixels)) == (300, 3 * width * height)
    assert abs(height - 300 * HEIGHT / WIDTH) <= 1
    assert min(pixels) == 0
    assert shown(pdf(["", "x"]), 2, 5_000)[0] == 2_000
    tiff = saved(scan(), "TIFF", save_all=True, append_images=[Image.new("RGB", (600, 300), (200, 10, 10))])
    assert shown(tiff, 2) == (300, 150, bytes((200, 10, 10)) * 300 * 150)
    turned = Image.Exif()
    turned[0x0112] = 6
    assert shown(saved(Image.new("RGB", (200, 100)), "JPEG", exif=turned))[:2] == (100, 200)
    clear = saved(Image.new("RGBA", (50, 40), (0, 0, 0, 0)))
    assert shown(clear) == (50, 40, b"\xff" * 6000)
    assert shown(_HEIC)[:2] == (300, 45)


@pytest.mark.parametrize(
    ("content", "page"),
    [(pdf(["x"]), 2), (pdf(["x"]), 0), (saved(scan()), 2), (b"only text", 1), (pdf(["x"])[:60], 1)],
)
def test_a_page_that_cannot_be_shown(content: bytes, page: int) -> None:
    with pytest.raises(UnreadableDocument):
        shown(content, page)
