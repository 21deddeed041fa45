"""Errors of the appliance: settings, the running service and its clients."""

from __future__ import annotations

from policy.errors import EXIT_CONFIG, EXIT_NO_PERMISSION, EXIT_UNAVAILABLE, EXIT_USAGE, StrongroomError


class ApplianceError(StrongroomError):
    """Base of this room's errors."""


class SettingsError(ApplianceError):
    """`strongroom.toml` or an environment variable says something that cannot be."""

    exit_code = EXIT_CONFIG


class ServiceUnavailable(ApplianceError):
    """No service answers for this home."""

    exit_code = EXIT_UNAVAILABLE
    retryable = True


class RequestRefused(ApplianceError):
    """The service understood the request and refused it; `status` is the HTTP status."""

    def __init__(
        self,
        what: str,
        *,
        status: int,
        item: str | None = None,
        remedy: str | None = None,
        exit_code: int | None = None,
    ) -> None:
        super().__init__(what, item=item, remedy=remedy)
        self.status = status
        if exit_code is not None:  # of the error that the service met
            self.exit_code = exit_code


class BadRequest(RequestRefused):
    """The request itself is wrong; the message says where."""

    exit_code = EXIT_USAGE

    def __init__(self, what: str, *, remedy: str | None = None) -> None:
        super().__init__(what, status=400, remedy=remedy)


class NotAllowed(RequestRefused):
    """No token, an unknown token, or one without the scope that this needs."""

    exit_code = EXIT_NO_PERMISSION


class NoPassphrase(ApplianceError):
    """Nobody could be asked for the passphrase and no file holds it."""

    exit_code = EXIT_NO_PERMISSION
