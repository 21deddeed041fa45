"""What a page shows beside its text: ruled lines, which make tables, and pictures, which may hold text."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field

from ingest.readers.pdf_glyphs import Box, turn_of
from ingest.readers.pdf_library import Page, pdfium

_MAX_OBJECTS = 5_000  # of a page; one that shows more is a drawing
_MAX_SEGMENTS = 4_000  # of all its paths
_DEPTH = 4  # of forms within forms
_THIN = 3.0  # points; a rectangle not wider is a line
_SHORT = 5.0
_LINE_WIDTH, _LINE_HEIGHT = 200, 40  # pixels of a picture in which there is room for a few words

_Matrix = tuple[float, float, float, float, float, float]
_PLAIN: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass
class Graphics:
    """Coordinates in points, upwards and rightwards."""

    across: list[Box] = field(default_factory=list)  # ruled lines
    upright: list[Box] = field(default_factory=list)
    pictures: list[Box] = field(default_factory=list)
    readable: list[Box] = field(default_factory=list)  # pictures with pixels enough for a line of text
    objects: int = 0  # of all kinds, at any depth
    drawn: int = 0  # paths
    written: int = 0  # stretches of text


def graphics_of(page: Page) -> Graphics:
    """Look at a page's objects, at the first thousands of them."""
    return _Look(page).found


class _Look:
    """One page's objects."""

    def __init__(self, page: Page) -> None:
        self.found = Graphics()
        self._raw = raw = pdfium().raw
        self._turn = turn_of(page)
        self._segments = 0
        self._kinds = {
            raw.FPDF_PAGEOBJ_PATH: self._path,
            raw.FPDF_PAGEOBJ_IMAGE: self._picture,
        }
        self._floats = [ctypes.c_float() for _ in range(4)]
        count = raw.FPDFPage_CountObjects(page.raw)
        objects = (raw.FPDFPage_GetObject(page.raw, at) for at in range(min(count, _MAX_OBJECTS)))
        self._all(objects, _PLAIN, _DEPTH)

    def _all(self, objects: Iterator[object], matrix: _Matrix, depth: int) -> None:
        raw = self._raw
        for item in objects:
            if self.found.objects >= _MAX_OBJECTS:
                return
            self.found.objects += 1
            kind = raw.FPDFPageObj_GetType(item)
            if kind == raw.FPDF_PAGEOBJ_FORM and depth:
                inner = (
                    raw.FPDFFormObj_GetObject(item, at)
                    for at in range(min(raw.FPDFFormObj_CountObjects(item), _MAX_OBJECTS))
                )
                self._all(inner, _times(self._matrix(item), matrix), depth - 1)
            elif kind == raw.FPDF_PAGEOBJ_TEXT:
                self.found.written += 1
            elif kind in self._kinds:
                self._kinds[kind](item, matrix)

    def _matrix(self, item: object) -> _Matrix:
        matrix = self._raw.FS_MATRIX()
        if not self._raw.FPDFPageObj_GetMatrix(item, matrix):
            return _PLAIN
        return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f

    def _bounds(self, item: object, matrix: _Matrix) -> Box | None:
        floats = self._floats
        if not self._raw.FPDFPageObj_GetBounds(item, *floats):
            return None
        left, bottom, right, top = (value.value for value in floats)
        return self._placed(matrix, ((left, bottom), (right, top), (left, top), (right, bottom)))

    def _placed(self, matrix: _Matrix, points: tuple[tuple[float, float], ...]) -> Box:
        """The box around some points, as the page is shown."""
        a, b, c, d, e, f = matrix
        across = [a * x + c * y + e for x, y in points]
        up = [b * x + d * y + f for x, y in points]
        box = min(across), min(up), max(across), max(up)
        return self._turn(box) if self._turn else box

    def _picture(self, item: object, matrix: _Matrix) -> None:
        box = self._bounds(item, matrix)
        if box is None:
            return
        self.found.pictures.append(box)
        width, height = ctypes.c_uint(), ctypes.c_uint()
        known = self._raw.FPDFImageObj_GetImagePixelSize(item, width, height)
        if known and width.value >= _LINE_WIDTH and height.value >= _LINE_HEIGHT:
            self.found.readable.append(box)

    def _path(self, item: object, matrix: _Matrix) -> None:
        self.found.drawn += 1
        box = self._bounds(item, matrix)
        if box is None or self._line(box):
            return
        raw = self._raw
        count = raw.FPDFPath_CountSegments(item)
        self._segments += count
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        drawn = raw.FPDFPath_GetDrawMode(item, fill, stroke) and stroke.value
        if not drawn or self._segments > _MAX_SEGMENTS:
            return
        placed = _times(self._matrix(item), matrix)
        x, y = self._floats[:2]
        start = last = (0.0, 0.0)
        for at in range(count):
            segment = raw.FPDFPath_GetPathSegment(item, at)
            raw.FPDFPathSegment_GetPoint(segment, x, y)
            point = x.value, y.value
            kind = raw.FPDFPathSegment_GetType(segment)
            if kind == raw.FPDF_SEGMENT_MOVETO:
                start = point
            elif kind == raw.FPDF_SEGMENT_LINETO:
                self._line(self._placed(placed, (last, point)))
            last = point
            if raw.FPDFPathSegment_GetClose(segment):
                self._line(self._placed(placed, (last, start)))
                last = start

    def _line(self, box: Box) -> bool:
        """Take a thin box for a ruled line; False when it is none."""
        width, height = box[2] - box[0], box[3] - box[1]
        if height <= _THIN and width > max(_SHORT, 2 * height):
            self.found.across.append(box)
        elif width <= _THIN and height > max(_SHORT, 2 * width):
            self.found.upright.append(box)
        else:
            return width <= _THIN and height <= _THIN
        return True


def _times(first: _Matrix, then: _Matrix) -> _Matrix:
    """One mapping after the other."""
    a, b, c, d, e, f = first
    g, h, i, j, k, m = then
    return a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m
