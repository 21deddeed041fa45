"""The core's side of one mail account in a process of its own, made to be killed: vault, intake, mailboxes.

It says so on its output when the first messages are being stored, ends by itself when everything is here, and
leaves the balance behind.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from pathlib import Path

import msgspec

from ingest.connector import launch
from ingest.errors import MailError
from ingest.intake import Intake
from ingest.mail import accounts
from ingest.mail.account import MailAccount
from ingest.mail.accounts import AccountState, Mailboxes
from tests.support.homes import LIMITS, open_vault


def main(home: Path, account: MailAccount, balance: Path) -> None:
    accounts._PAUSE = (0.05, 0.2)  # patience is tested elsewhere
    vault, stop = open_vault(home), threading.Event()
    mailboxes = Mailboxes(
        vault,
        Intake(vault, LIMITS),
        LIMITS,
        lambda: [account],
        lambda _: launch.start(account.host, account.port),
    )
    thread = threading.Thread(target=mailboxes.run, args=(stop,))
    thread.start()
    said = False
    while not (status := mailboxes.status()) or status[0].state is not AccountState.IDLE:
        if status and status[0].state is AccountState.FETCHING and not said:
            print("fetching", flush=True)
            said = True
        time.sleep(0.005)
    while True:
        with contextlib.suppress(MailError):  # the connector was killed over it
            balance.write_bytes(msgspec.json.encode(mailboxes.reconcile(account.name)))
            break
    stop.set()
    thread.join()
    vault.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=MailAccount), Path(sys.argv[3]))
