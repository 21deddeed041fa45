"""Settings: parsed once, typed, with errors that name the line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance import settings
from appliance.errors import SettingsError
from bench.bare import VARIABLE


def write(home: Path, text: str) -> Path:
    (home / settings.FILE_NAME).write_text(text, encoding="utf-8")
    return home


def test_a_missing_file_means_the_defaults(tmp_path: Path) -> None:
    loaded = settings.load(tmp_path)
    assert loaded.tcp_address == ("127.0.0.1", 8470)
    assert loaded.drop_folder == tmp_path / "drop"


def test_the_template_is_valid_and_so_is_each_line_that_it_suggests(tmp_path: Path) -> None:
    assert settings.load(write(tmp_path, settings.TEMPLATE)).file == settings.File()
    lines = [line.removeprefix("# ") for line in settings.TEMPLATE.splitlines()[2:]]
    loaded = settings.load(write(tmp_path, "\n".join(lines)))
    assert loaded.file.project[0].aliases == ("Alder Lane 4",)
    assert loaded.file.watch[0].name == "papers"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[service]\nlisten = 3\n", "line 2: .*str.*int"),
        ('[drop]\n\nfoldr = "x"\n', "line 3: .*foldr"),
        ("[service\n", "line 1"),
        ('[service]\nlisten = "0.0.0.0:80"\n', "service.listen"),
        ('[service]\nlisten = "example.org:80"\n', "service.listen"),
        ('[service]\nlisten = "127.0.0.1:99999"\n', "service.listen"),
        ('[[tag]]\nname = "a"\n[[tag]]\nname = "a"\n', "two .*tag.* 'a'"),
        ('[[watch]]\nname = "a"\nfolder = "here"\n', "absolute"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        settings.load(write(tmp_path, text))
    assert caught.value.exit_code == 78


def test_a_watched_folder_never_overlaps_what_is_consumed_or_stored(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path.parent, tmp_path / "drop" / "inner"):
        with pytest.raises(SettingsError, match="overlap"):
            settings.load(write(tmp_path, f'[[watch]]\nname = "a"\nfolder = "{folder}"\n'))


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / settings.FILE_NAME).write_bytes(b"\xff\xfe[")
    with pytest.raises(SettingsError, match="cannot be read"):
        settings.load(tmp_path)


def test_the_home_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/strongroom")
    assert settings.home_folder() == Path("/var/lib/strongroom")
    monkeypatch.setenv("STRONGROOM_HOME", "/elsewhere")
    assert settings.home_folder() == Path("/elsewhere")


def test_no_service_is_started_under_the_variable_of_the_bench(tmp_path: Path) -> None:
    environment = {**os.environ, VARIABLE: "confinement"}
    serve = [sys.executable, "-I", "-m", "appliance.cli", "serve", "--home", str(tmp_path / "none")]
    told = subprocess.run(serve, env=environment, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (78, "", 1)
    assert f"{VARIABLE} is set" in told.stderr
