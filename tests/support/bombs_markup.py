"""Bombs that are text: markup and data that nest, repeat, name each other or never end, and what is written
to keep a pattern busy.
"""

from __future__ import annotations

from tests.support.bomb import SCANS, TEXT, Made, bomb

_HEAD = "<?xml version='1.0'?>"


@bomb(TEXT, "TOO_LARGE", "TRUNCATED", "EMPTY")
def billion_laughs() -> Made:
    lines = [f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 30)]
    return "laughs.xml", f"{_HEAD}<!DOCTYPE a [<!ENTITY a0 'ha'>{''.join(lines)}]><a>&a29;</a>".encode()


@bomb(TEXT, "TOO_LARGE", "TRUNCATED", "EMPTY")
def quadratic_entities() -> Made:
    return "quadratic.xml", (
        f"{_HEAD}<!DOCTYPE a [<!ENTITY b '{'b' * 1_000_000}'>]><a>{'&b;' * 100_000}</a>".encode()
    )


@bomb(TEXT, "TRUNCATED", "EMPTY")
def external_entities() -> Made:
    """Of a file, of a device that never ends, of a host, of a parameter."""
    parts = ["file:///etc/passwd", "file:///dev/zero", "http://127.0.0.1:9/a", "file:///proc/self/environ"]
    entities = "".join(f"<!ENTITY e{n} SYSTEM '{part}'>" for n, part in enumerate(parts))
    outside = "<!ENTITY % p SYSTEM 'file:///etc/passwd'>%p;"
    uses = "".join(f"<b>&e{n};</b>" for n in range(len(parts)))
    return "external.xml", f"{_HEAD}<!DOCTYPE a [{entities}{outside}]><a>before{uses}after</a>".encode()


@bomb(TEXT, "TRUNCATED", "UNSUPPORTED")
def deep_xml() -> Made:
    return "deep.xml", f"{_HEAD}{'<a>' * 1_000_000}words{'</a>' * 1_000_000}".encode()


@bomb(TEXT, "UNSUPPORTED")
def deep_html() -> Made:
    return "deep.html", f"<html><body>{'<div>' * 1_000_000}words".encode()


@bomb(TEXT, "UNSUPPORTED")
def html_of_elements_that_never_close() -> Made:
    """Each of them is opened again in each paragraph, by the rules."""
    return "open.html", ("<html><body>" + "<b><i><a href=x><font>" * 20_000 + "<p>words" * 20_000).encode()


@bomb(TEXT, "UNSUPPORTED")
def html_of_tables_in_tables() -> Made:
    return "tables.html", ("<html><body>" + "<table><tr><td>" * 20_000 + "words").encode()


@bomb(TEXT)
def html_with_huge_cells() -> Made:
    cell = "<td colspan=1000000000 rowspan=1000000000>words"
    return "cells.html", f"<html><body><table>{f'<tr>{cell * 100}' * 100}".encode()


@bomb(TEXT, "EMPTY", "TRUNCATED", "TIMEOUT", slow=True)
def attribute_storm() -> Made:
    attributes = " ".join(f"a{n}='v'" for n in range(300_000))
    return "storm.html", f"<html><body><p {attributes}>words</p></body></html>".encode()


@bomb(TEXT, "EMPTY", "TRUNCATED", slow=True)
def attribute_storm_in_xml() -> Made:
    attributes = " ".join(f"a{n}='v'" for n in range(300_000))
    return "storm.xml", f"{_HEAD}<a {attributes}>words</a>".encode()


@bomb(TEXT, "TRUNCATED")
def namespaces_without_end() -> Made:
    opened = "".join(f"<n{n}:a xmlns:n{n}='urn:{n}'>" for n in range(50_000))
    return "names.xml", f"{_HEAD}{opened}words".encode()


@bomb(TEXT, "UNSUPPORTED")
def html_for_patterns() -> Made:
    parts = [
        "<!--" + "-" * 400_000,
        "<" * 400_000,
        "&" * 400_000,
        "<a " + " " * 400_000,
        "<![CDATA[" * 50_000,
    ]
    return "patterns.html", ("<html><body><p>words" + "".join(parts)).encode()


@bomb(TEXT, "TRUNCATED")
def deep_fictionbook() -> Made:
    opened = "<section><title><p>words</p></title>" * 200_000
    name = "http://www.gribuser.ru/xml/fictionbook/2.0"
    return "deep.fb2", f"{_HEAD}<FictionBook xmlns='{name}'><body>{opened}".encode()


@bomb(TEXT, "UNSUPPORTED", "TRUNCATED")
def deep_json() -> Made:
    return "deep.json", b"[" * 1_000_000 + b"]" * 1_000_000


@bomb(TEXT, "UNSUPPORTED", "TRUNCATED")
def deep_json_of_names() -> Made:
    return "names.json", b'{"a":' * 300_000 + b"1" + b"}" * 300_000


@bomb(TEXT, "TRUNCATED", "TOO_LARGE", slow=True)
def huge_number() -> Made:
    return "number.json", b'{"a": ' + b"9" * 10_000_000 + b', "b": 1' + b"0" * 1_000_000 + b"e9999999}"


@bomb(TEXT, "TRUNCATED", slow=True)
def many_json_lines() -> Made:
    return "many.ndjson", b'{"a":[{"b":1}]}\n' * 1_000_000


@bomb(TEXT, "TRUNCATED", "TOO_LARGE")
def yaml_aliases() -> Made:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    return "laughs.yaml", "\n".join(lines).encode()


@bomb(TEXT, "TRUNCATED", "UNSUPPORTED")
def deep_yaml() -> Made:
    return "deep.yaml", b"a: " + b"[" * 200_000 + b"\n" + b"- " * 200_000


@bomb(TEXT, "TRUNCATED")
def yaml_that_merges() -> Made:
    keys = "\n".join(f"  k{n}: v" for n in range(2_000))
    merges = "\n".join(f"b{n}:\n  <<: *a" for n in range(5_000))
    return "merge.yaml", f"a: &a\n{keys}\n{merges}\n".encode()


@bomb(TEXT, slow=True)
def wide_csv() -> Made:
    return "wide.csv", (b"a," * 1_000_000 + b"b\n") * 5


@bomb(TEXT, slow=True)
def tall_csv() -> Made:
    return "tall.csv", b"a,b\n" * 5_000_000


@bomb(TEXT, slow=True)
def csv_with_an_open_quote() -> Made:
    return "quote.csv", b'a,b\n1,"' + b"words, and more\n" * 3_300_000


@bomb(TEXT, slow=True)
def csv_of_quotes() -> Made:
    return "quotes.csv", b"a,b\n" + b'"' * 20_000_001


@bomb(TEXT, slow=True)
def one_long_line() -> Made:
    return "line.txt", b"word " * 6_000_000


@bomb(TEXT, slow=True)
def one_long_word() -> Made:
    return "word.txt", b"a" * 20_000_000


@bomb(TEXT, "UNSUPPORTED", slow=True)
def text_in_no_encoding() -> Made:
    return "bytes.txt", bytes(range(0xA0, 0x100)) * 200_000


@bomb(TEXT, slow=True)
def combining_marks() -> Made:
    return "marks.txt", ("a" + "\u0301\u0327" * 5_000_000).encode()


@bomb(TEXT)
def markdown_for_patterns() -> Made:
    parts = ("[" * 100_000, "*a_" * 50_000, "`" * 100_001, "![](" * 50_000, ">" * 100_000, "<" * 100_000)
    parts += ("[a](<b" * 50_000, "- " * 50_000, "\\" * 100_000, "|" * 100_000 + "\n" + "|-" * 50_000)
    return "patterns.md", "\n\n".join(["# Words", *parts, "  " * 100_000 + "a"]).encode()


@bomb(TEXT, slow=True)
def markdown_of_references() -> Made:
    return "references.md", ("[a]" * 100_000 + "\n\n" + "[a]: b\n" * 100_000).encode()


@bomb(TEXT, slow=True)
def restructured_for_patterns() -> Made:
    parts = ("`" * 100_000, "*" * 100_000, "|a" * 50_000, "=" * 100_000, "+-" * 50_000, ":a:`" * 50_000)
    table = "+--" * 10_000 + "+\n" + "|a " * 10_000 + "|\n"
    return "patterns.rst", "\n\n".join(["Words\n=====", *parts, table * 20, ".. |a| replace:: |a|"]).encode()


@bomb(TEXT)
def org_for_patterns() -> Made:
    parts = ("*" * 100_000, "[[" * 50_000, "#+BEGIN_" * 20_000, ":a" * 50_000, "|" * 100_000, "<<" * 50_000)
    return "patterns.org", "\n".join(["* Words", *parts, "#+BEGIN_SRC\n" * 10_000]).encode()


@bomb(TEXT, "TRUNCATED", "UNSUPPORTED", slow=True)
def web_archive_in_itself() -> Made:
    """Parts in parts, each with a page that frames the one above."""
    head = b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b%d\r\n\r\n--b%d\r\n"
    parts = b"".join(head % (n, n) for n in range(3_000))
    page = b"Content-Type: text/html\r\nContent-Location: a\r\n\r\n<html><iframe src=a></iframe>words"
    return "nested.mhtml", b"From: <Saved>\r\nSnapshot-Content-Location: a\r\n" + parts + page


@bomb(TEXT, slow=True)
def card_in_one_line() -> Made:
    return "card.vcf", b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A B\r\nNOTE:" + b"words\\n " * 6_000_000 + b"\r\n"


@bomb(TEXT, slow=True)
def calendar_for_ever() -> Made:
    event = b"BEGIN:VEVENT\r\nSUMMARY:words\r\nDTSTART:19000101T000000\r\nRRULE:FREQ=SECONDLY;INTERVAL=1\r\n"
    event += b"RDATE:" + b"20200101T000000," * 1_000 + b"\r\nEND:VEVENT\r\n"
    return "ever.ics", b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + event * 500 + b"END:VCALENDAR\r\n"


@bomb(TEXT, slow=True)
def calendar_of_folds() -> Made:
    return "folds.ics", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:w" + b"\r\n a" * 5_000_000


@bomb(TEXT, SCANS, "EMPTY", "TRUNCATED", "UNSUPPORTED")
def rtf_of_groups() -> Made:
    return "deep.rtf", b"{\\rtf1\\ansi words " + b"{\\b " * 1_000_000


@bomb(TEXT, SCANS, "EMPTY", "TRUNCATED")
def rtf_that_lies() -> Made:
    """Of the length of what follows, of a font, of a character; and pictures in pictures."""
    lies = b"\\bin2147483647 \\u-99999999? \\f99999999999999999999 \\'zz\\uc99999 "
    return "lies.rtf", b"{\\rtf1\\ansi words " + lies * 50_000 + b"{\\pict\\bin-5 " * 10_000


@bomb(TEXT, SCANS, "EMPTY", slow=True)
def rtf_of_tables() -> Made:
    return "tables.rtf", b"{\\rtf1\\ansi " + (
        b"\\trowd" + b"\\cellx1" * 1_000 + b"a\\cell" * 1_000 + b"\\row"
    ) * 300
