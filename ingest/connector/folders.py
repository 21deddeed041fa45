"""Names of folders: as the server lists them, as the core knows them, and back again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imapclient import imap_utf7
from imapclient.exceptions import ProtocolError
from imapclient.response_parser import parse_response

from ingest.connector.engine import Part
from ingest.connector.fetching import answers
from ingest.connector.login import quoted
from ingest.connector.messages import Failure, RemoteFolder
from ingest.errors import RemoteFailed


class Names:
    """Remembers how odd names were written: what is not modified UTF-7 must go back as it came."""

    def __init__(self) -> None:
        self._odd: dict[str, bytes] = {}

    def read(self, parts: Sequence[Part]) -> Iterator[RemoteFolder]:
        """The folders of LIST's answers; one that is nonsense is left out alone."""
        for answer in answers(parts):
            try:
                flags, _delimiter, untrusted_name = parse_response(answer)
                written = untrusted_name
                if isinstance(written, int):  # a name of digits
                    written = str(written).encode()
                name = self._decode(written)
                yield RemoteFolder(name=name, flags=tuple(flag.decode("ascii", "replace") for flag in flags))
            except (ProtocolError, ValueError, TypeError, AttributeError, RecursionError):
                continue

    def written(self, name: str) -> bytes:
        """A folder's name for a command."""
        raw = self._odd.get(name) or imap_utf7.encode(name)
        if not raw or any(byte < 0x20 or byte == 0x7F for byte in raw):  # a line end would begin a command
            raise RemoteFailed(Failure.FOLDER, "no command can name it")
        return quoted(raw)

    def _decode(self, written: bytes) -> str:
        try:
            name = imap_utf7.decode(written)
            name.encode()  # no lone surrogates
            if imap_utf7.encode(name) == written:
                return str(name)
        except ValueError:
            pass
        name = written.decode("utf-8", "replace")
        self._odd[name] = written
        return name
