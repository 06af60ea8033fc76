"""What every keeper of secrets and of key sets promises: the twins and the real ones."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.vault_server import TOKEN, vault_server
from tests.outside import Reply, outside_world

from activity_core.adapters.http.guard import guarded_client
from activity_core.adapters.http.key_sets import PAUSE, HttpKeySets
from activity_core.adapters.http.vault import open_vault
from activity_core.adapters.kept_secrets import KeptSecrets
from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.memory.secrets import MemoryKeySets, MemorySecrets
from activity_core.core.errors import ConfigurationError, UnavailableError
from activity_core.ports.secrets import KeySets, Secrets

SECRET = "correct horse"
OLD, NEW = [{"kid": "1"}], [{"kid": "2"}]


@dataclass
class Secrecy:
    """A keeper, one good reference of each kind, and some behind which nothing is."""

    secrets: Secrets
    good: Sequence[str]
    bad: Sequence[str]


@dataclass
class Issuer:
    """Key sets, an address where there is one, one where there is none, and its next keys."""

    key_sets: KeySets
    address: str
    nobody: str
    publish: Callable[[Sequence[dict[str, Any]]], None]


@pytest.fixture(params=["memory", "real"])
async def secrecy(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Secrecy]:
    good = ["env:SHOP_SECRET", f"file:{tmp_path / 'shop'}", "vault:secret/data/shop#key"]
    bad = ["env:NO_SECRET", f"file:{tmp_path / 'no'}", "vault:secret/data/no#key"]
    if request.param == "memory":
        yield Secrecy(MemorySecrets(dict.fromkeys(good, SECRET)), good, bad)
        return
    monkeypatch.setenv("SHOP_SECRET", SECRET)
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    (tmp_path / "shop").write_text(SECRET + "\n")
    with vault_server() as server:
        server.secrets["secret/data/shop"] = {"key": SECRET}
        vault = open_vault({"VAULT_ADDR": server.url})
        assert vault is not None
        yield Secrecy(KeptSecrets(ManualClock(), vault), good, bad)
        await vault.close()


async def test_a_secret_is_found_by_its_reference(secrecy: Secrecy):
    for reference in [*secrecy.good, *secrecy.good]:
        assert await secrecy.secrets.secret(reference) == SECRET


async def test_where_nothing_is_the_reference_is_told(secrecy: Secrecy):
    for reference in [*secrecy.bad, *secrecy.bad]:
        with pytest.raises(ConfigurationError, match=reference.partition("#")[0]):
            await secrecy.secrets.secret(reference)


@pytest.fixture(params=["memory", "real"])
async def issuer(request: pytest.FixtureRequest) -> AsyncIterator[Issuer]:
    if request.param == "memory":
        address = "https://issuer.example/keys"
        twin = MemoryKeySets({address: OLD})
        yield Issuer(
            twin,
            address,
            "https://issuer.example/nothing",
            lambda keys: twin.fresh_keys.update({address: keys}),
        )
        return
    clock = ManualClock()
    async with AsyncExitStack() as stack:
        world = stack.enter_context(outside_world())
        client = await stack.enter_async_context(guarded_client(["127.0.0.1"]))
        world.answers("/keys", Reply(200, {"keys": OLD}))

        def publish(keys: Sequence[dict[str, Any]]) -> None:
            world.answers("/keys", Reply(200, {"keys": keys}))
            clock.advance(PAUSE)

        yield Issuer(
            HttpKeySets(client, clock), world.url + "/keys", world.url + "/nothing", publish
        )


async def test_keys_are_remembered_until_fresh_ones_are_asked_for(issuer: Issuer):
    assert await issuer.key_sets.key_set(issuer.address) == OLD
    issuer.publish(NEW)
    assert await issuer.key_sets.key_set(issuer.address) == OLD
    assert await issuer.key_sets.key_set(issuer.address, fresh=True) == NEW
    assert await issuer.key_sets.key_set(issuer.address) == NEW


async def test_an_address_without_keys_is_told(issuer: Issuer):
    for fresh in (False, True):
        with pytest.raises(UnavailableError, match="/nothing"):
            await issuer.key_sets.key_set(issuer.nobody, fresh=fresh)
