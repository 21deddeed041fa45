"""The demonstration behind `./install.sh --demo`: the whole way on the documents of a small invented office,
in a throw-away home, ending with two proofs. Exits 0 only if all of it came true.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

from appliance import render, render_mail, render_meaning
from appliance.settings import FILE_NAME
from appliance.throwaway import PATIENCE_S, Throwaway, progress

CORPUS = ("mail", "docs", "hostile")
SEARCHES = 3
CONFINED = 3  # core, parser, model: each tests itself once


class Demonstration:
    """One run: its home, its service, and what did not come true."""

    def __init__(self, fixtures: Path, workplace: Path) -> None:
        self.fixtures = fixtures
        self.expected = tomllib.loads((fixtures / "expected.toml").read_text(encoding="utf-8"))
        self.place = Throwaway(workplace)
        self.home = self.place.home
        self.client = self.place.client
        self.failures: list[str] = []

    def prepare(self) -> None:
        """A new home with the office's projects and tags."""
        configuration = (self.fixtures / FILE_NAME).read_text(encoding="utf-8")
        self.place.prepare(configuration)

    def drop(self) -> int:
        """Copy the office's papers into the drop folder, as a person would."""
        count = 0
        for folder in CORPUS:
            shutil.copytree(self.fixtures / folder, self.home / "drop" / folder)
            count += sum(path.is_file() for path in (self.fixtures / folder).rglob("*"))
        return count

    def wait(self, files: int) -> None:
        """Show progress until every document is read, indexed and enriched, or quarantined."""
        standing = self.place.wait(progress)
        if standing.ended == standing.total:
            print(f"\n{files} files became {standing.total} items with their attachments")
        else:
            left = standing.total - standing.ended
            self.failures.append(f"no progress for {PATIENCE_S} s: {left} items are unfinished")

    def check_outcomes(self) -> None:
        """Each file must have ended as `expected.toml` says, with its reason."""
        found = {one["name"]: one for one in self.place.items()}
        for file in self.expected["file"]:
            names = [Path(path).name for path in (file["path"], *file.get("same_bytes_as", ()))]
            one = next((found[name] for name in names if name in found), None)
            if one is None:
                self.failures.append(f"{names[0]}: not stored")
            elif one["state"] == "QUARANTINED":
                if file["outcome"] == "read" or one["reason"] not in file["reasons"]:
                    self.failures.append(f"{names[0]}: quarantined as {one['reason']} ({one['detail']})")
            elif file["outcome"] == "quarantined":
                self.failures.append(f"{names[0]}: read, but should be quarantined")
        quarantined = [one for one in found.values() if one["state"] == "QUARANTINED"]
        for one in sorted(quarantined, key=lambda one: str(one["reason"])):
            print(f"  {one['reason']:14} {render.inert(one['name'])}")

    def conversations(self) -> None:
        """The messages must stand in the conversations that `expected.toml` says; the first is shown."""
        threads = {one["name"]: one["thread"] for one in self.place.items()}
        meant: dict[str, set[str | None]] = {}
        for file in self.expected["file"]:
            if "thread" in file:
                meant.setdefault(file["thread"], set()).add(threads.get(Path(file["path"]).name))
        torn = [name for name, found in meant.items() if len(found) != 1 or None in found]
        self.failures += [f"the conversation {name} is torn" for name in torn]
        if not torn and len(set().union(*meant.values())) != len(meant):
            self.failures.append("two conversations became one")
        first = next(iter(meant.values())).pop()
        print(f"\n{len(meant)} conversations, one of them:")
        print(render_mail.conversation(self.client.call("GET", f"/v1/threads/{first}")))

    def searches(self) -> None:
        """Questions of the office, with their hits; all are checked, the first ones shown."""
        for number, search in enumerate(self.expected["search"]):
            found = self.client.call("POST", "/v1/search", {"query": search["query"], "limit": 5})
            names = [hit["name"] for hit in found["hits"]]
            wanted = {Path(path).name for path in search["files"]}
            if not wanted & set(names):
                self.failures.append(
                    f"search {search['query']!r}: none of the expected files among the first 5"
                )
            if number < SEARCHES:
                print(f"\n? {search['query']}")
                print(render.results({**found, "hits": found["hits"][:3]}))

    def meaning(self) -> None:
        """Action items and project links."""
        actions = self.client.call("GET", "/v1/actions", limit=200)
        projects = self.client.call("GET", "/v1/projects")
        print(f"\n{len(actions)} action items, the first due:")
        print(render.actions(actions[:6]))
        print("\nprojects:")
        print(render_meaning.projects([{**one, "links": one["links"][:3]} for one in projects]))
        if not actions:
            self.failures.append("no action item was found")
        self.failures += [f"nothing is linked to {one['name']}" for one in projects if not one["items"]]

    def proofs(self) -> None:
        """No plaintext in the home while the service runs, and no attempt to reach a network."""
        canaries = [canary["text"] for canary in self.expected["canary"]] + [self.place.passphrase]
        files, leaks = _scan(self.home, canaries)
        print(f"\nproof 1: {len(canaries)} canaries sought in {files} files of the home: {len(leaks)} found")
        self.failures += [f"plaintext in {leak}" for leak in leaks]
        egress = self.client.call("GET", "/v1/status")["egress"]
        print(f"proof 2: {render.egress(egress)}")
        if egress is None or egress["self_tests"] < CONFINED:
            self.failures.append("the watch over the network did not see the self-tests that it must see")
        elif egress["total"]:
            self.failures += [f"attempt to reach a network: {attempt}" for attempt in egress["attempts"][:5]]

    def address(self) -> str:
        """The page's address with a token that lives as long as this home."""
        token = self.client.call("POST", "/v1/tokens", {"name": "demo", "scopes": ["search", "read"]})[
            "token"
        ]
        url = self.client.call("GET", "/v1/status")["url"]
        return f"{url}/#token={token}"


def main() -> int:
    """Run the demonstration; 0 only if everything came true."""
    parser = argparse.ArgumentParser(prog="./install.sh --demo")
    parser.add_argument("--keep", action="store_true", help="keep the home")
    parser.add_argument("--fixtures", type=Path, default=Path("fixtures"))
    arguments = parser.parse_args()
    workplace = Path(tempfile.mkdtemp(prefix="strongroom-demo-"))
    try:
        failures = _run(Demonstration(arguments.fixtures, workplace))
    finally:
        if arguments.keep:
            print(f"\nkept: {workplace}\nserve it again with:\n  strongroom serve --home {workplace}/home"
                  f" --passphrase-file {workplace}/passphrase")  # fmt: skip
        else:
            shutil.rmtree(workplace)
    for failure in failures:
        print(f"NOT TRUE: {failure}", file=sys.stderr)
    print("\nall of this came true" if not failures else f"\n{len(failures)} things did not come true")
    return 1 if failures else 0


def _run(demonstration: Demonstration) -> list[str]:
    demonstration.prepare()
    print("starting the service in a throw-away home")
    with demonstration.place.service():
        files = demonstration.drop()
        demonstration.wait(files)
        demonstration.check_outcomes()
        demonstration.searches()
        demonstration.conversations()
        demonstration.meaning()
        print(f"\npage and API: {demonstration.address()}")
        demonstration.proofs()
        if sys.stdin.isatty() and not demonstration.failures:
            input("\nThe service runs until you press Enter. ")
    return demonstration.failures


def _scan(home: Path, canaries: list[str]) -> tuple[int, list[str]]:
    """How many files were read, and in which of them (or of whose names) a canary stands."""
    needles = [canary.encode(code) for canary in canaries for code in ("utf-8", "utf-16-le")]
    files, leaks = 0, []
    for folder, _, names in os.walk(home):
        for name in names:
            path = Path(folder, name)
            if not path.is_file():  # sockets
                continue
            files += 1
            content = os.fsencode(path) + b"\n" + path.read_bytes()
            if any(needle in content for needle in needles):
                leaks.append(str(path.relative_to(home)))
    return files, leaks


if __name__ == "__main__":
    sys.exit(main())
