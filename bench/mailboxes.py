"""A mailbox in full: every message of an mbox is served by a real Dovecot, and the appliance must account for
each, put it into the conversation that the headers say, and stay the same when the server numbers all anew.

    python -m bench.mailboxes --mbox FILE.mbox.gz
"""

from __future__ import annotations

import argparse
import email
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from email.policy import compat32
from itertools import combinations
from pathlib import Path
from typing import Any

from bench import corpus
from bench.box import Box
from bench.mail import add_account
from tests.support.dovecot import dovecot

Json = dict[str, Any]

_FOLDERS = ("INBOX", "Archive", "Lists/linux")
_ID = re.compile(r"<([^<>\s]+)>")
_LOOK_S = 0.5


def main() -> int:
    """Measure and print; 0 if every message is accounted for."""
    parser = argparse.ArgumentParser(prog="python -m bench.mailboxes", description=__doc__)
    parser.add_argument("--mbox", type=Path, help="an mbox, may be .gz (default: fixtures/mail)")
    parser.add_argument("--mails", type=int, default=7000, help="how many mails of it")
    arguments = parser.parse_args()
    messages = corpus.mails(arguments.mbox)[: arguments.mails]
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder, dovecot() as server:
        for number, name in enumerate(_FOLDERS):
            server.create(name)
            server.deliver(messages[number :: len(_FOLDERS)], name)
        box = Box(Path(folder) / "box")
        box.make()
        add_account(box, server)
        with box.running():
            first = _sync(box, messages)
            agreement = pair_agreement(_meant(messages), _found(box))
            print(f"conversations: {agreement:.2%} of the pairs agree with the headers")
            before = {item["id"] for item in _stored(box)}
            for name in _FOLDERS:
                server.change_uidvalidity(name)
            again = _sync(box, messages)
            after = {item["id"] for item in _stored(box)}
            new, lost = len(after - before), len(before - after)
            print(f"numbered anew: {new} items are new, {lost} lost")
    return int(not (first and again and not new and not lost))


def pair_agreement(meant: Mapping[str, Hashable], found: Mapping[str, Hashable]) -> float:
    """Of the pairs that stand together in either partition, the share that do in both."""
    common = meant.keys() & found.keys()
    both = _pairs(Counter((meant[one], found[one]) for one in common).values())
    either = _pairs(Counter(meant[one] for one in common).values())
    either += _pairs(Counter(found[one] for one in common).values()) - both
    return both / either if either else 1.0


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)


def _sync(box: Box, messages: list[bytes]) -> bool:
    """Wait until all is stored and read, then account for it; whether it balances."""
    began = time.perf_counter()
    box.client.call("POST", "/v1/mail/bench/sync", {})
    while True:
        status = box.client.call("GET", "/v1/status")
        (account,) = box.client.call("GET", "/v1/mail")
        if account["state"] == "idle" and not status["items"]["STORED"]:
            break
        time.sleep(_LOOK_S)
    took = time.perf_counter() - began
    folders = box.client.call("POST", "/v1/mail/bench/reconcile", {})
    total = Counter[str]()
    for folder in folders:
        total.update({key: folder[key] for key in ("on_server", "stored", "quarantined", "gone")})
        total.update({key: len(folder[key]) for key in ("too_large", "refused", "missing", "surplus")})
    balanced = all(folder["balanced"] for folder in folders) and total["on_server"] == len(messages)
    named = ", ".join(f"{count} {key}" for key, count in total.items())
    print(f"{len(messages)} messages in {took:.0f} s: {named}; {'' if balanced else 'NOT '}balanced")
    return balanced


def _stored(box: Box) -> Iterator[Json]:
    """Every item of the account."""
    before = None
    while True:
        page = box.client.call("GET", "/v1/items", source="mail:bench", limit=200, before=before)
        yield from page["items"]
        before = page["before"]
        if before is None:
            return


def _found(box: Box) -> dict[str, str]:
    """The conversation of each message id, as the appliance tells it."""
    found: dict[str, str] = {}
    threads = {item["thread"] for item in _stored(box) if item["thread"]}
    for thread in threads:
        for message in box.client.call("GET", f"/v1/threads/{thread}")["messages"]:
            if message["item"] and message["message_id"]:
                found[message["message_id"]] = thread
    return found


def _meant(messages: list[bytes]) -> dict[str, str]:
    """The component of each message id in the graph of Message-ID, In-Reply-To and References."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    own = []
    for content in messages:
        header = email.message_from_bytes(content, policy=compat32)
        named = [
            _ID.findall(str(header.get(field, ""))) for field in ("message-id", "in-reply-to", "references")
        ]
        if not named[0]:
            continue
        own.append(named[0][0])
        for one, other in combinations([named[0][0], *named[1], *named[2]], 2):
            parent[root(one)] = root(other)
    return {name: root(name) for name in own}


if __name__ == "__main__":
    sys.exit(main())
