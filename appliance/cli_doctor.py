"""The command `doctor`: what is in force on this machine, the observed run with its signed report, and the
check of such a report.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from appliance.cli_group import Arguments, HomeCommands
from appliance.errors import BadRequest
from policy.errors import EXIT_CONFIG

_IDLE_S = 90  # longer than libraries are known to wait before they talk
_LONGEST_REPORT = 1 << 20


class DoctorCommand(HomeCommands):
    """The command over a home, whose service need not run."""

    def declare(self, command: Callable[..., argparse.ArgumentParser]) -> None:
        """Add the command to the parser; `command` makes one."""
        doctor = command("doctor", self.run, "check this machine and what is in force")
        acts = doctor.add_mutually_exclusive_group()
        acts.add_argument(
            "--egress", action="store_true", help="read samples in a throw-away home, and report"
        )
        acts.add_argument("--check", type=Path, metavar="FILE", help="check the signature of a report")
        for name, kind, shown, text in (
            ("--idle", int, "SECONDS", "with --egress: wait so long after it"),
            ("--report", Path, "FILE", "with --egress: write the report there"),
            ("--key", str, "HEX", "with --check: whose report it should be"),
            ("--passphrase-file", Path, "FILE", "for signing and checking while no service runs"),
        ):
            doctor.add_argument(name, type=kind, metavar=shown, help=text)
        doctor.set_defaults(idle=_IDLE_S)

    def run(self, arguments: Arguments) -> int:
        """Exit codes: 0 all is well, 1 it is not, 78 a required layer of confinement is missing."""
        if arguments.check:
            return self._check(arguments)
        if arguments.egress:
            return self._egress(arguments)
        from appliance import doctor, render_doctor

        found = doctor.examine(self._home(arguments))
        self._show(arguments, msgspec.to_builtins(found), lambda _: render_doctor.examination(found))
        if not found.confined:
            return EXIT_CONFIG
        return 0 if found.ready else 1

    def _egress(self, arguments: Arguments) -> int:
        from appliance import doctor, egress_report, observation, render_doctor
        from appliance.signing import Signer

        home = self._home(arguments)
        # What may go wrong before the long run, goes wrong before it: a passphrase, a layer, a file.
        signer = Signer(home, self._client(arguments), arguments.passphrase_file)
        rows = egress_report.rows()
        path = arguments.report or Path(time.strftime("strongroom-egress-%Y%m%d-%H%M%S.json"))
        with _new_file(path) as target:
            found = egress_report.observe(arguments.idle, rows, reads_pictures=doctor.reads_pictures(home))
            report = observation.file(found, signer.sign(found))
            target.write(report)
        signed = observation.opened(report)
        self._show(
            arguments,
            {"file": str(path), "proven": not found.shortcomings()} | msgspec.to_builtins(signed),
            lambda _: f"{render_doctor.observation(found)}\nreport: {path}, signed by {signed.key}",
        )
        return 1 if found.shortcomings() else 0

    def _check(self, arguments: Arguments) -> int:
        from appliance import observation, render_doctor
        from appliance.signing import Signer

        try:
            with arguments.check.open("rb") as file:
                signed = observation.opened(file.read(_LONGEST_REPORT))
        except OSError as error:
            raise BadRequest(f"{arguments.check} cannot be read: {error.strerror}") from error
        key = arguments.key
        if key is None:
            key = Signer(self._home(arguments), self._client(arguments), arguments.passphrase_file).public
        ours = signed.key == key.lower()
        self._show(
            arguments,
            {"ours": ours} | msgspec.to_builtins(signed),
            lambda _: render_doctor.checked(signed, ours),
        )
        return 0 if ours and not signed.report.shortcomings() else 1


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that was not there; where its writing fails, it is not there again."""
    try:
        target = path.open("xb")
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror}", remedy="name a new file with --report") from error
    try:
        with target:
            yield target
    except BaseException:
        path.unlink(missing_ok=True)
        raise
