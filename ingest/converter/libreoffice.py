"""LibreOffice as a library in this process: no program is started, no socket opened, no window shown.

It is started through LibreOfficeKit's C interface (its stable part: LibreOfficeKit.h) and told what to do by
a Basic program of our own. What LibreOfficeKit itself opens, it opens in a view, and the packages without a
desktop lack parts of those; the program loads a document without any, by the one filter that fits, and with
the document's own programs turned off.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

from ingest.converter.messages import Conversion

PROGRAM = Path("/usr/lib/libreoffice/program")
_LIBRARIES = ("libsofficeapp.so", "libmergedlo.so")  # one or the other, as it was built
_RUN_MACRO = 11  # slot of LibreOfficeKitClass, whose first word is its size in bytes

# A profile that is not new: a new one is filled from the presets, over what stands there, and has graphics
# tested (0.7 s). Links are not followed, and documents' programs not run; there is no network to ask anyway.
_SETTINGS = (
    ("Setup/Office", "ooSetupInstCompleted", "true"),
    ("Setup/Product", "ooSetupLastVersion", "999.0"),
    ("Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("Office.Writer/Content/Update", "Link", "0"),
    ("Office.Recovery/AutoSave", "Enabled", "false"),
)
_BASIC = """\
Sub Convert
  opened = createUnoService("{service}")
  Dim opening(4) As New com.sun.star.beans.PropertyValue
  opening(0).Name = "URL"
  opening(0).Value = "{source}"
  opening(1).Name = "FilterName"
  opening(1).Value = "{opened_by}"
  opening(2).Name = "MacroExecutionMode"
  opening(2).Value = com.sun.star.document.MacroExecMode.NEVER_EXECUTE
  opening(3).Name = "UpdateDocMode"
  opening(3).Value = com.sun.star.document.UpdateDocMode.NO_UPDATE
  opening(4).Name = "Password"
  opening(4).Value = "{password}"
  opened.load(opening())
  If HasUnoInterfaces(opened, "com.sun.star.text.XTextFieldsSupplier") Then opened.getTextFields().refresh()
  Dim saving(0) As New com.sun.star.beans.PropertyValue
  saving(0).Name = "FilterName"
  saving(0).Value = "{saved_by}"
  opened.storeToURL("{target}", saving())
End Sub
"""
_OOR = "http://openoffice.org/2001/registry"
_LIBRARY = 'xmlns:library="http://openoffice.org/2000/library"'
_DIALECT = 'xmlns:script="http://openoffice.org/2000/script"'


class Unusable(Exception):
    """This LibreOffice cannot be made to work."""


def installed(conversion: Conversion) -> bool:
    """Whether the LibreOffice is here that can do it."""
    return _library() is not None and (PROGRAM / conversion.library).exists()


def convert(
    conversion: Conversion, source: Path, target: Path, folder: Path, password: str | None = None
) -> bool:
    """Convert a file; once in a process, which then ends without LibreOffice's goodbyes.

    Args:
        folder: a private one, for its profile and temporary files.

    Returns:
        False if it could not be opened or saved.

    Raises:
        Unusable: LibreOffice does not start, or is not one that we know.
        OSError: the folder is full.
    """
    profile = folder / "profile" / "user"
    profile.mkdir(parents=True)
    _write(profile / "registrymodifications.xcu", _registry())
    run = _start(folder)
    programs = {
        f"Try{number}": _BASIC.format(
            service=conversion.service,
            opened_by=opened_by,
            saved_by=conversion.saved_by,
            source=source.as_uri(),
            target=target.as_uri(),
            password=_quoted(password or ""),
        )
        for number, opened_by in enumerate(conversion.opened_by)
    }
    _write_basic(profile / "basic", programs)
    return any(run(f"macro:///Standard.{name}.Convert") and target.exists() for name in programs)


def _quoted(password: str) -> str:
    """What stands between quotes in Basic, on one line; no password has a line break."""
    return "".join(c for c in password if c.isprintable()).replace('"', '""')


def _library() -> Path | None:
    return next((PROGRAM / name for name in _LIBRARIES if (PROGRAM / name).exists()), None)


def _start(folder: Path) -> Callable[[str], bool]:
    """Start LibreOffice; gives what runs one of its programs and says whether it ran through."""
    os.environ |= {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "SAL_USE_VCLPLUGIN": "svp",  # draws in memory
        "SAL_DISABLE_OPENCL": "1",
        "SAL_DISABLE_PRINTERLIST": "1",
        "DISABLE_EXTENSION_SYNCHRONIZATION": "1",
    }
    try:
        hook = ctypes.CDLL(str(_library())).libreofficekit_hook_2
    except (OSError, AttributeError) as error:
        raise Unusable("it has no LibreOfficeKit") from error
    hook.restype = ctypes.c_void_p
    hook.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    office = hook(os.fsencode(PROGRAM), (folder / "profile").as_uri().encode())
    if not office:
        raise Unusable("it did not start")
    table = ctypes.cast(office, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p))).contents
    if (table[0] or 0) <= _RUN_MACRO * ctypes.sizeof(ctypes.c_void_p):
        raise Unusable("it is too old")
    run_macro = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(table[_RUN_MACRO] or 0)
    return lambda url: bool(run_macro(office, url.encode()))


def _registry() -> str:
    items = (
        f'<item oor:path="/org.openoffice.{path}">'
        f'<prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>'
        for path, name, value in _SETTINGS
    )
    return f'<oor:items xmlns:oor="{_OOR}">{"".join(items)}</oor:items>'


def _write_basic(folder: Path, programs: dict[str, str]) -> None:
    """Put modules where LibreOffice looks for the owner's own: not before it has started, see `_SETTINGS`."""
    standard = folder / "Standard"
    standard.mkdir(parents=True)
    elements = "".join(f'<library:element library:name="{name}"/>' for name in programs)
    for kind, listed in (("script", elements), ("dialog", "")):
        libraries = (
            f'<library:library library:name="Standard" xlink:href="$(USER)/basic/Standard/{kind}.xlb/" '
            'xlink:type="simple" library:link="false"/>'
        )
        _write(
            folder / f"{kind}.xlc",
            f'<library:libraries {_LIBRARY} xmlns:xlink="http://www.w3.org/1999/xlink">'
            f"{libraries}</library:libraries>",
        )
        _write(
            standard / f"{kind}.xlb",
            f'<library:library {_LIBRARY} library:name="Standard" library:readonly="false" '
            f'library:passwordprotected="false">{listed}</library:library>',
        )
    for name, program in programs.items():
        _write(
            standard / f"{name}.xba",
            f'<script:module {_DIALECT} script:name="{name}" script:language="StarBasic">'
            f"{escape(program)}</script:module>",
        )


def _write(path: Path, xml: str) -> None:
    path.write_text('<?xml version="1.0" encoding="UTF-8"?>\n' + xml, "utf-8")
