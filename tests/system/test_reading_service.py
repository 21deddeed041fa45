"""Reading as the owner meets it: locked papers, archives, scans, pages as they look, and what is not read."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from appliance.errors import RequestRefused
from ingest.readers.samples import pack, pdf
from tests.support.running import Running, command, running, strongroom

HOSTILE = Path(__file__).parents[2] / "fixtures" / "hostile"
LETTER = "The quokkafern stands behind the greenhouse and wants water by Friday."


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("reading")) as made:
        yield made


def item(service: Running, name: str) -> dict[str, Any]:
    """The one item of this name, once it is no longer waiting."""

    def ended() -> dict[str, Any]:
        items = service.client.call("GET", "/v1/items", limit=200)["items"]
        done = (one for one in items if one["state"] not in ("STORED", "PARSED"))
        return next((one for one in done if one["name"] == name), {})

    return service.until(ended, f"{name} to be read")


def drop(service: Running, name: str, content: bytes) -> dict[str, Any]:
    path = service.drop / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return item(service, path.name)


def found(service: Running, query: str, one: str) -> dict[str, Any]:
    """The hit of this item, once it is found by word."""

    def hit() -> dict[str, Any]:
        hits = service.search(query, mode="keyword")
        return next((hit for hit in hits if hit["item"] == one), {})

    return service.until(hit, f"{query!r} to be found")


def unlock(service: Running, one: str, password: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("items", "unlock", one, "--home", str(service.home), "--json"),
        input=password + "\n",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["Gehälter 2026 geschützt.pdf", "Gehälter 2026 geschützt.docx"])
def test_a_locked_paper_is_opened_with_its_password(service: Running, name: str) -> None:
    locked = drop(service, name, (HOSTILE / name).read_bytes())
    assert (locked["state"], locked["reason"]) == ("QUARANTINED", "NEEDS_PASSWORD")
    found(service, "Gehälter geschützt", locked["id"])
    assert locked["id"] not in {hit["item"] for hit in service.search("Wolkenpfropf", mode="keyword")}
    wrong = json.loads(unlock(service, locked["id"], "birkenhaus").stdout)["item"]
    assert (wrong["state"], wrong["reason"]) == ("QUARANTINED", "NEEDS_PASSWORD")
    assert "does not open" in wrong["detail"]
    assert unlock(service, locked["id"], "erlenhaus").returncode == 0
    assert item(service, name)["reason"] is None
    found(service, "Wolkenpfropf", locked["id"])
    # A second reading that fails takes nothing away: hits still point into the text of the first.
    again = json.loads(unlock(service, locked["id"], "birkenhaus").stdout)["item"]
    assert (again["state"], again["reason"]) == ("QUARANTINED", "NEEDS_PASSWORD")
    hit = found(service, "Wolkenpfropf", locked["id"])
    told = service.client.call("GET", f"/v1/items/{locked['id']}/text")
    assert "Wolkenpfropf" in told["text"][slice(*hit["offsets"])]
    assert told["elements"]
    for secret in (b"erlenhaus", b"birkenhaus"):
        assert secret not in service.log.read_bytes()


def test_an_archive_is_taken_apart(service: Running) -> None:
    inner = pack({"deep/letter.txt": LETTER.replace("quokkafern", "numbatweed")})
    outside = f"Not here. {LETTER}"
    archive = pack({"2026/Invoices/note.txt": LETTER, "more.zip": inner, "../../../outside.txt": outside})
    made = drop(service, "papers.zip", archive)
    detail = service.client.call("GET", f"/v1/items/{made['id']}")
    paths = sorted(child["path"] for child in detail["children"])
    assert paths == ["2026/Invoices/note.txt", "more.zip", "outside.txt"]
    assert not (service.drop.parent.parent / "outside.txt").exists()
    item(service, "letter.txt")
    (hit,) = service.until(lambda: service.search("numbatweed", mode="keyword"), "the letter in the archive")
    letter = service.client.call("GET", f"/v1/items/{hit['item']}")["item"]
    parents = [letter["path"]]
    while letter["parent"]:
        letter = service.client.call("GET", f"/v1/items/{letter['parent']}")["item"]
        parents.append(letter["name"])
    assert parents == ["deep/letter.txt", "more.zip", "papers.zip"]
    found(service, "Invoices note", made["id"])


def test_the_page_of_a_hit_is_shown_as_it_looks(service: Running, tmp_path: Path) -> None:
    made = drop(service, "two pages.pdf", pdf(["nothing here", LETTER]))
    target = tmp_path / "page.png"
    shown = strongroom("show", made["id"], "--page", "2", str(target), home=service.home)
    assert shown.returncode == 0, shown.stderr
    with Image.open(target) as image:
        assert image.format == "PNG"
        assert 0.7 < image.width / image.height < 0.8  # a letter page
        assert min(image.convert("L").tobytes()) < 64  # something is printed on it
    beyond = strongroom("show", made["id"], "--page", "3", str(tmp_path / "none.png"), home=service.home)
    assert beyond.returncode != 0
    assert "page" in beyond.stderr
    assert not (tmp_path / "none.png").exists()
    text = drop(service, "plain.txt", LETTER.encode() * 2)
    with pytest.raises(RequestRefused):
        service.client.download(f"{text['id']}/pages/1", io.BytesIO())


def test_a_table_keeps_its_cells_and_its_header(service: Running) -> None:
    made = drop(service, "fees.csv", b"Payee,Amount\nBrandt & <b>Sons</b>,120\nMill,90\n")
    told = service.client.call("GET", f"/v1/items/{made['id']}/text")
    (table,) = [element for element in told["elements"] if element["table"]]
    cells = [
        [told["text"][start:end] for start, end in zip(row[::2], row[1::2], strict=True)]
        for row in table["table"]["rows"]
    ]
    assert cells == [["Payee", "Amount"], ["Brandt & <b>Sons</b>", "120"], ["Mill", "90"]]
    assert table["html"].startswith("<table><thead><tr><th>Payee</th><th>Amount</th></tr></thead>")
    assert "<td>Brandt &amp; &lt;b&gt;Sons&lt;/b&gt;</td>" in table["html"]


def test_what_is_on_no_row_is_found_by_its_name_and_folder(service: Running) -> None:
    made = drop(service, "Wombatgrove/floor_plan-0417.dwg", b"AC1027" + os.urandom(4_000))
    assert (made["state"], made["reason"]) == ("QUARANTINED", "UNSUPPORTED")
    for query in ("floor plan 0417", "wombatgrove"):
        assert found(service, query, made["id"])["reason"] == "UNSUPPORTED"
    assert service.client.call("GET", f"/v1/items/{made['id']}/text")["text"] == ""
    assert service.client.call("GET", "/v1/status")["reasons"]["UNSUPPORTED"] >= 1


def test_the_table_of_formats_needs_no_service(service: Running) -> None:
    told = subprocess.run(
        [*command("formats", "--json")], capture_output=True, text=True, check=True, cwd="/"
    ).stdout
    rows = {row["name"]: row for row in json.loads(told)}
    assert {"pdf", "docx", "zip", "7z", "heic", "yaml", "rst", "fb2", "doc"} <= rows.keys()
    assert all(row["detected_by"] and row["library"] and row["extracts"] for row in rows.values())
    assert service.client.call("GET", "/v1/formats") == json.loads(told)
    heavy = "import sys, appliance.cli, ingest.readers.formats; print({'lxml', 'PIL'} & {*sys.modules})"
    said = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "set()"
