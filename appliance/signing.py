"""Signs reports: the service of the owner's home where one runs, else this process by the passphrase."""

from __future__ import annotations

from pathlib import Path

import msgspec

from appliance import passphrase
from appliance.client import Client
from appliance.errors import ServiceUnavailable
from appliance.observation import Observation, Signature, canonical
from store import keys
from store.errors import NoHome
from store.reports import ReportKey


class Signer:
    """The owner's key for reports, wherever it is.

    Raises:
        NoHome, WrongPassphrase, NoPassphrase: no service runs, and the key cannot be had otherwise.
    """

    def __init__(self, home: Path, client: Client, passphrase_file: Path | None) -> None:
        self._client = client
        self._key: ReportKey | None = None
        try:
            self.public: str = client.call("GET", "/v1/status")["report_key"]
        except ServiceUnavailable:
            if not (home / "keys").exists():  # before anybody types in vain
                raise NoHome(
                    "there is no Strongroom home here",
                    item=str(home),
                    remedy="name one with --home; to check a report of another one, give --key",
                ) from None
            self._key = ReportKey(keys.open_keys(home / "keys", passphrase.obtain(passphrase_file)).report)
            self.public = self._key.public

    def sign(self, observation: Observation) -> Signature:
        """Have it signed."""
        if self._key is not None:
            return Signature(key=self.public, signature=self._key.sign(canonical(observation)))
        answer = self._client.call("POST", "/v1/reports", msgspec.to_builtins(observation))
        return msgspec.convert(answer, Signature)
