"""Swap that is memory or encrypted keeps what is in it; any other is warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy import swap


def test_it_is_told_apart(tmp_path: Path) -> None:
    def block(name: str, uuid: str = "", below: tuple[Path, ...] = ()) -> Path:
        made = tmp_path / name
        (made / "slaves").mkdir(parents=True)
        if uuid:
            (made / "dm").mkdir()
            (made / "dm" / "uuid").write_text(uuid)
        for each in below:
            (made / "slaves" / each.name).symlink_to(each)
        return made

    disk, encrypted = block("sda2"), block("dm-0", "CRYPT-LUKS2-0123-swap\n")
    assert swap.is_secret(block("zram0"))
    assert swap.is_secret(encrypted)
    assert swap.is_secret(block("dm-1", "LVM-x\n", (encrypted,)))
    assert not swap.is_secret(disk)
    assert not swap.is_secret(block("dm-2", "LVM-y\n", (encrypted, disk)))
    assert not swap.keeps_secrets(str(tmp_path / "gone"))


@pytest.mark.parametrize(("areas", "warned"), [([], False), (["/swap.img"], True)])
def test_the_start_warns_of_plain_swap(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, areas: list[str], warned: bool
) -> None:
    monkeypatch.setattr(swap, "plain", lambda: areas)
    swap.warn()
    assert ("plain swap areas" in caplog.text) == warned
    assert "/swap.img" not in caplog.text
