"""PDFs written by hand, as tests need them: text where it is wanted, lines, pictures, whatever objects."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image

WIDTH, HEIGHT = 612, 792
_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


@dataclass
class Sheet:
    """One page."""

    entries: str = ""  # further entries of the page's dictionary
    content: list[str] = field(default_factory=list)
    pictures: list[Image.Image] = field(default_factory=list)

    def text(
        self, x: float, y: float, text: str, *, size: float = 10, font: str = "F", mode: int = 0
    ) -> Sheet:
        """A line of text from (x, y), in points from the lower left corner. Fonts: F, B (bold), M (fixed)."""
        shown = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        self.content.append(f"BT /{font} {size} Tf {mode} Tr {x} {y} Td ({shown}) Tj ET")
        return self

    def lines(self, x: float, y: float, lines: Sequence[str], *, step: float = 12, size: float = 10) -> Sheet:
        """Lines below one another."""
        for number, line in enumerate(lines):
            self.text(x, y - number * step, line, size=size)
        return self

    def rule(self, x: float, y: float, to_x: float, to_y: float) -> Sheet:
        """A thin line."""
        self.content.append(f"0.5 w {x} {y} m {to_x} {to_y} l S")
        return self

    def picture(self, image: Image.Image, x: float, y: float, width: float, height: float) -> Sheet:
        """A picture in a box."""
        self.content.append(f"q {width} 0 0 {height} {x} {y} cm /P{len(self.pictures)} Do Q")
        self.pictures.append(image)
        return self


class Making:
    """A document while it is being written."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = [b"", b""]  # catalog and pages come last

    def add(self, body: str | bytes) -> int:
        """An object; returns its number."""
        self._bodies.append(body.encode("latin-1") if isinstance(body, str) else body)
        return len(self._bodies)

    def stream(self, content: bytes, entries: str = "") -> int:
        """A stream; returns its number."""
        head = f"<< /Length {len(content)} {entries} >>\nstream\n".encode()
        return self.add(head + content + b"\nendstream")

    def write(
        self,
        sheets: Sequence[Sheet],
        *,
        fonts: str = "",
        catalog: str = "",
        info: str = "",
        password: str | None = None,
    ) -> bytes:
        """The file.

        Args:
            fonts: further entries of the pages' fonts.
            catalog: further entries of the catalog.
            info: entries of the document's information.
            password: locks it by the oldest scheme (RC4, 40 bits).
        """
        kids = [self._sheet(sheet, fonts) for sheet in sheets]
        self._bodies[0] = f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode("latin-1")
        shown = " ".join(f"{kid} 0 R" for kid in kids)
        self._bodies[1] = f"<< /Type /Pages /Kids [{shown}] /Count {len(kids)} >>".encode()
        trailer = f"/Info {self.add(f'<< {info} >>')} 0 R" if info else ""
        bodies = self._bodies
        if password is not None:
            key, lock = _lock(password)
            bodies = [_encrypted(body, number, key) for number, body in enumerate(bodies, 1)]
            trailer += f" /ID [<00> <00>] /Encrypt << {lock} >>"
        return _file(bodies, trailer)

    def _sheet(self, sheet: Sheet, fonts: str) -> int:
        names = " ".join(
            f"/{name} << /Type /Font /Subtype /Type1 /BaseFont /{font} /Encoding /WinAnsiEncoding >>"
            for name, font in (("F", "Helvetica"), ("B", "Helvetica-Bold"), ("M", "Courier"))
        )
        pictures = " ".join(f"/P{n} {self._picture(image)} 0 R" for n, image in enumerate(sheet.pictures))
        content = self.stream("\n".join(sheet.content).encode("cp1252"))
        return self.add(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents {content} 0 R"
            f" /Resources << /Font << {names} {fonts} >> /XObject << {pictures} >> >> {sheet.entries} >>"
        )

    def _picture(self, image: Image.Image) -> int:
        grey = image.convert("L")
        return self.stream(
            zlib.compress(grey.tobytes()),
            f"/Type /XObject /Subtype /Image /Width {grey.width} /Height {grey.height}"
            " /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode",
        )


def making(*sheets: Sheet) -> bytes:
    """A document of these pages and nothing else."""
    return Making().write(sheets)


def spelled_font(document: Making, letters: dict[str, str]) -> str:
    """A font whose codes, letters of ASCII, stand for other text: an entry for `fonts`, named X."""
    pairs = "\n".join(
        f"<{ord(code):02X}> <{text.encode('utf-16-be').hex().upper()}>" for code, text in letters.items()
    )
    mapping = document.stream(
        (
            "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
            f"1 begincodespacerange <00> <FF> endcodespacerange\n{len(letters)} beginbfchar\n{pairs}\n"
            "endbfchar endcmap end end"
        ).encode()
    )
    return f"/X << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode {mapping} 0 R >>"


def _file(bodies: Sequence[bytes], trailer: str) -> bytes:
    out = bytearray(b"%PDF-1.6\n")
    offsets: list[int] = []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, size = len(out), len(bodies) + 1
    out += f"xref\n0 {size}\n0000000000 65535 f \n".encode()
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += f"trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def _lock(password: str) -> tuple[bytes, str]:
    """Key and dictionary of the standard security handler, revision 2 (ISO 32000-1, 7.6.3)."""
    padded = (password.encode("latin-1") + _PADDING)[:32]
    owner = _rc4(hashlib.md5(padded).digest()[:5], padded)
    rights = -4
    key = hashlib.md5(padded + owner + rights.to_bytes(4, "little", signed=True) + b"\0").digest()[:5]
    user = _rc4(key, _PADDING)
    return key, f"/Filter /Standard /V 1 /R 2 /P {rights} /O <{owner.hex()}> /U <{user.hex()}>"


def _encrypted(body: bytes, number: int, key: bytes) -> bytes:
    """An object whose stream is encrypted; strings must not be in it."""
    head, mark, rest = body.partition(b"\nstream\n")
    if not mark:
        return body
    content = rest.removesuffix(b"\nendstream")
    salt = number.to_bytes(3, "little") + b"\0\0"
    return head + mark + _rc4(hashlib.md5(key + salt).digest()[:10], content) + b"\nendstream"


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
