"""All bombs, by their kinds' names."""

from __future__ import annotations

from tests.support import bombs_archives, bombs_mail, bombs_markup, bombs_office, bombs_pdf, bombs_pictures
from tests.support.bomb import KINDS

MODULES = (bombs_archives, bombs_mail, bombs_markup, bombs_office, bombs_pdf, bombs_pictures)
BOMBS = {kind.name: kind for kind in KINDS}
