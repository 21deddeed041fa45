"""Accounts are added to and removed from the owner's file, and nothing else in it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance import account_file, settings
from appliance.cli import main
from appliance.errors import BadRequest, SettingsError
from ingest.mail.account import MailAccount

OWNERS = (
    '# mine\n[service]\nlisten = ""\n\n[[tag]]\nname = "bill"\ndescription = "A bill"\nwords = ["bill"]\n'
)
OFFICE = MailAccount(
    name="office", host="imap.example.org", user='me "the" boss\\', folders=("INBOX", "Grüße")
)
HOME = MailAccount(name="home", host="localhost", user="me", pin="ab" * 32)


def test_what_is_added_is_what_is_read(tmp_path: Path) -> None:
    (tmp_path / settings.FILE_NAME).write_text(OWNERS)
    account_file.add(tmp_path, OFFICE)
    account_file.add(tmp_path, HOME)
    assert settings.load(tmp_path).file.mail == (OFFICE, HOME)
    assert account_file.names(tmp_path) == ["office", "home"]
    assert (tmp_path / settings.FILE_NAME).read_text().startswith(OWNERS)


def test_what_is_removed_leaves_the_rest_as_it_was(tmp_path: Path) -> None:
    (tmp_path / settings.FILE_NAME).write_text(OWNERS)
    account_file.add(tmp_path, OFFICE)
    account_file.add(tmp_path, HOME)
    account_file.remove(tmp_path, "office")
    assert settings.load(tmp_path).file.mail == (HOME,)
    account_file.remove(tmp_path, "home")
    assert (tmp_path / settings.FILE_NAME).read_text().strip() == OWNERS.strip()
    with pytest.raises(BadRequest, match="no mail account 'home'"):
        account_file.remove(tmp_path, "home")


def test_a_file_that_is_not_valid_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / settings.FILE_NAME).write_text("[service\n")
    with pytest.raises(SettingsError):
        account_file.add(tmp_path, OFFICE)
    assert [path.name for path in tmp_path.iterdir()] == [settings.FILE_NAME]
    assert (tmp_path / settings.FILE_NAME).read_text() == "[service\n"


def test_without_a_file_one_is_made(tmp_path: Path) -> None:
    account_file.add(tmp_path, HOME)
    assert settings.load(tmp_path).file.mail == (HOME,)


def test_without_a_service_an_account_with_a_file_is_added_and_its_exclusions_are_more_than_the_usual(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["--host", "localhost", "--user", "me", "--password-file", "/nowhere", "--exclude", "Drafts"]
    assert main(["mail", "add", "home", *wanted, "--home", str(tmp_path)]) == 0
    assert "as soon as the service runs" in capsys.readouterr().out
    (account,) = settings.load(tmp_path).file.mail
    assert account.exclude == ("\\Junk", "\\Trash", "Drafts")
