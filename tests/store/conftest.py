"""An open throw-away vault for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store.vault import Vault
from tests.support.homes import fast_folder, throwaway_vault


@pytest.fixture
def vault() -> Iterator[Vault]:
    with fast_folder() as folder, throwaway_vault(folder) as opened:
        yield opened
