"""Signing reports to the owner, by Ed25519 (RFC 8032) with a key that unfolds from the master key.

What a report says is another room's business; here are the key, the signature and its check.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from policy.redact import Private
from store.errors import ReportForged

# In front of all that is signed. The key is derived for this one purpose, and should it ever be given
# another, no signature of the one could be taken for one of the other: neither prefix begins the other.
_PREFIX = b"strongroom/v1/egress report\0"


class ReportKey:
    """The owner's key for reports. The seed stays boxed; the key is made of it for each signature."""

    def __init__(self, seed: Private[bytes]) -> None:
        self._seed = seed
        self.public = self._key().public_key().public_bytes_raw().hex()

    def sign(self, report: bytes) -> str:
        """The signature in hex."""
        return self._key().sign(_PREFIX + report).hex()

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._seed.reveal())


def check(report: bytes, public: str, signature: str) -> None:
    """Raise ReportForged unless the owner of the public key signed exactly this. Both are hex."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), _PREFIX + report)
    except (InvalidSignature, ValueError):
        raise ReportForged("the signature does not fit: the report was changed, or never signed") from None
