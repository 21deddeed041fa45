"""A page of a document as a picture: drawn by a worker, made into a file by the core."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from ingest.errors import PageNotDrawn
from ingest.pages import page_image, png
from ingest.readers import samples
from ingest.sandbox.pool import Picture, Pool
from policy.limits import Limits
from store.errors import NoSuchItem
from store.vault import Vault
from tests.support.homes import put, throwaway_vault


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    started = Pool(1, Limits())
    started.start()
    yield started
    started.close()


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with throwaway_vault(tmp_path) as opened:
        yield opened


def test_a_picture_file_holds_each_pixel() -> None:
    pixels = bytes(range(2 * 3 * 3))
    image = Image.open(io.BytesIO(png(Picture(2, 3, pixels))))
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (2, 3))
    assert image.tobytes() == pixels


def test_a_page_is_shown_as_it_looks(vault: Vault, pool: Pool) -> None:
    item = put(vault, samples.pdf(["The first page", ""]), "two pages.pdf").item
    first, second = (Image.open(io.BytesIO(page_image(vault, pool, item, n, 306))) for n in (1, 2))
    assert first.size == second.size == (306, 396)
    assert second.getextrema() == ((255, 255),) * 3
    ink = Image.eval(first.convert("L"), lambda value: 255 - value).getbbox()
    assert ink is not None
    left, top, right, bottom = ink  # at 72, 720 of 612 x 792 points
    assert 33 <= left <= 40
    assert 25 <= top < bottom <= 42
    assert right < 100


@pytest.mark.parametrize("page", [0, 3, -1, 1 << 40])
def test_a_page_that_is_not_there_is_said_to_be_none(vault: Vault, pool: Pool, page: int) -> None:
    item = put(vault, samples.pdf(["one", "two"]), "two pages.pdf").item
    with pytest.raises(PageNotDrawn):
        page_image(vault, pool, item, page, 300)


def test_what_has_no_pages_or_is_damaged_is_not_shown(vault: Vault, pool: Pool) -> None:
    for content, name in (
        (b"words", "a.txt"),
        (samples.pdf(["one"])[:60], "cut.pdf"),
        (b"\x89PNG\r\n", "a.png"),
    ):
        item = put(vault, content, name).item
        with pytest.raises(PageNotDrawn, match="cannot be shown"):
            page_image(vault, pool, item, 1, 300)
    with pytest.raises(NoSuchItem):
        page_image(vault, pool, "0" * 16, 1, 300)
