"""The server of the tests does what they take from it."""

from __future__ import annotations

import ssl

from imapclient import IMAPClient

from tests.support.dovecot import PASSWORD, USER, dovecot


def message(number: int) -> bytes:
    return f"Message-ID: <{number}@test>\r\nSubject: Message {number}\r\n\r\nText {number}\r\n".encode()


def test_delivers_moves_and_forgets_uids() -> None:
    with dovecot() as server:
        server.create("Archive/2024")
        server.create("Entwürfe & more.")
        names = server.deliver(message(n) for n in range(10))
        validity, uids = server.uids()
        assert uids == set(range(1, 11))
        server.move(names[0], "INBOX", "Archive/2024")
        server.remove(names[1])
        assert server.uids()[1] == set(range(3, 11))
        assert len(server.uids("Archive/2024")[1]) == 1
        with server.client() as client:
            assert {b"IDLE", b"QRESYNC", b"CONDSTORE"} <= set(client.capabilities())
            assert {name for *_, name in client.list_folders()} >= {
                "INBOX",
                "Archive/2024",
                "Entwürfe & more.",
            }
        server.change_uidvalidity()
        after, uids = server.uids()
        assert after != validity
        assert len(uids) == 8


def test_speaks_tls_for_its_name() -> None:
    with dovecot() as server:
        context = ssl.create_default_context(cadata=server.ca.decode())
        with IMAPClient("127.0.0.1", server.tls_port, ssl_context=context, timeout=20) as client:
            client.login(USER, PASSWORD)
            assert client.select_folder("INBOX", readonly=True)[b"EXISTS"] == 0
