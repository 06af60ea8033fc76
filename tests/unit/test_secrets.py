"""Secrets by reference: read when used, remembered for a moment, never part of an error."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from activity_core.adapters.http.vault import Vault, open_vault
from activity_core.adapters.kept_secrets import FAILURE_KEPT, KEPT, KeptSecrets
from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.secrets import resolve_secret
from activity_core.core.errors import ConfigurationError, UnavailableError


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SOME_SECRET", "one")
    assert resolve_secret("env:SOME_SECRET") == "one"
    monkeypatch.setenv("SOME_SECRET", "two")
    assert resolve_secret("env:SOME_SECRET") == "two"


def test_from_a_file_without_its_last_newline(tmp_path: Path):
    file = tmp_path / "secret"
    file.write_text(" with spaces \r\n")
    assert resolve_secret(f"file:{file}") == " with spaces "


@pytest.mark.parametrize("kind", ["env:NOT_THERE", "env:", "file:/not/there"])
def test_what_is_not_there_is_named(kind: str):
    with pytest.raises(ConfigurationError, match=kind.partition(":")[0]):
        resolve_secret(kind)


def test_an_empty_file_is_no_secret(tmp_path: Path):
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ConfigurationError, match="missing or empty"):
        resolve_secret(f"file:{tmp_path / 'empty'}")


def test_a_file_that_is_no_text_is_no_secret(tmp_path: Path):
    (tmp_path / "key.der").write_bytes(b"\x30\x82\xff")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        resolve_secret(f"file:{tmp_path / 'key.der'}")


def test_a_value_in_place_of_a_reference_is_not_told():
    with pytest.raises(ConfigurationError) as error:
        resolve_secret("hunter2")
    assert "hunter2" not in str(error.value)


def test_settings_take_nothing_from_a_vault():
    with pytest.raises(ConfigurationError, match="only the `verify:` of a source"):
        resolve_secret("vault:secret/data/shop#key")


class ScriptedVault(Vault):
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.value = "one"
        self.asked: list[tuple[str, str]] = []
        self.fails = False
        self.was_asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def field(self, path: str, name: str) -> str:
        self.asked.append((path, name))
        self.was_asked.set()
        await self.go_on.wait()
        if self.fails:
            raise UnavailableError("the vault does not answer")
        return self.value


REF = "vault:secret/data/shop#key"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def vault() -> ScriptedVault:
    return ScriptedVault()


@pytest.fixture
def secrets(clock: ManualClock, vault: ScriptedVault) -> KeptSecrets:
    return KeptSecrets(clock, vault)


async def test_kept_for_half_a_minute(
    secrets: KeptSecrets, clock: ManualClock, vault: ScriptedVault
):
    assert await secrets.secret(REF) == "one"
    vault.value = "two"
    clock.advance(KEPT - timedelta(seconds=1))
    assert await secrets.secret(REF) == "one"
    assert vault.asked == [("secret/data/shop", "key")]
    clock.advance(timedelta(seconds=1))
    assert await secrets.secret(REF) == "two"


async def test_many_at_once_ask_once(secrets: KeptSecrets, vault: ScriptedVault):
    vault.go_on.clear()
    waiting = [asyncio.create_task(secrets.secret(REF)) for _ in range(50)]
    await vault.was_asked.wait()
    vault.go_on.set()
    assert await asyncio.gather(*waiting) == ["one"] * 50
    assert len(vault.asked) == 1


async def test_a_failure_is_kept_for_a_moment_only(
    secrets: KeptSecrets, clock: ManualClock, vault: ScriptedVault
):
    vault.fails = True
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await secrets.secret(REF)
    assert len(vault.asked) == 1
    vault.fails = False
    clock.advance(FAILURE_KEPT)
    assert await secrets.secret(REF) == "one"


async def test_one_secret_does_not_wait_for_another(
    secrets: KeptSecrets, vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SOME_SECRET", "own")
    vault.go_on.clear()
    waiting = asyncio.create_task(secrets.secret(REF))
    await vault.was_asked.wait()
    assert await secrets.secret("env:SOME_SECRET") == "own"
    vault.go_on.set()
    assert await waiting == "one"


async def test_without_a_vault_its_references_are_refused(clock: ManualClock):
    with pytest.raises(ConfigurationError, match="VAULT_ADDR"):
        await KeptSecrets(clock).secret(REF)


def test_no_vault_is_named():
    assert open_vault({}) is None


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"VAULT_ADDR": "http://vault.example:8200"}, "https"),
        ({"VAULT_ADDR": "vault.example"}, "https"),
        ({"VAULT_ADDR": "https://vault.example", "VAULT_CACERT": "/not/there"}, "No such file"),
    ],
)
def test_a_vault_that_cannot_be_trusted(environment: dict[str, str], complaint: str):
    with pytest.raises(ConfigurationError, match=complaint):
        open_vault(environment)
