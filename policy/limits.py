"""Every hard limit of the appliance, in one frozen object that is passed in, never looked up."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB

_SOFT = 5 / 6  # of the time: 3 of 18 s are left to hand over what was read


@dataclass(frozen=True)
class Limits:
    """Bytes, seconds and counts. Each exists because an input without it could stop the appliance."""

    item_bytes: int = 256 * MIB  # larger files are quarantined as TOO_LARGE before they are read
    text_chars: int = 20_000_000  # text kept of one item
    elements: int = 200_000
    replies: int = 64  # of a parser to one request; more than are ever asked for at once
    table_cells: int = 100_000  # of one item; beyond them a table is text only
    pages: int = 20_000  # of one document
    children: int = 10_000  # attachments and members of one item
    child_bytes: int = 256 * MIB  # all children of one item together
    depth: int = 5  # attachment within attachment
    descendants: int = 20_000  # items that came out of one item, at any depth
    descendant_bytes: int = 2048 * MIB  # all of them together
    unpack_ratio: int = 200  # bytes out of one byte, beyond the first 64 MiB
    frame_bytes: int = 128 * MIB  # one message between two processes
    parse_wall_s: float = 18.0  # of one document, or of one page's picture, without progress
    parse_wall_more_s: float = 0.1  # more for each unit of progress: a page, a slide, a thousand rows
    parse_wall_most_s: float = 600.0
    parse_cpu_s: int = 1200  # of processor time, over all threads of a worker
    parse_memory: int = 880 * MIB  # private writable memory of one parser worker (RLIMIT_DATA): 1 GB in all
    convert_wall_s: float = 18.0  # of one document in LibreOffice
    convert_memory: int = 512 * MIB  # private writable memory of a converter (RLIMIT_DATA)
    convert_files: int = 256 * MIB  # in its folder, which is memory too
    import_memory: int = 192 * MIB  # private writable memory of a splitter of mailboxes (RLIMIT_DATA)
    import_silence_s: float = 120.0  # a splitter that says nothing for so long is stuck
    connector_memory: int = 80 * MIB  # private writable memory of one; with its libraries' code under 100
    image_pixels: int = 120_000_000
    parse_attempts: int = 2  # the second failure quarantines
    query_chars: int = 4_096  # of a query, and of each value of a filter beside it
    query_pieces: int = 64  # phrases, prefixes, alternatives and exclusions of one query
    query_prefixes: int = 8  # of those, how many end in a star: each stands for many words
    query_conditions: int = 64  # values of fields, of the query and of the filters beside it
    message_bytes: int = 256 * KIB  # of a client of the Model Context Protocol
    page_size: int = 200
    deleted_at_once: int = 1_000  # items; the store takes nothing in meanwhile
    kept_searches: int = 100  # each is asked of all that comes in
    kept_questions: int = 100  # the last ones; each is asked again every night
    free_disk_bytes: int = 256 * MIB  # below this intake pauses

    def wall_s(self, done: int) -> float:
        """How long a document may be read of which so many units have been read. Then the core ends it."""
        return min(self.parse_wall_s + self.parse_wall_more_s * done, self.parse_wall_most_s)

    def soft_wall_s(self, done: int) -> float:
        """After how long a reader itself makes an end, so that what it has read can be kept."""
        return self.wall_s(done) * _SOFT

    def page(self, wanted: int) -> int:
        """How many rows a listing gives that is asked for so many: at least one, at most a page."""
        return max(1, min(wanted, self.page_size))
