"""The commands about mail: accounts, their balance, imports, conversations, people."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from appliance import render_mail
from appliance.cli_group import Arguments, HomeCommands
from appliance.client import Client
from appliance.errors import BadRequest, ServiceUnavailable
from ingest.mail.account import MailAccount

Json = dict[str, Any]

_LOOK_S = 0.5  # between two looks at the progress


class MailCommands(HomeCommands):
    """The commands over a client of the service."""

    def declare(self, command: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the commands to the parser; `command` makes one."""
        mail = command("mail", None, "mail accounts: add, list, sync, reconcile; import of mailboxes")
        actions = mail.add_subparsers(title="actions", required=True, metavar="ACTION")
        self._declare_add(command("add", self.add, "add an account and start reading it", actions))
        password = command("password", self.password, "give an account another password", actions)
        password.add_argument("name")
        remove = command("remove", self.remove, "forget an account; what is stored of it stays", actions)
        remove.add_argument("name")
        command("list", self.accounts, "accounts and how they stand", actions)
        sync = command("sync", self.sync, "look for new mail now, and show the progress", actions)
        sync.add_argument("name", nargs="?", help="one account; all if left out")
        sync.add_argument("--no-wait", action="store_true", help="do not wait for its end")
        reconcile = command("reconcile", self.reconcile, "compare with the server, by the message", actions)
        reconcile.add_argument("name", nargs="?", help="one account; all if left out")
        imports = command("import", self.bring_in, "import mbox, Maildir, pst/ost, or archives", actions)
        imports.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="none: show the imports")
        imports.add_argument("--no-wait", action="store_true", help="do not wait for its end")
        command("thread", self.thread, "a conversation as a tree").add_argument(
            "item", help="one of its messages, or its own id"
        )
        people = command("people", self.people, "who writes and is written to")
        people.add_argument("query", nargs="?", help="part of a name or an address")
        people.add_argument("--limit", type=int, default=50)
        change = people.add_mutually_exclusive_group()
        change.add_argument("--merge", nargs=2, type=int, metavar=("KEEP", "OTHER"), help="they are one")
        change.add_argument("--split", nargs=2, metavar=("ID", "ADDRESS"), help="this address is another's")

    @staticmethod
    def _declare_add(add: argparse.ArgumentParser) -> None:
        add.add_argument("name", help="what to call the account")
        add.add_argument("--host", required=True, help="the IMAP server: the only host reached for it")
        add.add_argument("--port", type=int)
        add.add_argument("--user", required=True)
        add.add_argument("--security", choices=["tls", "starttls", "none"], default="tls")
        add.add_argument("--auth", choices=["login", "plain", "xoauth2"], default="login")
        secret = add.add_mutually_exclusive_group()
        secret.add_argument("--password-file", type=Path, help="read at each login (mode 600)")
        secret.add_argument("--token-file", type=Path, help="XOAUTH2: something else keeps it fresh")
        add.add_argument("--pin", help="SHA-256 of the server's certificate, 64 hex digits")
        add.add_argument("--ca-file", type=Path, help="PEM, in place of the system's authorities")
        add.add_argument("--folder", action="append", default=[], help="only these folders")
        add.add_argument("--exclude", action="append", default=[], help="not these, nor junk and trash")

    def add(self, arguments: Arguments) -> None:
        """`mail add`: the account into the file, the password into the encrypted store."""
        from appliance import account_file

        account, home, client = _account(arguments), self._home(arguments), self._client(arguments)
        if account.name in account_file.names(home):  # before its password is written over
            raise BadRequest(
                f"there is a mail account {account.name!r}",
                remedy="choose another name, or remove that first",
            )
        if not (account.password_file or account.token_file):
            self._take_password(client, account.name, f"{account.user} at {account.host}")
        account_file.add(home, account)
        try:
            self._show(
                arguments, client.call("POST", "/v1/mail", {"name": account.name}), render_mail.accounts
            )
        except ServiceUnavailable:
            self._show(arguments, [], lambda _: "added; it is read as soon as the service runs")

    def password(self, arguments: Arguments) -> None:
        """`mail password`: a new one for an account that has one in the store."""
        client = self._client(arguments)
        (name,) = self._names(client, arguments.name)
        self._take_password(client, name, name)
        self._show(arguments, client.call("POST", f"/v1/mail/{name}/sync", {}), render_mail.accounts)

    @staticmethod
    def _take_password(client: Client, name: str, shown: str) -> None:
        client.call("GET", "/v1/status")  # before anybody types a password in vain
        client.call("POST", f"/v1/mail/{name}/secret", {"secret": ask_password(shown)})

    def remove(self, arguments: Arguments) -> None:
        """`mail remove`."""
        from appliance import account_file

        account_file.remove(self._home(arguments), arguments.name)
        try:
            client = self._client(arguments)
            client.call("DELETE", f"/v1/mail/{arguments.name}/secret")
            client.call("POST", "/v1/mail", {})
        except ServiceUnavailable:
            pass  # an account that is not in the file is not read; its password goes with the next removal
        self._show(arguments, {"removed": arguments.name}, lambda _: "removed; what is stored of it stays")

    def accounts(self, arguments: Arguments) -> None:
        """`mail list`."""
        self._show(arguments, self._client(arguments).call("GET", "/v1/mail"), render_mail.accounts)

    def sync(self, arguments: Arguments) -> int:
        """`mail sync`: 0 when everything is in, 1 when an account is in trouble."""
        client = self._client(arguments)
        names = self._names(client, arguments.name)
        for name in names:
            client.call("POST", f"/v1/mail/{name}/sync", {})
        accounts = [one for one in client.call("GET", "/v1/mail") if one["name"] in names]
        while not arguments.no_wait and any(one["state"] in _BUSY for one in accounts):
            _progress(render_mail.progress(accounts))
            time.sleep(_LOOK_S)
            accounts = [one for one in client.call("GET", "/v1/mail") if one["name"] in names]
        _progress("")
        self._show(arguments, accounts, render_mail.accounts)
        return int(any(one["trouble"] for one in accounts))

    def reconcile(self, arguments: Arguments) -> int:
        """`mail reconcile`: 0 when every folder balances."""
        client = self._client(arguments)
        names = self._names(client, arguments.name)
        found = {name: client.call("POST", f"/v1/mail/{name}/reconcile", {}) for name in names}
        self._show(arguments, found, render_mail.balances)
        return int(not all(folder["balanced"] for folders in found.values() for folder in folders))

    def bring_in(self, arguments: Arguments) -> int:
        """`mail import`: 0 when all that was named is in."""
        client = self._client(arguments)
        paths = [os.path.realpath(path) for path in arguments.paths]
        for path in paths:
            client.call("POST", "/v1/imports", {"path": path})
        shown = self._imports(client, paths)
        while paths and not arguments.no_wait and any(one["stage"] in _UNDER_WAY for one in shown):
            _progress("  ".join(render_mail.import_progress(one) for one in shown))
            time.sleep(_LOOK_S)
            shown = self._imports(client, paths)
        _progress("")
        self._show(arguments, shown, render_mail.imports)
        return int(any(one["error"] or one["missed"] for one in shown))

    def thread(self, arguments: Arguments) -> None:
        """`thread`."""
        thread = self._client(arguments).call("GET", f"/v1/threads/{arguments.item}")
        self._show(arguments, thread, render_mail.conversation)

    def people(self, arguments: Arguments) -> None:
        """`people`."""
        client = self._client(arguments)
        if arguments.merge:
            keep, other = arguments.merge
            found = [client.call("POST", f"/v1/people/{keep}/merge", {"other": other})]
        elif arguments.split:
            person, address = arguments.split
            found = [client.call("POST", f"/v1/people/{person}/split", {"address": address})]
        else:
            found = client.call("GET", "/v1/people", query=arguments.query, limit=arguments.limit)
        self._show(arguments, found, render_mail.people)

    @staticmethod
    def _names(client: Client, name: str | None) -> list[str]:
        names = [str(one["name"]) for one in client.call("GET", "/v1/mail")]
        if name is not None and name not in names:
            raise BadRequest(f"there is no mail account {name!r}", remedy="see: strongroom mail list")
        return [name] if name is not None else names

    @staticmethod
    def _imports(client: Client, paths: list[str]) -> list[Json]:
        found: list[Json] = client.call("GET", "/v1/imports")
        return [one for one in found if not paths or one["path"] in paths]


_UNDER_WAY = ("waiting", "running")
_BUSY = ("connecting", "listing", "fetching")


def _account(arguments: Arguments) -> MailAccount:
    given: Json = {
        "name": arguments.name, "host": arguments.host, "user": arguments.user,
        "security": arguments.security, "authentication": arguments.auth, "pin": arguments.pin,
        "folders": arguments.folder,
    }  # fmt: skip
    if arguments.port is not None:
        given["port"] = arguments.port
    if arguments.exclude:  # besides junk and trash
        fields = {field.name: field for field in msgspec.structs.fields(MailAccount)}
        given["exclude"] = [*fields["exclude"].default, *arguments.exclude]
    for name in ("password_file", "token_file", "ca_file"):
        if (path := getattr(arguments, name)) is not None:
            given[name] = str(path.absolute())
    try:
        return msgspec.convert(given, MailAccount)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error)) from error


def ask_password(whose: str) -> str:
    """A password from the terminal, unseen; else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return getpass.getpass(f"password of {whose}: ")


def _progress(line: str) -> None:
    """One line that is written over, when somebody is looking; an empty one clears it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
