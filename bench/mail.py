"""Mail, end to end, on one machine in one run: the same messages

- indexed by `notmuch new` from a Maildir, unencrypted;
- brought in by the appliance from a real Dovecot that serves that Maildir, over TLS, with all its encryption
  and confinement, until all are stored, all are found by word, all are found by meaning;
- embedded by the pipeline of `bench/mail_peer.py`.

    python -m bench.mail --mbox FILE.mbox.gz --mails 1000 --peer-mails 100
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from appliance.errors import ServiceUnavailable
from bench import corpus
from bench.box import Box
from tests.support.dovecot import PASSWORD, USER, Dovecot, dovecot

Json = dict[str, Any]

_LOOK_S = 0.1
_PATIENCE_S = 1800
_SETTLE_S = 60
_STRETCHES = 10
_WORDS = 8  # documents dropped while others are being embedded


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.mail",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mbox", type=Path, help="an mbox, may be .gz (default: fixtures/mail)")
    parser.add_argument("--mails", type=int, default=1000, help="how many mails, from all of it")
    parser.add_argument(
        "--peer-mails", type=int, help="embed only so many of them, evenly taken, by the peer"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often notmuch and the appliance take turns"
    )
    parser.add_argument("--words-only", action="store_true", help="do not wait for meaning")
    parser.add_argument("--idle", type=int, default=0, metavar="S", help="watch the idle service so long")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    messages = stretches(corpus.mails(arguments.mbox), arguments.mails)
    runs: Json = {"mails": len(messages), "notmuch": [], "appliance": [], "peer": None}
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-") as folder, dovecot() as server:
        workplace = Path(folder)
        server.deliver(messages)
        for number in range(arguments.rounds):
            last = number == arguments.rounds - 1
            runs["notmuch"].append(notmuch(workplace / f"notmuch {number}", server.folder()))
            run = appliance(
                workplace / f"box {number}",
                server,
                len(set(messages)),
                meaning=last and not arguments.words_only,
                idle_s=arguments.idle if last else 0,
            )
            runs["appliance"].append(run)
        if not arguments.words_only:
            runs["peer"] = peer(workplace / "peer", messages, arguments.peer_mails)
    if arguments.json:
        json.dump(runs, sys.stdout, indent=2)
    else:
        tell(runs)


def stretches(messages: list[bytes], count: int) -> list[bytes]:
    """Some messages in stretches of neighbours, so that conversations stay whole, from all of the years."""
    length = -(-count // _STRETCHES)
    starts = [len(messages) * number // _STRETCHES for number in range(_STRETCHES)]
    return [message for start in starts for message in messages[start : start + length]][:count]


def notmuch(workplace: Path, maildir: Path) -> Json:
    """One `notmuch new` with a configuration and a database of its own."""
    (workplace / "database").mkdir(parents=True)
    configuration = workplace / "config"
    configuration.write_text(
        f"[database]\npath={workplace}/database\nmail_root={maildir}\n"
        "[user]\nname=A\nprimary_email=a@example.org\n"
        "[new]\ntags=unread\nignore=/dovecot.*/\n[search]\nexclude_tags=\n"
        "[maildir]\nsynchronize_flags=false\n"
    )
    environment = os.environ | {"NOTMUCH_CONFIG": str(configuration)}
    began, before = time.perf_counter(), os.times()
    subprocess.run(["notmuch", "new", "--quiet"], env=environment, check=True)
    seconds, after = time.perf_counter() - began, os.times()
    counted = subprocess.run(
        ["notmuch", "count", "--output=files"], env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": seconds, "cpu_s": cpu_s, "files": int(counted.stdout)}


def appliance(workplace: Path, server: Dovecot, count: int, *, meaning: bool, idle_s: int) -> Json:
    """The appliance in a home of its own, warm; the clock begins when it learns of the mailbox."""
    box = Box(workplace)
    box.make()
    with box.running():
        add_account(box, server)
        began, cpu = time.perf_counter(), box.cpu_s()
        box.client.call("POST", "/v1/mail", {"name": "bench"})
        run: Json = {}
        for stage in ("stored", "word", *(["meaning"] if meaning else [])):
            status = until(box, stage, count)
            run[f"{stage}_s"], run[f"{stage}_cpu_s"] = time.perf_counter() - began, box.cpu_s() - cpu
            if stage == "word" and meaning:
                run["drop_to_word_s"] = [drop(box, number) for number in range(_WORDS)]
        run |= {"items": status["items"], "reasons": status["reasons"], "egress": status["egress"]}
        folders = box.client.call("POST", "/v1/mail/bench/reconcile", {})
        run["balanced"] = all(folder["balanced"] for folder in folders)
        if idle_s:
            run["idle_percent"] = idle(box, idle_s)
        run["peaks_mib"] = box.peaks
    return run


def add_account(box: Box, server: Dovecot) -> None:
    """Write the server's mailbox into the settings, as "bench"."""
    password, authority = box.home.parent / "password", box.home.parent / "ca.pem"
    password.touch(mode=0o600)
    password.write_text(PASSWORD)
    authority.write_bytes(server.ca)
    with (box.home / "strongroom.toml").open("a") as settings:
        settings.write(
            f'[[mail]]\nname = "bench"\nhost = "localhost"\nport = {server.tls_port}\nuser = "{USER}"\n'
            f'password_file = "{password}"\nca_file = "{authority}"\n'
        )


def until(box: Box, stage: str, count: int) -> Json:
    """Wait until all have come so far; returns the status."""
    deadline = time.perf_counter() + _PATIENCE_S
    while time.perf_counter() < deadline:
        with contextlib.suppress(ServiceUnavailable):
            status: Json = box.client.call("GET", "/v1/status")
            done = status["intake"]["stored"] + status["intake"]["duplicates"] >= count
            if stage != "stored":
                done = done and status["waiting"] == 0
            if stage == "meaning":
                done = done and status["unembedded"] == 0
            if done:
                return status
        time.sleep(_LOOK_S)
    sys.exit(f"not all were {stage} within {_PATIENCE_S} s")


def drop(box: Box, number: int) -> float:
    """Seconds from a file in the drop folder until a search by word finds it."""
    word = f"quincunx{number}"
    (box.home / "drop" / f"{word}.txt").write_text(f"The {word} is planted.")
    began = time.perf_counter()
    search = {"query": word, "mode": "keyword"}
    while not box.client.call("POST", "/v1/search", search)["hits"]:
        time.sleep(0.02)
    return time.perf_counter() - began


def idle(box: Box, seconds: int) -> float:
    """Percent of one core that all processes use while nothing happens."""
    time.sleep(_SETTLE_S)  # snapshots are written when it has been quiet for some time
    before = box.cpu_s()
    time.sleep(seconds)
    return 100 * (box.cpu_s() - before) / seconds


def peer(workplace: Path, messages: list[bytes], some: int | None) -> Json:
    """The pipeline that embeds, in a process of its own, on every n-th message."""
    workplace.mkdir()
    step = max(1, len(messages) // some) if some else 1
    for number, content in enumerate(messages[::step]):
        (workplace / f"{number:06}").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-m", "bench.mail_peer", str(workplace)],
        cwd=corpus.ROOT,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    run: Json = json.loads(done.stdout.splitlines()[-1])
    return run


def tell(runs: Json) -> None:
    """Print the figures of all, and the ratios."""
    count = runs["mails"]
    print(f"{count} mails, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for run in runs["notmuch"]:
        print(f"notmuch: {run['files']} files in {run['seconds']:.2f} s, {run['cpu_s']:.2f} s of CPU")
    for run in runs["appliance"]:
        print(
            f"appliance: stored after {run['stored_s']:.2f} s, found by word after {run['word_s']:.2f} s,"
            f" {run['word_cpu_s']:.2f} s of CPU; items {run['items']}, quarantined {run['reasons']},"
            f" balanced {run['balanced']}, egress {run['egress']}"
        )
    theirs = count / statistics.median(run["seconds"] for run in runs["notmuch"])
    ours = count / statistics.median(run["word_s"] for run in runs["appliance"])
    print(f"by word: {ours:.0f} against {theirs:.0f} mails a second, ratio {ours / theirs:.2f}")
    last, peer_run = runs["appliance"][-1], runs["peer"]
    if peer_run:
        ours, theirs = count / last["meaning_s"], peer_run["mails"] / peer_run["seconds"]
        print(
            f"appliance: found by meaning after {last['meaning_s']:.1f} s, {last['meaning_cpu_s']:.1f} s of"
            f" CPU; meanwhile from drop to word {max(last['drop_to_word_s']):.2f} s at most\n"
            f"do it yourself: {peer_run['mails']} mails in {peer_run['seconds']:.1f} s,"
            f" {peer_run['cpu_s']:.1f} s of CPU, {peer_run['passages']} passages, peak"
            f" {peer_run['peak_mib']:.0f} MiB\n"
            f"by meaning: {ours:.2f} against {theirs:.2f} mails a second, ratio {ours / theirs:.1f}"
        )
    if "idle_percent" in last:
        print(f"idle: {last['idle_percent']:.3f} % of one core")
    print("peaks: " + ", ".join(f"{role} {size:.0f} MiB" for role, size in last["peaks_mib"].items()))


if __name__ == "__main__":
    main()
