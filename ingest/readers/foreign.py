"""Kinds of files that are known and not read, told by their first bytes, and what the owner is told then."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.readers.errors import UnreadableDocument, Why


@dataclass(frozen=True)
class Foreign:
    """A kind that has no row in the table of formats."""

    media_type: str
    what: str
    remedy: str = ""
    why: Why = Why.UNSUPPORTED

    def refusal(self) -> UnreadableDocument:
        """Why it is not read."""
        remedy = f"; {self.remedy}" if self.remedy else ""
        sentence = (
            f"it is {self.what}{remedy}" if self.remedy else f"it is {self.what}; this kind is not read"
        )
        return UnreadableDocument(self.why, sentence, media_type=self.media_type)


_PDF = "save it as PDF to have it read"
_UNPACK = "unpack it, or pack it as .zip or .7z"
_DECRYPT = "decrypt it, and put in what comes out"
_EXPORT = "export it as PDF or in an Office format to have it read"

PGP = Foreign("application/pgp-encrypted", "encrypted with PGP", _DECRYPT, Why.ENCRYPTED)
IWORK = Foreign("application/vnd.apple.iwork", "a document of Pages, Numbers or Keynote", _EXPORT)
XPS = Foreign("application/vnd.ms-xpsdocument", "an XPS document", _PDF)
VISIO = Foreign("application/vnd.visio", "a drawing of Visio", _PDF)

# Offset, bytes, and what they tell. A longer row stands before one that its bytes begin with.
_BYTES: tuple[tuple[int, bytes, Foreign], ...] = (
    (0, b"ID3", Foreign("audio/mpeg", "a sound file (MP3)")),
    (0, b"\xff\xfb", Foreign("audio/mpeg", "a sound file (MP3)")),
    (0, b"\xff\xf3", Foreign("audio/mpeg", "a sound file (MP3)")),
    (0, b"\xff\xf1", Foreign("audio/aac", "a sound file (AAC)")),
    (0, b"fLaC", Foreign("audio/flac", "a sound file (FLAC)")),
    (0, b"OggS", Foreign("audio/ogg", "a sound or video file (Ogg)")),
    (0, b"MThd", Foreign("audio/midi", "a MIDI file")),
    (0, b"#!AMR", Foreign("audio/amr", "a sound file (AMR)")),
    (8, b"WAVE", Foreign("audio/wav", "a sound file (WAV)")),
    (8, b"AVI ", Foreign("video/x-msvideo", "a video (AVI)")),
    (8, b"AIFF", Foreign("audio/aiff", "a sound file (AIFF)")),
    (0, b"\x1aE\xdf\xa3", Foreign("video/x-matroska", "a video (Matroska, WebM)")),
    (0, b"FLV\x01", Foreign("video/x-flv", "a video (Flash)")),
    (
        *(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
        Foreign("video/x-ms-asf", "a sound or video file (Windows Media)"),
    ),
    (0, b"\x00\x00\x01\xba", Foreign("video/mpeg", "a video (MPEG)")),
    (4, b"ftypM4A", Foreign("audio/mp4", "a sound file (MPEG-4)")),
    (4, b"ftypqt", Foreign("video/quicktime", "a video (QuickTime)")),
    (4, b"ftyp3g", Foreign("video/3gpp", "a video (3GPP)")),
    (4, b"ftypcrx", Foreign("image/x-canon-cr3", "a raw photograph", "save it as JPEG to have it read")),
    *(
        (4, b"ftyp" + brand, Foreign("video/mp4", "a video (MPEG-4)"))
        for brand in (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp4", b"avc1", b"M4V", b"dash", b"MSNV")
    ),
    (4, b"moov", Foreign("video/quicktime", "a video (QuickTime)")),
    (0, b"8BPS", Foreign("image/vnd.adobe.photoshop", "a picture of Photoshop", _PDF)),
    (0, b"gimp xcf", Foreign("image/x-xcf", "a picture of GIMP", _PDF)),
    (0, b"\x00\x00\x01\x00", Foreign("image/x-icon", "an icon")),
    (
        *(0, b"\x00\x00\x00\x0cjP  "),
        Foreign("image/jp2", "a picture (JPEG 2000)", "save it as JPEG to have it read"),
    ),
    (0, b"\xd7\xcd\xc6\x9a", Foreign("image/wmf", "a drawing (WMF)", _PDF)),
    (0, b"\x01\x00\x09\x00\x00\x03", Foreign("image/wmf", "a drawing (WMF)", _PDF)),
    (40, b" EMF", Foreign("image/emf", "a drawing (EMF)", _PDF)),
    (0, b"AC10", Foreign("image/vnd.dwg", "a drawing of AutoCAD (DWG)", _PDF)),
    (0, b"AT&TFORM", Foreign("image/vnd.djvu", "a DjVu document", _PDF)),
    (
        *(0, b"ITSF"),
        Foreign("application/vnd.ms-htmlhelp", "a help file (CHM)", "save its pages to have them read"),
    ),
    (
        *(60, b"BOOKMOBI"),
        Foreign("application/x-mobipocket-ebook", "a book (MOBI)", "save it as EPUB to have it read"),
    ),
    (0, b"\xc5\xd0\xd3\xc6", Foreign("application/postscript", "an EPS drawing", _PDF)),
    (0, b"\xffWPC", Foreign("application/vnd.wordperfect", "a WordPerfect document", _PDF)),
    (0, b"\x0e\x11\xfc\x0d\xd0\xcf\x11\x0e", Foreign("application/msword", "a very old Word document", _PDF)),
    (0, b"\xdb\xa5", Foreign("application/msword", "a very old Word document (before 1997)", _PDF)),
    (0, b"\x31\xbe\x00\x00", Foreign("application/msword", "a very old Word document", _PDF)),
    (
        *(0, b"\x00\x00\x02\x00"),
        Foreign("application/vnd.lotus-1-2-3", "a sheet of Lotus 1-2-3 or Quattro Pro", _PDF),
    ),
    (0, b"HWP Document File", Foreign("application/x-hwp", "a document of Hangul (HWP)", _PDF)),
    (0, b"icns", Foreign("image/icns", "an icon")),
    (0, b"BPG\xfb", Foreign("image/bpg", "a picture (BPG)", "save it as JPEG to have it read")),
    (4, b"JXL ", Foreign("image/jxl", "a picture (JPEG XL)", "save it as JPEG to have it read")),
    (0, b"\xff\x0a", Foreign("image/jxl", "a picture (JPEG XL)", "save it as JPEG to have it read")),
    (84, b"SAS FILE", Foreign("application/x-sas-data", "a table of SAS", "export it as CSV")),
    (0, b"\x0b\x77", Foreign("audio/ac3", "a sound file (AC-3)")),
    (0, b"\x00\x00\x1a\x00", Foreign("application/vnd.lotus-1-2-3", "a sheet of Lotus 1-2-3", _PDF)),
    (
        *(0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d"),
        Foreign("application/onenote", "a notebook of OneNote", "export it as PDF or Word to have it read"),
    ),
    (
        *(0, b"!BDN"),
        Foreign(
            "application/vnd.ms-outlook-pst", "an Outlook data file", "import it: strongroom import FILE"
        ),
    ),
    (
        *(0, b"SQLite format 3\x00"),
        Foreign("application/vnd.sqlite3", "a database (SQLite)", "export its tables as CSV"),
    ),
    (
        *(4, b"Standard Jet DB"),
        Foreign("application/x-msaccess", "a database (Access)", "export its tables as CSV"),
    ),
    (
        *(4, b"Standard ACE DB"),
        Foreign("application/x-msaccess", "a database (Access)", "export its tables as CSV"),
    ),
    (0, b"PAR1", Foreign("application/vnd.apache.parquet", "a table (Parquet)", "export it as CSV")),
    (0, b"ARROW1", Foreign("application/vnd.apache.arrow.file", "a table (Arrow)", "export it as CSV")),
    (0, b"\x89HDF\r\n\x1a\n", Foreign("application/x-hdf5", "scientific data (HDF5)")),
    (0, b"\x93NUMPY", Foreign("application/x-npy", "numbers (NumPy)")),
    (0, b"MZ", Foreign("application/vnd.microsoft.portable-executable", "a program (Windows)")),
    (0, b"\x7fELF", Foreign("application/x-elf", "a program (Linux)")),
    (0, b"\xca\xfe\xba\xbe", Foreign("application/java-vm", "a program (Java or macOS)")),
    (0, b"\xcf\xfa\xed\xfe", Foreign("application/x-mach-binary", "a program (macOS)")),
    (0, b"\x00asm", Foreign("application/wasm", "a program (WebAssembly)")),
    (0, b"dex\n", Foreign("application/x-dex", "a program (Android)")),
    (0, b"Rar!\x1a\x07", Foreign("application/vnd.rar", "a RAR archive", _UNPACK)),
    (0, b"MSCF", Foreign("application/vnd.ms-cab-compressed", "a cabinet archive (CAB)", _UNPACK)),
    (2, b"-lh", Foreign("application/x-lzh", "an LZH archive", _UNPACK)),
    (0, b"\x60\xea", Foreign("application/x-arj", "an ARJ archive", _UNPACK)),
    (7, b"**ACE**", Foreign("application/x-ace-compressed", "an ACE archive", _UNPACK)),
    (0, b"\x1f\x9d", Foreign("application/x-compress", "a compressed file (.Z)", _UNPACK)),
    (0, b"LZIP", Foreign("application/lzip", "a compressed file (.lz)", _UNPACK)),
    (0, b"\xed\xab\xee\xdb", Foreign("application/x-rpm", "a package of programs (RPM)")),
    (0, b"xar!", Foreign("application/x-xar", "an archive (XAR)", _UNPACK)),
    (0, b"070701", Foreign("application/x-cpio", "an archive (CPIO)", _UNPACK)),
    (32769, b"CD001", Foreign("application/x-iso9660-image", "the image of a disc (ISO)", _UNPACK)),
    (0, b"conectix", Foreign("application/x-vhd", "the image of a disk")),
    (0, b"vhdxfile", Foreign("application/x-vhdx", "the image of a disk")),
    (0, b"QFI\xfb", Foreign("application/x-qemu-disk", "the image of a disk")),
    (0, b"KDMV", Foreign("application/x-vmdk", "the image of a disk")),
    (0, b"\x00\x01\x00\x00\x00", Foreign("font/ttf", "a font")),
    (0, b"OTTO", Foreign("font/otf", "a font")),
    (0, b"ttcf", Foreign("font/collection", "a font")),
    (0, b"wOF", Foreign("font/woff2", "a font")),
    (0, b"FWS", Foreign("application/x-shockwave-flash", "a Flash film")),
    (0, b"CWS", Foreign("application/x-shockwave-flash", "a Flash film")),
    (0, b"glTF", Foreign("model/gltf-binary", "a 3D model")),
    (0, b"\x03\xd9\xa2\x9a", Foreign("application/x-keepass", "a store of passwords (KeePass)")),
    (0, b"LUKS\xba\xbe", Foreign("application/x-luks", "an encrypted disk", _DECRYPT, Why.ENCRYPTED)),
    (0, b"Salted__", Foreign("application/x-openssl", "encrypted with OpenSSL", _DECRYPT, Why.ENCRYPTED)),
    (
        *(0, b"\x4c\x00\x00\x00\x01\x14\x02\x00"),
        Foreign("application/x-ms-shortcut", "a shortcut, not the file itself"),
    ),
    (0, b"regf", Foreign("application/x-windows-registry", "settings of Windows")),
    (0, b"ElfFile\x00", Foreign("application/x-ms-evtx", "a log of Windows")),
    (0, b"\xd4\xc3\xb2\xa1", Foreign("application/vnd.tcpdump.pcap", "recorded network traffic")),
    (0, b"\x80\x02}q", Foreign("application/x-pickle", "data of a Python program")),
    (0, b"\xac\xed\x00\x05", Foreign("application/x-java-serialized-object", "data of a Java program")),
    (0, b"\x00\x05\x16\x07", Foreign("application/applefile", "what macOS notes beside a file")),
)
_TEXTS = (
    (0, b"bplist00", Foreign("application/x-bplist", "settings of an Apple program")),
    (0, b"!<arch>\n", Foreign("application/x-archive", "an archive of programs (ar, deb)", _UNPACK)),
    (0, b"WARC/1.", Foreign("application/warc", "a web archive (WARC)")),
    (0, b"<MakerFile ", Foreign("application/vnd.framemaker", "a document of FrameMaker", _PDF)),
    (0, b"%!PS", Foreign("application/postscript", "a PostScript document", _PDF)),
    (0, b"SIMPLE  =", Foreign("application/fits", "scientific data (FITS)")),
    (0, b"age-encryption.org/", Foreign("application/x-age", "encrypted with age", _DECRYPT, Why.ENCRYPTED)),
    (0, b"-----BEGIN PGP MESSAGE-----", PGP),
    (0, b"d8:announce", Foreign("application/x-bittorrent", "a torrent, not the files themselves")),
)
# OBJECT IDENTIFIER 1.2.840.113549.1.7 near the beginning of a DER sequence
_PKCS7 = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
SIGNED = Foreign("application/pkcs7-signature", "an electronic signature without the text that it signs")
_ENVELOPED = Foreign(
    "application/pkcs7-mime", "encrypted for a certificate (S/MIME)", _DECRYPT, Why.ENCRYPTED
)
_CERTIFICATE = Foreign("application/pkix-cert", "a certificate or a key")
_STAR = Foreign("application/vnd.stardivision.writer", "a document of StarOffice", _PDF)
_WORKS = Foreign("application/vnd.ms-works", "a document of Works", _PDF)
# A stream or storage of an OLE file, and what it tells; the surest first.
_OLE = (
    ("VisioDocument", VISIO),
    ("QuillSub", Foreign("application/x-mspublisher", "a document of Publisher", _PDF)),
    ("TBkndTask", Foreign("application/vnd.ms-project", "a plan of Project", _PDF)),
    ("CMgrHdr2", Foreign("application/sldworks", "a drawing of SolidWorks", _PDF)),
    ("SwDocContentMgr", Foreign("application/sldworks", "a drawing of SolidWorks", _PDF)),
    ("BodyText", Foreign("application/x-hwp", "a document of Hangul (HWP)", _PDF)),
    ("PerfectOffice_MAIN", Foreign("application/vnd.wordperfect", "a document of WordPerfect Office", _PDF)),
    ("NativeContent_MAIN", Foreign("application/x-quattro-pro", "a sheet of Quattro Pro", _PDF)),
    ("StarWriterDocument", _STAR),
    ("StarCalcDocument", _STAR),
    ("StarDrawDocument3", _STAR),
    ("MatOST", _WORKS),
    ("MN0", _WORKS),
    ("CONTENTS", _WORKS),
    ("Catalog", Foreign("application/x-thumbs-db", "small pictures that Windows keeps (Thumbs.db)")),
)


def foreign_kind(head: bytes, *, binary: bool) -> Foreign | None:
    """The known kind that these first bytes announce.

    Args:
        binary: they are no text, in which a word may look like a mark.
    """
    for offset, mark, kind in (*_TEXTS, *(_BYTES if binary else ())):
        if head.startswith(mark, offset):
            return kind
    if head[:1] == b"\x30" and _PKCS7 in head[:40]:
        number = head[head.index(_PKCS7) + len(_PKCS7) :][:1]
        return SIGNED if number == b"\x02" else _ENVELOPED
    if head[:2] == b"\x30\x82" and head[4:6] in (b"\x30\x82", b"\x02\x01"):
        return _CERTIFICATE
    if head[:1] == b"\x03" and head[12:28] == bytes(16) and 1 <= head[2] <= 12 and 1 <= head[3] <= 31:
        return Foreign("application/x-dbf", "a database table (dBase)", "export it as CSV")
    if head[:1] in (b"\x84", b"\x85", b"\xc1", b"\xd2") and head[1:4] in (b"\x01\x0c\x03", b"\x02\x0c\x03"):
        return PGP
    return None


def foreign_ole(streams: set[str]) -> Foreign | None:
    """The known kind of an OLE file with these streams."""
    parts = {part for name in streams for part in name.split("/")}
    return next((kind for name, kind in _OLE if name in parts), None)


def foreign_zip(names: set[str]) -> Foreign | None:
    """The known kind of a zip with these members, which is a document and not an archive of files."""
    if any(name.endswith(".iwa") for name in names) or names & {"index.apxl", "Index.zip"}:
        return IWORK
    if any(name.lower().endswith(".fdseq") for name in names):
        return XPS
    return VISIO if "visio/document.xml" in names else None
