"""No secret ends anywhere but in encrypted form: over two hundred words are planted in all that comes in, and
then looked for in the home, in what the service prints, in its processes and wherever temporary files are.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import docx
import pytest
import zstandard

from ingest.readers.samples import pack, pdf
from policy.redact import Private
from tests.support.canaries import Canaries, Watched, family, fresh_in, journal, now
from tests.support.dovecot import PROGRAM, Dovecot, dovecot
from tests.support.homes import CHEAP_KDF, PASSPHRASE, open_vault
from tests.support.running import Running, strongroom
from tests.support.winzip import locked_zip

SHARED = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))
MAILS, LETTERS, BOXES, UPLOADS = 9, 8, 2, 4
FOLDER = "INBOX"


class Office:
    """A service whose passphrase, documents, mails, questions and mistakes are full of canaries."""

    def __init__(self, folder: Path, server: Dovecot | None, canaries: Canaries, user: str) -> None:
        self.folder = folder
        self.canaries = canaries
        self.since = now()
        self.server = server
        self.spared = [folder] + ([server.base] if server else [])
        self.cwd, self.temporary = folder / "work", folder / "temporary"
        for made in (self.cwd, self.temporary):
            made.mkdir()
        self.service = Running(folder, self._account(user) if server else "")
        self.expected = 0  # items, at least
        self.named = dict[str, str]()  # words that are to be found → how
        self._change_passphrase()

    def _account(self, user: str) -> str:
        assert self.server is not None
        ca = self.folder / "ca.pem"
        ca.write_bytes(self.server.ca)
        return (f'[[mail]]\nname = "office"\nhost = "localhost"\nport = {self.server.tls_port}\n'
                f'user = "{user}"\nca_file = "{ca}"\n')  # fmt: skip

    def _change_passphrase(self) -> None:
        """From the one of all tests to a canary; a wrong one is tried as well."""
        fresh, wrong = (f"our {self.canaries.new('a passphrase')} house" for _ in range(2))
        self.service.key_file.write_text(wrong)
        refused = strongroom("serve", "--home", str(self.service.home), *self.service._passphrase())
        assert refused.returncode == 77
        (self.folder / "said").write_text(refused.stdout + refused.stderr)
        vault = open_vault(self.service.home)
        vault.change_passphrase(PASSPHRASE, Private(fresh.encode()), kdf=CHEAP_KDF)
        vault.close()
        self.service.key_file.write_text(fresh)

    def start(self) -> None:
        """With core files allowed, as a careless owner might, and watched places for files."""
        before = os.getcwd()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TMPDIR", str(self.temporary))
            os.chdir(self.cwd)
            try:
                self.service.start()
            finally:
                os.chdir(before)

    def drop(self) -> None:
        """Papers of many kinds, named and filed by canaries."""
        new = self.canaries.new
        for number in range(LETTERS):
            word = new("a letter's text")
            self.named[word] = "keyword"
            path = self.service.drop / new("a folder's name") / f"{new('a file name')}.txt"
            path.parent.mkdir()
            path.write_text(f"Letter {number}: the {word} goes to {new('a letter')} by Friday, please.\n" * 3)
        for _ in range(BOXES):
            members = {
                f"{new('a folder in an archive')}/{new('a member')}.txt": f"In a box: {new('a member')} " * 9
            }
            (self.service.drop / f"{new('an archive')}.zip").write_bytes(pack(members))
            (self.service.drop / f"{new('a paper')}.docx").write_bytes(self._paper())
            (self.service.drop / f"{new('a print')}.pdf").write_bytes(pdf([f"Printed {new('a print')} here"]))
        (self.service.drop / f"{new('noise')}.bin").write_bytes(os.urandom(999) + new("noise").encode())
        (self.service.drop / f"{new('damage')}.docx").write_bytes(b"PK\3\4" + new("damage").encode() * 99)
        (self.service.drop / f"{new('broken')}.json").write_text('{"a": "' + new("broken JSON"))
        self.expected += LETTERS + 4 * BOXES + 3

    def _paper(self) -> bytes:
        new, paper, file = self.canaries.new, docx.Document(), io.BytesIO()
        paper.add_heading(new("a heading"))
        run = paper.add_paragraph(f"The paper says {new('a paragraph')}.").runs
        paper.add_comment(run, text=new("a comment"), author=new("a comment's author"))
        paper.add_table(1, 1).cell(0, 0).text = new("a cell")
        about = paper.core_properties
        about.title, about.author = new("a title"), new("an author")
        about.comments, about.keywords = new("a document's comment"), new("a keyword")
        paper.save(file)
        return file.getvalue()

    def letters(self) -> list[bytes]:
        """Mails with canaries in whatever a mail has."""
        return [self._mail() for _ in range(MAILS)]

    def _mail(self) -> bytes:
        new, mail = self.canaries.new, EmailMessage()
        mail["From"] = f"{new('a sender')} <{new('a sender')}@{new('a domain')}.example>"
        mail["To"] = f"{new('a recipient')} <{new('a recipient')}@example.org>"
        mail["Subject"] = f"About {new('a subject')}"
        mail["Message-ID"] = f"<{new('a message id')}@example.org>"
        mail.set_content(f"Please see {new('a body')} by Monday.\n")
        mail.add_attachment(f"attached: {new('an attachment')}", filename=f"{new('an attachment')}.txt")
        return mail.as_bytes()

    def upload(self) -> None:
        """Through the API: documents, and a locked one with its password, first the wrong one."""
        new, client = self.canaries.new, self.service.client
        for _ in range(UPLOADS):
            client.upload(f"{new('an upload')}.md", io.BytesIO(f"# {new('an upload')}\n".encode()))
        password = new("a document's password")
        locked = locked_zip(
            {f"{new('a locked member')}.txt": new("a locked text").encode()}, password, "aes3"
        )
        item = client.upload(f"{new('a locked archive')}.zip", io.BytesIO(locked))["item"]
        path = f"/v1/items/{item}"
        self.service.until(lambda: client.call("GET", path)["item"]["reason"], "the locked archive")
        for given in (new("a wrong password"), password):
            client.call("POST", f"{path}/unlock", {"password": given})
            self.service.until(lambda: client.call("GET", path)["item"]["state"] != "STORED", "the password")
        self.expected += UPLOADS + 2

    def ask(self) -> None:
        """Questions of every kind, right and wrong, and requests that no service expects."""
        new, client = self.canaries.new, self.service.client
        for mode in ("hybrid", "semantic", "keyword"):
            for query in (new("a question"), f'"{new("a phrase")} of" -{new("an exclusion")}'):
                client.call("POST", "/v1/search", {"query": query, "mode": mode})
        filters = {"sender": new("a filter"), "tags": [new("a filter")], "projects": [new("a filter")]}
        client.call("POST", "/v1/search", {"query": new("a question"), "filters": filters})
        client.call("GET", "/v1/people", query=new("a question"))
        token = client.call(
            "POST", "/v1/tokens", {"name": new("a token's name"), "scopes": ["search", "read"]}
        )
        self.canaries.secret(token["token"], "a token")
        bearer = {"Authorization": f"Bearer {token['token']}"}
        for body in (f"{new('no JSON')}", f'["{new("a list")}"]', f'{{"query": 3, "x": "{new("a field")}"}}',
                     f'{{"query": "{new("a bad query")} from:", "mode": "{new("a mode")}"}}',
                     f'{{"query": "\\"{new("an open phrase")}"}}'):  # fmt: skip
            self.request("POST", "/v1/search", body.encode(), **bearer)
        self.request("GET", f"/v1/items/{new('an id')}", **bearer)
        self.request("GET", f"/v1/{new('a path')}?{new('a parameter')}={new('a value')}", **bearer)
        self.request("DELETE", f"/v1/items/{new('an id')}", **bearer)
        self.request(new("a method").upper(), "/v1/search", **bearer)
        self.request("GET", "/v1/status", Authorization=f"Bearer {new('a wrong token')}")
        self.request("GET", "/v1/status", **bearer, Origin=f"http://{new('an origin')}.example")
        self.request("GET", "/v1/status", **bearer, Host=f"{new('a host')}.example")
        self.request("GET", "/v1/status", **bearer, **{f"X-{new('a header')}": new("a header")})
        for what in ("/metrics", "/v1/status"):
            assert not self.canaries.seen_in(self.request("GET", what, **bearer)), what

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
        """Over loopback, as another tool would; what is answered is for the asker alone."""
        host, port = self.service.client.call("GET", "/v1/status")["url"].removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        with contextlib.closing(connection), contextlib.suppress(http.client.HTTPException):
            connection.request(method, path, body, headers)
            return connection.getresponse().read()
        return b""

    def leaks(self) -> list[str]:
        """Every place where a canary is that must not be there."""
        home, canaries = self.service.home, self.canaries
        spared = [home / "drop", home / "strongroom.toml"]  # plain folders and files of the owner
        found = canaries.seen_below(home, spared)
        for folder in (self.cwd, self.temporary):
            found += canaries.seen_below(folder)
        for path in (self.service.log, self.folder / "said"):
            found += [f"{path.name}: {each}" for each in canaries.seen_in(path.read_bytes())]
        for path in fresh_in(SHARED, self.since, self.spared):
            with contextlib.suppress(OSError):
                found += [f"{path}: {each}" for each in canaries.seen_in(os.fsencode(path.name))]
                if path.is_file():
                    found += [f"{path}: {each}" for each in canaries.seen_in(path.read_bytes()[: 1 << 26])]
        found += [f"journal: {each}" for each in canaries.seen_in(journal(self.since))]
        return found

    def settled(self) -> None:
        """All is read, and the drop folder empty."""
        self.service.settled(self.expected)
        self.service.until(lambda: not [p for p in self.service.drop.rglob("*") if p.is_file()], "the intake")

    def finds(self) -> None:
        """The control of it all: what was planted is in there, and found by who may ask."""
        for word, mode in self.named.items():
            assert self.service.search(word, mode=mode), "a planted word is not found"

    def pid_of(self, role: str) -> int:
        """One process of this role."""
        running = self.service.client.call("GET", "/v1/status")["processes"]
        return next(int(one["pid"]) for one in running if one["role"] == role)


@contextlib.contextmanager
def made_office(folder: Path) -> Iterator[Office]:
    """An office with all its papers in, and the watch over its processes."""
    canaries = Canaries()
    user, password = "owner", canaries.new("a mail password")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(dovecot({user: password})) if PROGRAM.exists() else None
        office = Office(folder, server, canaries, user)
        service = office.service
        watched = Watched(canaries, lambda: service.process.pid if service.process else None)
        stack.enter_context(watched)
        mails = office.letters()
        if server:
            server.deliver(mails, FOLDER)
        office.drop()
        office.start()
        try:
            if server:
                service.client.call("POST", "/v1/mail/office/secret", {"id": "office", "secret": password})
                service.client.call("POST", "/v1/mail/office/sync", {})
                office.expected += 2 * len(mails)
            else:
                for mail in mails:
                    service.client.upload("mail.eml", io.BytesIO(mail))
            office.upload()
            office.settled()
            office.ask()
            office.finds()
            yield office
        finally:
            if service.process is not None:
                service.stop()
    assert not watched.found, sorted(watched.found)
    assert len(watched.looked_at) >= 4  # guard, core, parser, model


def test_no_canary_is_seen_while_it_works_nor_after_a_deletion_and_the_stop(tmp_path: Path) -> None:
    with made_office(tmp_path) as office:
        assert len(office.canaries.planted) >= 200
        assert office.leaks() == []
        (hit, *_) = office.service.search(next(iter(office.named)), mode="keyword")
        office.service.client.call("DELETE", f"/v1/items/{hit['item']}")
        assert office.leaks() == []
        assert list(office.temporary.iterdir()) == []  # nobody's temporary file, whatever is in it
        assert office.service.stop() == 0
        assert office.leaks() == []
        assert list(office.cwd.iterdir()) == list(office.temporary.iterdir()) == []
        places = [office.service.log, office.temporary / "x", office.cwd / "core", office.service.home / "x"]
        for number, path in enumerate(places, 1):  # the control: here a leak is seen
            with path.open("ab") as file:
                file.write(office.canaries.new("a leak").encode())
            assert len(office.leaks()) == number


@pytest.mark.parametrize(
    "written",
    [
        str.encode,
        lambda word: word.upper().encode("latin-1"),
        lambda word: word.encode("utf-16-le"),
        lambda word: word.encode("utf-16-be"),
        lambda word: base64.b64encode(f"ab{word}c".encode()),
        lambda word: word.encode().hex().encode(),
        lambda word: word[::-1].encode(),
        lambda word: b"\0" * 9 + zlib.compress(word.encode() * 9),
        lambda word: b"\0" * 9 + zstandard.ZstdCompressor().compress(b"some more " * 9 + word.encode()),
    ],
    ids=["utf-8", "upper", "utf-16", "utf-16 be", "base64", "hex", "reversed", "zlib", "zstd"],
)
def test_the_search_sees_a_canary_however_it_is_written(tmp_path: Path, written: Any) -> None:
    canaries = Canaries()
    (tmp_path / "file").write_bytes(os.urandom(1 << 16) + written(canaries.new("here")) + os.urandom(99))
    assert canaries.seen_below(tmp_path)


def test_the_search_sees_names_processes_and_temporary_files(tmp_path: Path) -> None:
    canaries, since = Canaries(), now()
    (tmp_path / f"x{canaries.new('a name')}x").mkdir()
    assert canaries.seen_below(tmp_path)
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    for arguments, environment in (([canaries.new("an argument")], {}), ([], {"A": canaries.new("a value")})):
        started = subprocess.Popen([*sleeper, *arguments], env={**os.environ, **environment})
        try:
            with Watched(canaries, lambda: os.getpid()) as watched:
                while started.pid not in watched.looked_at:
                    pass
        finally:
            started.kill()
            started.wait()
        assert any(f"process {started.pid}:" in line for line in watched.found)
    with contextlib.suppress(OSError), open(f"/dev/shm/{canaries.new('a file')}", "x") as file:
        assert Path(file.name) in fresh_in(SHARED, since, [tmp_path])
        os.unlink(file.name)


@pytest.mark.nightly
@pytest.mark.parametrize("role", ["core", "parser", "model", "guard"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_no_canary_is_seen_after_a_crash(tmp_path: Path, role: str, number: signal.Signals) -> None:
    with made_office(tmp_path) as office:
        for path in (office.service.drop / f"{n}.txt" for n in range(20)):
            path.write_text(f"One more: {office.canaries.new('work in hand')} " * 50)
        process = office.service.process
        assert process is not None
        os.kill(process.pid if role == "guard" else office.pid_of(role), number)
        if role in ("core", "guard"):
            process.wait(60)
            for pid in family(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert office.leaks() == []
            office.start()
        office.expected += 20
        office.settled()
        office.finds()
        assert office.leaks() == []
        assert list(office.cwd.iterdir()) == []  # no core file


@pytest.mark.nightly
def test_no_canary_is_seen_in_a_backup_and_the_backup_serves(tmp_path: Path) -> None:
    with made_office(tmp_path) as office:
        copies = {"running": tmp_path / "running" / "home", "stopped": tmp_path / "stopped" / "home"}
        for name, copy in copies.items():
            if name == "stopped":
                assert office.service.stop() == 0
            shutil.copytree(office.service.home, copy, ignore=lambda place, _: {"run", "drop"})
            (copy / "drop").mkdir()
            spared = [copy / "strongroom.toml"]
            assert office.canaries.seen_below(copy, spared) == []
        for copy in copies.values():
            office.service.home, office.service.drop = copy, copy / "drop"
            office.service.client = type(office.service.client)(copy / "run" / "api.sock")
            office.start()
            office.finds()
            assert office.leaks() == []
            assert json.loads(strongroom("verify", "--json", home=copy).stdout)["problems"] == []
            office.service.stop()


@contextlib.contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    """A disk in memory of so many MiB, for a test that runs as root."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0700", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.nightly
def test_no_canary_is_seen_when_the_disk_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 400) as disk, made_office(disk) as office:
        filler = disk / "filler"
        with filler.open("wb") as file:
            space = os.statvfs(disk)
            os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize - (1 << 16))
        more = [office.service.drop / f"{office.canaries.new('a file name')}.txt" for _ in range(5)]
        for path in more:
            path.write_text(f"Too much: {office.canaries.new('what finds no room')}\n")
        office.service.until(lambda: b"intake pauses" in office.service.log.read_bytes(), "the full disk")
        office.finds()
        assert office.leaks() == []
        filler.unlink()
        office.expected += len(more)
        office.settled()
        assert office.leaks() == []
