"""What groups of commands have in common: whom they ask, and how they show what they get."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.client import Client

Arguments = argparse.Namespace
Print = Callable[[Arguments, Any, Callable[[Any], str]], None]


class Commands:
    """Some commands over a client of the service.

    Args:
        client: a client of the service that the arguments name.
        show: prints a value as JSON or as words.
    """

    def __init__(self, client: Callable[[Arguments], Client], show: Print) -> None:
        self._client = client
        self._show = show


class HomeCommands(Commands):
    """Some that look into the home as well.

    Args:
        home: the home that the arguments name.
        client, show: as in `Commands`.
    """

    def __init__(
        self, home: Callable[[Arguments], Path], client: Callable[[Arguments], Client], show: Print
    ) -> None:
        super().__init__(client, show)
        self._home = home
