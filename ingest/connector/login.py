"""Proving who the account is: LOGIN, PLAIN, XOAUTH2. The server's answer is told in our own words."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Set

from ingest.connector.engine import Engine
from ingest.connector.messages import Authentication, Failure, SignIn
from ingest.errors import RemoteFailed

_NOT_NOW = re.compile(rb"\[(UNAVAILABLE|SERVERBUG|CONTACTADMIN|INUSE|LIMIT)\]", re.IGNORECASE)
_APP_PASSWORD = re.compile(rb"app(lication)?[- ](specific )?password", re.IGNORECASE)
_STATUS = re.compile(rb'"status"\s*:\s*"(\d{3})"')


class _Sasl:
    """One initial response; anything that the server asks after it is an error report, answered by nothing.

    XOAUTH2 tells its error in a challenge, and says NO only when that has been answered.
    """

    def __init__(self, response: bytes) -> None:
        self._responses = [base64.b64encode(response), b""]
        self.status = ""

    def respond(self, challenge: bytes | None) -> bytes:
        """The next line of ours; `*` gives up."""
        try:
            told = _STATUS.search(base64.b64decode(challenge or b""))
        except binascii.Error:
            told = None
        self.status = told[1].decode() if told else ""
        return self._responses.pop(0) if self._responses else b"*"


def authenticate(engine: Engine, account: SignIn, capabilities: Set[str]) -> None:
    """Sign in, or raise a RemoteFailed that names no credential."""
    user, secret = account.user.encode(), account.secret
    if any(byte < 0x20 or byte == 0x7F for byte in user + secret):
        # A line end would begin another command, a NUL another field.
        raise RemoteFailed(Failure.CREDENTIALS, "the user name or the secret holds a control character")
    status = ""
    if account.authentication is Authentication.LOGIN:
        if "LOGINDISABLED" in capabilities:
            raise RemoteFailed(
                Failure.CREDENTIALS, "the server takes no LOGIN here; set authentication to plain"
            )
        answer = engine.ask("LOGIN", quoted(user), quoted(secret))
    else:
        sasl = _Sasl(
            b"\0%s\0%s" % (user, secret)
            if account.authentication is Authentication.PLAIN
            else b"user=%s\1auth=Bearer %s\1\1" % (user, secret)
        )
        engine.answer_with(sasl.respond)
        answer = engine.ask("AUTHENTICATE", account.authentication.upper())
        status = f" (status {sasl.status})" if sasl.status else ""
    if answer.ok:
        engine.state = "AUTH"
        return
    if answer.says(_NOT_NOW):
        raise RemoteFailed(Failure.CLOSED, f"the server cannot sign in anybody now{answer.why()}")
    if answer.broken:
        raise RemoteFailed(
            Failure.CREDENTIALS, f"the server does not know {account.authentication} as a way to sign in"
        )
    what = "token" if account.authentication is Authentication.XOAUTH2 else "user name or password"
    hint = "; it wants an app password" if answer.says(_APP_PASSWORD) else ""
    raise RemoteFailed(Failure.CREDENTIALS, f"the server refuses the {what}{status}{answer.why()}{hint}")


def quoted(text: bytes) -> bytes:
    """A quoted string; no control character may be in it."""
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
