import os
import subprocess
import sys
from pathlib import Path

import pytest

from activity_core.core.errors import ConfigurationError
from activity_core.embedded import directory
from activity_core.embedded.directory import locked


async def test_ports_are_noted(tmp_path: Path) -> None:
    async with locked(tmp_path / "new" / "data") as first:
        assert first.last_ports() == {}
        first.note_ports({"nats": 4222})
    async with locked(tmp_path / "new" / "data") as second:
        assert second.last_ports() == {"nats": 4222}


@pytest.mark.parametrize("damage", ["", "{", "[]", "7", '{"nats": "x"}', '{"nats": null}'])
async def test_a_damaged_note_is_no_note(tmp_path: Path, damage: str) -> None:
    (tmp_path / "ports.json").write_text(damage)
    async with locked(tmp_path) as data:
        assert data.last_ports() == {}


async def test_the_directory_is_private(tmp_path: Path) -> None:
    async with locked(tmp_path / "data") as data:
        assert data.path.stat().st_mode & 0o777 == 0o700


async def test_a_living_holder_is_named(tmp_path: Path) -> None:
    async with locked(tmp_path):
        with pytest.raises(ConfigurationError, match=f"another process .pid {os.getpid()}."):
            async with locked(tmp_path):
                pass


async def test_a_dead_holder_is_waited_for_until_its_servers_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with locked(tmp_path) as data:
        server = subprocess.Popen(  # noqa: ASYNC220 - our own words
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[data.lock]
        )
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:  # noqa: ASYNC220 - at once over
        pass
    (tmp_path / "lock").write_text(str(dead.pid))
    with monkeypatch.context() as patience:
        patience.setattr(directory, "_LAST_SERVERS_END_WITHIN", 0.05)
        with pytest.raises(ConfigurationError, match="that a killed process left behind"):
            async with locked(tmp_path):
                pass
    server.communicate(b"\n")
    async with locked(tmp_path):
        pass


async def test_what_cannot_be_a_directory_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used as data directory"):
        async with locked(tmp_path / "file" / "data"):
            pass
