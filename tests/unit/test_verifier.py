"""The verifier: what it looks up, when it asks again, and what the sender is not told."""

from datetime import timedelta

import pytest
from tests.unit.proofs import AT, AUDIENCE, ISSUER, OTHER, SCHEMES, SECRET, verification
from tests.unit.token_keys import bearing, jwk, private, token

from activity_core.adapters.memory.secrets import MemoryKeySets, MemorySecrets
from activity_core.core.errors import UnavailableError, UnverifiedError
from activity_core.services.verifier import Verifier

WHERE = "https://issuer.example/keys"
JWT = verification(jwt={"issuer": ISSUER, "audience": AUDIENCE, "jwks": WHERE})
GITHUB = verification(github={"secrets": ["env:OLD", "vault:secret/data/shop#new"]})


@pytest.fixture
def secrets() -> MemorySecrets:
    return MemorySecrets({"env:OLD": SECRET, "vault:secret/data/shop#new": OTHER})


@pytest.fixture
def key_sets() -> MemoryKeySets:
    return MemoryKeySets({WHERE: [jwk("RS256", kid="1")]})


@pytest.fixture
def verifier(secrets: MemorySecrets, key_sets: MemoryKeySets) -> Verifier:
    return Verifier(secrets, key_sets)


async def test_all_secrets_of_a_source_are_good(verifier: Verifier, key_sets: MemoryKeySets):
    for secret in (SECRET, OTHER):
        await verifier.verify(GITHUB, SCHEMES["github"].message(secret=secret), AT)
    with pytest.raises(UnverifiedError):
        await verifier.verify(GITHUB, SCHEMES["github"].message(secret="third"), AT)
    assert key_sets.asked == []


async def test_the_time_is_when_the_message_came(verifier: Verifier):
    stripe = verification(stripe={"secrets": ["env:OLD"]})
    message = SCHEMES["stripe"].message()
    await verifier.verify(stripe, message, AT)
    with pytest.raises(UnverifiedError):
        await verifier.verify(stripe, message, AT + timedelta(minutes=6))


async def test_a_secret_that_is_missing_is_nobodys_forgery(
    verifier: Verifier, secrets: MemorySecrets
):
    secrets.secrets.pop("vault:secret/data/shop#new")
    with pytest.raises(UnavailableError) as error:
        await verifier.verify(GITHUB, SCHEMES["github"].message(), AT)
    assert "vault" not in str(error.value)
    assert "vault" in str(error.value.__cause__)


async def test_a_vault_that_does_not_answer(verifier: Verifier, secrets: MemorySecrets):
    secrets.failures.before(UnavailableError("vault.internal does not answer"))
    with pytest.raises(UnavailableError) as error:
        await verifier.verify(GITHUB, SCHEMES["github"].message(), AT)
    assert "vault" not in str(error.value)


async def test_keys_are_asked_for_once(verifier: Verifier, key_sets: MemoryKeySets):
    message = bearing(token(private("RS256"), "RS256", head={"kid": "1"}))
    for _ in range(3):
        await verifier.verify(JWT, message, AT)
    assert key_sets.asked == [WHERE]


async def test_an_unknown_key_asks_for_fresh_ones_once(verifier: Verifier, key_sets: MemoryKeySets):
    await verifier.verify(JWT, bearing(token(private("RS256"), "RS256", head={"kid": "1"})), AT)
    key_sets.fresh_keys[WHERE] = [jwk("RS256", 1, kid="2")]
    await verifier.verify(JWT, bearing(token(private("RS256", 1), "RS256", head={"kid": "2"})), AT)
    assert key_sets.asked == [WHERE] * 2
    with pytest.raises(UnverifiedError):
        await verifier.verify(JWT, bearing(token(private("RS256"), "RS256", head={"kid": "3"})), AT)
    assert key_sets.asked == [WHERE] * 3


async def test_what_is_forged_otherwise_asks_nobody(verifier: Verifier, key_sets: MemoryKeySets):
    for forged in (
        token(private("RS256", 1), "RS256", head={"kid": "1"}),
        token(private("RS256"), "RS256", head={"kid": "1"}, aud="other"),
        token("s" * 32, "HS256", head={"kid": "2"}),
        "no.token",
    ):
        with pytest.raises(UnverifiedError):
            await verifier.verify(JWT, bearing(forged), AT)
    assert key_sets.asked == [WHERE]


async def test_an_issuer_that_does_not_answer(verifier: Verifier, key_sets: MemoryKeySets):
    key_sets.fresh_keys.clear()
    with pytest.raises(UnavailableError) as error:
        await verifier.verify(JWT, bearing(token(private("RS256"), "RS256")), AT)
    assert "issuer.example" not in str(error.value)
