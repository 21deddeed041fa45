"""The passphrase comes from a file, a named file, a credential or a prompt, and from nowhere else."""

from pathlib import Path

import pytest

from appliance import passphrase
from appliance.errors import NoPassphrase


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (passphrase.ENVIRONMENT_FILE, "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)


def secret_file(path: Path, content: bytes = b"open sesame\n") -> Path:
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


def test_the_order_is_argument_then_environment_then_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret_file(tmp_path / passphrase.CREDENTIAL, b"third")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert passphrase.obtain(None).reveal() == b"third"
    monkeypatch.setenv(passphrase.ENVIRONMENT_FILE, str(secret_file(tmp_path / "b", b"second\r\n")))
    assert passphrase.obtain(None).reveal() == b"second"
    assert passphrase.obtain(secret_file(tmp_path / "a")).reveal() == b"open sesame"


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = secret_file(tmp_path / "a")
    path.chmod(0o644)
    with pytest.raises(NoPassphrase, match="chmod 600"):
        passphrase.obtain(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 5000])
def test_an_empty_or_endless_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(NoPassphrase, match="empty or longer"):
        passphrase.obtain(secret_file(tmp_path / "a", content))


def test_without_any_source_it_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(NoPassphrase, match="--passphrase-file") as caught:
        passphrase.obtain(None)
    assert caught.value.exit_code == 77
    with pytest.raises(NoPassphrase, match="No such file"):
        passphrase.obtain(tmp_path / "missing")
