"""The program of the core process: takes on its confinement, opens the vault, runs the service.

Started by the guard as `python -I -m appliance.core HOME INHERITED`; nobody types this.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from pathlib import Path

import msgspec

from appliance import passphrase, settings
from appliance.guard import GuardClient, Inherited
from policy import children, confine, intentions, schemas, scratch, swap
from policy.admission import Admission
from policy.egress import install_watch
from policy.errors import ConfinementError, StrongroomError
from policy.last_words import log_discreetly
from policy.limits import Limits

# How long a thread keeps the interpreter while another wants it. A question takes it up a hundred times on
# its way, beside all that is taken in; with Python's 5 ms it would mostly wait.
_TURN_S = 0.0005


def main() -> int:
    """Exit codes: 0 stopped as asked, 77 wrong passphrase, 78 settings refuse, or confinement did, be it to
    take anything in only.
    """
    log_discreetly()
    sys.setswitchinterval(_TURN_S)
    home = Path(sys.argv[1])
    inherited = msgspec.json.decode(sys.argv[2].encode(), type=Inherited)
    # Without the guard there is no watch; the core must not outlive it.
    children.die_with(os.getppid())
    if intentions.wanted():
        intentions.tell()
    swap.warn()
    admission = Admission(
        ConfinementError(inherited.refusal, remedy=inherited.remedy) if inherited.refusal else None
    )
    try:
        _run(home, inherited, admission)
    except StrongroomError as error:
        print(f"strongroom: {error}", file=sys.stderr)
        return error.exit_code
    return admission.refusal.exit_code if admission.refusal else 0


def _run(home: Path, inherited: Inherited, admission: Admission) -> None:
    guard = GuardClient(inherited.control, install_watch())
    limits = Limits()
    index_folder = scratch.private_folder(home / "run" / "index")
    config = settings.load(home)
    secret = passphrase.obtain(Path(inherited.passphrase_file) if inherited.passphrase_file else None)
    config.drop_folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # only what is there can be allowed
    written = [home, config.drop_folder, index_folder]
    layers = confine.confine(
        "core", watched=True, writes=map(str, written), searching=admission.refusal is not None
    )
    # Their libraries start threads when they are imported, which confinement must come before.
    from appliance import wiring
    from store.vault import Vault

    schemas.learn()
    vault = Vault.open(home, secret, limits=limits)
    try:
        sockets = {"unix": socket.socket(fileno=inherited.unix)}
        if inherited.tcp is not None:
            sockets["tcp"] = socket.socket(fileno=inherited.tcp)
        service = wiring.build(config, limits, vault, index_folder, guard, sockets, admission, layers)
        service.run()
    finally:
        vault.close()
        scratch.sweep(home / "run" / "index")


if __name__ == "__main__":
    # Threads of libraries may still be at work; the vault is closed, so leave without waiting for them.
    code = main()
    logging.shutdown()
    os._exit(code)
