"""The connector and a real Dovecot: everything that the core asks for, and nothing changed by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from ingest.connector.messages import (
    Authentication,
    Examine,
    Failure,
    Fetch,
    FetchSlice,
    Folders,
    Idle,
    ListFolders,
    ListUids,
    Messages,
    Opened,
    Security,
    SignedIn,
    Slice,
    Uids,
    Woken,
)
from tests.support.connecting import Core, connector, failure
from tests.support.dovecot import PASSWORD, USER, Dovecot, dovecot

MAILS = [b"From: a@example.org\r\nSubject: %d\r\n\r\n" % n + b"line %d\r\n" % n * n for n in range(30)]


@pytest.fixture(scope="module")
def real() -> Iterator[Dovecot]:
    with dovecot() as started:
        started.deliver(MAILS)
        for folder in ("Ärger & Co/2026", "Junk", 'quo"te'):
            started.create(folder)
        yield started


@pytest.fixture
def signed_in(real: Dovecot) -> Iterator[Core]:
    with connector(real.tls_port) as core:
        reply = core.sign_in(security=Security.TLS, user=USER, secret=PASSWORD, ca=real.ca)
        assert isinstance(reply, SignedIn)
        yield core


def opened(core: Core, folder: str = "INBOX", since: Opened | None = None) -> Opened:
    known = {"uidvalidity": since.uidvalidity, "modseq": since.modseq} if since else {}
    reply = core.ask(Examine(folder=folder, **known))
    assert isinstance(reply, Opened), reply
    return reply


@pytest.mark.parametrize("way", [Authentication.LOGIN, Authentication.PLAIN])
@pytest.mark.parametrize("security", Security)
def test_signing_in(real: Dovecot, way: Authentication, security: Security) -> None:
    with connector(real.tls_port if security is Security.TLS else real.plain_port) as core:
        right = core.sign_in(way, security=security, user=USER, secret=PASSWORD, ca=real.ca)
        assert isinstance(right, SignedIn)
        assert "QRESYNC" in right.capabilities
        wrong = core.sign_in(way, security=security, user=USER, secret="no", ca=real.ca)
        assert failure(wrong) is Failure.CREDENTIALS
        if security is not Security.NONE:
            assert failure(core.sign_in(way, security=security, user=USER, secret=PASSWORD)) is Failure.TLS
            pin = hashlib.sha256(real.certificate).hexdigest()
            pinned = core.sign_in(way, security=security, user=USER, secret=PASSWORD, pin=pin)
            assert isinstance(pinned, SignedIn)


def test_folders(real: Dovecot, signed_in: Core) -> None:
    reply = signed_in.ask(ListFolders())
    assert isinstance(reply, Folders)
    flags = {folder.name: folder.flags for folder in reply.folders}
    assert set(flags) == {"INBOX", "Ärger & Co", "Ärger & Co/2026", "Junk", 'quo"te'}
    assert "\\Noselect" in flags["Ärger & Co"]
    assert "\\Junk" in flags["Junk"]
    for name in flags:
        if "\\Noselect" not in flags[name]:
            opened(signed_in, name)


def test_every_message_comes_as_it_lies_there_and_stays_unread(real: Dovecot, signed_in: Core) -> None:
    state = opened(signed_in)
    uids = signed_in.ask(ListUids())
    assert uids == Uids(ranges=((1, len(MAILS)),))
    assert (state.exists, state.uidnext) == (len(MAILS), len(MAILS) + 1)
    reply = signed_in.ask(Fetch(uids=(*range(1, 31), 77), most_bytes=100_000))
    assert isinstance(reply, Messages)
    assert {m.uid: m.content for m in reply.messages} == dict(enumerate(MAILS, 1))
    assert all(m.size == len(m.content or b"") and m.received_at for m in reply.messages)
    pieces = [
        signed_in.ask(FetchSlice(uid=30, offset=at, length=64)) for at in range(0, len(MAILS[29]) + 64, 64)
    ]
    assert b"".join(p.content or b"" for p in pieces if isinstance(p, Slice)) == MAILS[29]
    with real.client() as other:
        other.select_folder("INBOX", readonly=True)
        assert not any(b"\\Seen" in flags for flags in other.get_flags(other.search()).values())


def test_what_came_and_went_is_told(real: Dovecot, signed_in: Core) -> None:
    real.create("Changing")
    real.deliver(MAILS[:9], "Changing")
    before = opened(signed_in, "Changing")
    with real.client() as other:
        other.select_folder("Changing")
        other.delete_messages([2, 3, 5])
        other.expunge([2, 3, 5])
        other.add_flags([7], [b"\\Flagged"])
        assert signed_in.ask(Idle(seconds=30)) == Woken(changed=True)
    after = opened(signed_in, "Changing", before)
    assert after.vanished == ((2, 3), (5, 5))
    assert (after.modseq or 0) > (before.modseq or 0)
    assert signed_in.ask(ListUids()) == Uids(ranges=((1, 1), (4, 4), (6, 9)))
    assert signed_in.ask(ListUids(first=8)) == Uids(ranges=((8, 9),))
    again = opened(signed_in, "Changing", after)
    assert again.vanished == ()
    real.deliver([b"new"], "Changing")
    assert signed_in.ask(Idle(seconds=30)) == Woken(changed=True)
    assert signed_in.ask(Idle(seconds=0.1)) == Woken(changed=False)


def test_a_server_that_went_away_is_told_and_returned_to(signed_in: Core, real: Dovecot) -> None:
    opened(signed_in)
    real.restart()
    assert failure(signed_in.ask(ListUids())) is Failure.CLOSED
    back = signed_in.sign_in(security=Security.TLS, user=USER, secret=PASSWORD, ca=real.ca)
    assert isinstance(back, SignedIn)
    opened(signed_in)
