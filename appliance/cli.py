"""The command line: arguments in, words or JSON out. Everything is done by the running service; only
`init`, `passphrase`, `serve` and `doctor` work on the home themselves, and import what they need when called.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from appliance import render, render_digest
from appliance.cli_actions import ActionCommand
from appliance.cli_doctor import DoctorCommand
from appliance.cli_group import Arguments
from appliance.cli_mail import MailCommands, ask_password
from appliance.cli_mcp import McpCommand
from appliance.cli_meaning import MeaningCommands
from appliance.cli_search import SearchCommands
from appliance.client import Client
from appliance.errors import BadRequest
from policy.errors import StrongroomError

_UNLOCK_S = 20.0  # how long `items unlock` waits for the reading


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the `strongroom` command; returns the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments) or 0)
    except StrongroomError as error:
        if arguments.json:
            told = {"error": error.what, "item": error.item, "remedy": error.remedy}
            print(json.dumps(told), file=sys.stderr)
        else:
            print(f"strongroom: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="strongroom", description="Documents and mail: stored encrypted, found by word and by meaning."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[Arguments], int | None] | None, text: str, among: Any = commands
    ) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = among.add_parser(name, help=text, description=text)
        if run is not None:  # else it is a group of commands
            sub.add_argument("--home", type=Path, help="the appliance's home (default: STRONGROOM_HOME)")
            sub.add_argument("--json", action="store_true", help="print JSON")
            sub.set_defaults(run=run)
        return sub

    for name, run, text in (
        ("init", _init, "make a new, encrypted home"),
        ("serve", _serve, "run the service in the foreground"),
    ):
        command(name, run, text).add_argument(
            "--passphrase-file", type=Path, help="read the passphrase from this file (mode 600)"
        )
    change = command("passphrase", _passphrase, "change the passphrase; the service must be stopped")
    change.add_argument("--passphrase-file", type=Path, help="the present passphrase")
    change.add_argument("--new-passphrase-file", type=Path, help="the new one")
    add = command("add", _add, "store documents")
    add.add_argument("files", nargs="+", type=Path, metavar="FILE")
    SearchCommands(_client, _print).declare(command)
    items = command("items", _items, "list what is stored, newest first")
    items.add_argument("--state", type=str.upper, help="for example QUARANTINED")
    items.add_argument("--source")
    items.add_argument("--limit", type=int, default=50)
    acts = items.add_subparsers(title="actions", metavar="ACTION")
    unlock = command("unlock", _unlock, "give the password of a locked item, and read it", acts)
    unlock.add_argument("item")
    show = command("show", _show, "one item: origins, findings, text")
    show.add_argument("item")
    what = show.add_mutually_exclusive_group()
    what.add_argument("--text", action="store_true", help="print its text")
    what.add_argument("--original", type=Path, metavar="FILE", help="write the original bytes to FILE")
    what.add_argument(
        "--page", nargs=2, metavar=("NUMBER", "FILE"), help="write a picture of one page to FILE (PNG)"
    )
    delete = command("delete", _delete, "delete items for good, all or none, with receipts")
    delete.add_argument("items", nargs="+")
    command("retry", _retry, "read quarantined items again").add_argument("items", nargs="+")
    ActionCommand(_client, _print).declare(command)
    digest = command("digest", _digest, "what came in until this morning, and what is to be done")
    digest.add_argument("--day", metavar="DAY", help="of another morning: 2026-03-31")
    MeaningCommands(_client, _print).declare(command)
    runs = command("runs", _runs, "which readers said what is known, in which version")
    runs.add_argument(
        "--undo", type=int, metavar="ID", help="take one back: what was said before stands again"
    )
    token = command("token", _token, "make an API token for another tool")
    token.add_argument("name")
    token.add_argument("--scope", action="append", choices=["search", "read", "write", "admin"])
    McpCommand(_client).declare(command)
    MailCommands(_home, _client, _print).declare(command)
    command("formats", _formats, "what can be read, how it is recognised, what is read of it")
    command("status", _status, "how the appliance is")
    command("verify", _verify, "decrypt and check all that is stored")
    DoctorCommand(_home, _client, _print).declare(command)
    return parser


def _home(arguments: Arguments) -> Path:
    from appliance.settings import home_folder

    home: Path | None = arguments.home
    return home.absolute() if home else home_folder()


def _client(arguments: Arguments) -> Client:
    from appliance.settings import SOCKET_NAME

    return Client(_home(arguments) / SOCKET_NAME)


def _print(arguments: Arguments, value: Any, words: Callable[[Any], str]) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2) if arguments.json else words(value))


def _init(arguments: Arguments) -> None:
    from appliance import passphrase, settings
    from store.vault import Vault

    home = _home(arguments)
    Vault.create(home, passphrase.obtain(arguments.passphrase_file, new=True))
    (home / settings.FILE_NAME).write_text(settings.TEMPLATE, encoding="utf-8")
    config = settings.load(home)
    config.drop_folder.mkdir(mode=0o700, exist_ok=True)
    _print(
        arguments,
        {"home": str(home), "drop": str(config.drop_folder)},
        lambda made: (
            f"made {made['home']}\nstart it with: strongroom serve\nthen drop documents into {made['drop']}"
        ),
    )


def _passphrase(arguments: Arguments) -> None:
    from appliance import passphrase
    from policy.limits import Limits
    from store.vault import Vault

    old = passphrase.obtain(arguments.passphrase_file)
    vault = Vault.open(_home(arguments), old, limits=Limits())
    try:
        vault.change_passphrase(old, passphrase.replacement(arguments.new_passphrase_file))
    finally:
        vault.close()
    _print(
        arguments, {"changed": True}, lambda _: "the passphrase is changed; nothing else had to be rewritten"
    )


def _serve(arguments: Arguments) -> int:
    from appliance import guard, settings
    from policy.last_words import log_discreetly

    log_discreetly()
    settings.require_protection()
    home = _home(arguments)
    config = settings.load(home)

    def allowed() -> dict[str, tuple[str, int]]:
        return {account.name: (account.host, account.port) for account in settings.load(home).file.mail}

    return guard.serve(home, config.socket_path, config.tcp_address, arguments.passphrase_file, allowed)


def _add(arguments: Arguments) -> None:
    client = _client(arguments)
    stored = []
    for path in arguments.files:
        try:
            with path.open("rb") as content:
                stored.append({"name": path.name} | client.upload(path.name, content))
        except FileNotFoundError as error:
            raise BadRequest(f"no such file: {path}") from error
        except IsADirectoryError as error:
            raise BadRequest(
                f"is a folder: {path}", remedy="add files, or put it into the drop folder"
            ) from error
    _print(arguments, stored, render.added)


def _items(arguments: Arguments) -> None:
    page = _client(arguments).call(
        "GET", "/v1/items", state=arguments.state, source=arguments.source, limit=arguments.limit
    )
    _print(arguments, page, render.items)


def _show(arguments: Arguments) -> None:
    client = _client(arguments)
    if arguments.original:
        _download(client, f"{arguments.item}/original", arguments.original)
    elif arguments.page:
        number, file = arguments.page
        if not number.isdecimal():
            raise BadRequest(f"{number!r} is not the number of a page", remedy="for example: --page 3 p3.png")
        _download(client, f"{arguments.item}/pages/{number}", Path(file))
    elif arguments.text:
        _print(
            arguments, client.call("GET", f"/v1/items/{arguments.item}/text"), lambda text: str(text["text"])
        )
    else:
        _print(arguments, client.call("GET", f"/v1/items/{arguments.item}"), render.item)


def _download(client: Client, what: str, path: Path) -> None:
    """Write something of an item to a new file; where that fails, no file is left."""
    try:
        with path.open("xb") as target:
            client.download(what, target)
    except FileExistsError as error:
        raise BadRequest(f"{path} exists", remedy="name a new file") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _unlock(arguments: Arguments) -> None:
    client = _client(arguments)
    name = client.call("GET", f"/v1/items/{arguments.item}")["item"]["name"]  # before anybody types in vain
    password = ask_password(render.inert(name))
    client.call("POST", f"/v1/items/{arguments.item}/unlock", {"password": password})
    # It is told at once whether the password fits: most documents are read within a second.
    end = time.monotonic() + _UNLOCK_S
    while (detail := client.call("GET", f"/v1/items/{arguments.item}"))["item"]["state"] == "STORED":
        if time.monotonic() > end:
            break
        time.sleep(0.1)
    _print(arguments, detail, render.item)


def _formats(arguments: Arguments) -> None:
    from ingest.readers.formats import FORMATS

    _print(arguments, msgspec.to_builtins(FORMATS), render.formats)


def _delete(arguments: Arguments) -> None:
    client = _client(arguments)
    receipts = client.call("POST", "/v1/items/delete", {"items": arguments.items})
    _print(arguments, receipts, render.receipts)


def _retry(arguments: Arguments) -> None:
    client = _client(arguments)
    again = [client.call("POST", f"/v1/items/{item}/retry") for item in arguments.items]
    _print(arguments, again, lambda items: render.items({"items": items}))


def _digest(arguments: Arguments) -> None:
    found = _client(arguments).call("GET", "/v1/digest", day=arguments.day)
    _print(arguments, found, render_digest.digest)


def _runs(arguments: Arguments) -> None:
    client = _client(arguments)
    if arguments.undo is not None:
        undone = client.call("POST", f"/v1/runs/{arguments.undo}/undo")
        return _print(arguments, undone, lambda one: f"run {one['id']} taken back, {one['items']} items")
    return _print(arguments, client.call("GET", "/v1/runs"), render.runs)


def _token(arguments: Arguments) -> None:
    request = {"name": arguments.name, "scopes": arguments.scope or ["search", "read"]}
    _print(arguments, _client(arguments).call("POST", "/v1/tokens", request), lambda made: str(made["token"]))


def _status(arguments: Arguments) -> None:
    _print(arguments, _client(arguments).call("GET", "/v1/status"), render.status)


def _verify(arguments: Arguments) -> int:
    report = _client(arguments).call("POST", "/v1/verify", {})
    _print(arguments, report, render.verify)
    return 1 if report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
