"""Tokens: signed by a key of the right kind, for us, by whom we trust, at the right time."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.proofs import AT, AUDIENCE, ISSUER, NOW, SECRET, claims, verification
from tests.unit.proofs import token as handmade
from tests.unit.token_keys import (
    as_jwk,
    bearing,
    handmade_rs256,
    jwk,
    pem,
    private,
    private_pem,
    token,
)

from activity_core.core.admission.proof.token import UnknownKeyError
from activity_core.core.admission.verify import verified
from activity_core.core.errors import UnverifiedError

ASYMMETRIC = ["RS256", "PS256", "ES256", "EdDSA"]
ANY: dict[str, Any] = {"algorithms": ASYMMETRIC}


def check(
    text: str,
    *,
    secrets: Sequence[str] = (),
    keys: Sequence[Mapping[str, Any]] = (),
    at: datetime = AT,
    **more: Any,
) -> None:
    where = {"jwks": "https://issuer.example/keys"} if keys else {"keys": ["env:A"]}
    proof = verification(jwt={"issuer": ISSUER, "audience": AUDIENCE, **where, **more})
    verified(proof, bearing(text), secrets, keys, at)


def reason(text: str, **more: Any) -> str:
    with pytest.raises(UnverifiedError) as error:
        check(text, **more)
    return error.value.reason


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_signed_with_a_key_that_we_hold(algorithm: str):
    good = token(private(algorithm), algorithm)
    check(good, secrets=[pem(algorithm)], **ANY)
    check(good, secrets=[pem(algorithm, 1), pem(algorithm)], **ANY)
    assert "no key" in reason(good, secrets=[pem(algorithm, 1)], **ANY)
    assert "algorithm" in reason(good, secrets=[pem(algorithm)], algorithms=[_other(algorithm)])


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_signed_with_a_key_that_the_issuer_publishes(algorithm: str):
    keys = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "s"},
        {"kty": "of the future", "kid": "f"},
        jwk(algorithm, 1, kid="old"),
        jwk(algorithm, kid="new", use="sig"),
    ]
    check(token(private(algorithm), algorithm, head={"kid": "new"}), keys=keys, **ANY)
    check(token(private(algorithm, 1), algorithm, head={"kid": "old"}), keys=keys, **ANY)
    swapped = token(private(algorithm, 1), algorithm, head={"kid": "new"})
    assert "no key of 1" in reason(swapped, keys=keys, **ANY)


def test_a_key_that_is_not_known_may_be_new():
    with pytest.raises(UnknownKeyError):
        check(token(private("RS256"), "RS256", head={"kid": "2"}), keys=[jwk("RS256", kid="1")])
    with pytest.raises(UnknownKeyError):
        check(token(private("RS256"), "RS256"), keys=[jwk("RS256", 1)])


def test_a_token_without_a_key_id_is_signed_by_the_only_key_that_suits():
    good = token(private("RS256"), "RS256")
    check(good, keys=[jwk("RS256", kid="1"), jwk("ES256", kid="2")])
    assert "several" in reason(good, keys=[jwk("RS256", kid="1"), jwk("RS256", 1, kid="2")])


@pytest.mark.parametrize(
    "key",
    [
        {"use": "enc"},
        {"alg": "PS256"},
        {"n": "!!"},
        {"e": None},
        {"kty": "EC"},
        {"kty": None},
        {"kty": 7},
    ],
)
def test_a_published_key_serves_only_what_it_is_for(key: dict[str, Any]):
    good = token(private("RS256"), "RS256", head={"kid": "1"})
    assert "no key of 0" in reason(good, keys=[jwk("RS256", kid="1", **key)], **ANY)


def test_private_keys_short_keys_and_other_curves_are_no_keys():
    good = token(private("RS256"), "RS256", head={"kid": "1"})
    whole = {**as_jwk(private("RS256"), "RS256"), "kid": "1"}
    assert "no key of 0" in reason(good, keys=[whole], **ANY)
    assert "no key of 0" in reason(good, secrets=[private_pem("RS256")], **ANY)
    short = handmade_rs256(private("short"))
    assert "no key of 1" in reason(short, secrets=[pem("short")])
    for key in (pem("P-384"), pem("RS256"), "", "-----BEGIN PUBLIC KEY-----"):
        assert "no key of 0" in reason(token(private("ES256"), "ES256"), secrets=[key])
    curve = [jwk("P-384", kid="1")]
    named = token(private("ES256"), "ES256", head={"kid": "1"})
    assert "no key of 0" in reason(named, keys=curve)


@pytest.mark.parametrize("algorithm", ["none", "None", "", None, "HS512", ["RS256"], 7, "rs256"])
def test_algorithms_that_the_source_does_not_name(algorithm: Any):
    for secret in ("", pem("RS256")):
        forged = handmade(claims(), secret, {"alg": algorithm})
        for text in (forged, forged.rpartition(".")[0] + ".", forged.rpartition(".")[0] + ".AA"):
            reason(text, secrets=[pem("RS256")])
            reason(text, secrets=["s" * 32], algorithms=["HS256"])


def test_a_public_key_is_no_shared_secret():
    """Everybody has the public key; a token that it signs as if it were a secret is nobody's."""
    for public in (pem("RS256"), pem("RS256").strip(), pem("ES256"), json.dumps(jwk("RS256"))):
        forged = handmade(claims(), public)
        assert "algorithm" in reason(forged, secrets=[public], **ANY)
        assert "no key" in reason(forged, secrets=[public], algorithms=["HS256"])
        assert "algorithm" in reason(forged, keys=[jwk("RS256")], **ANY)


def test_shared_secrets():
    first, second = "first-" + SECRET, "second-" + SECRET
    for secret in (first, second):
        check(handmade(claims(), secret), secrets=[first, second], algorithms=["HS256"])
    assert "no key of 1" in reason(
        handmade(claims(), first), secrets=[second], algorithms=["HS256"]
    )
    for weak in ("", "s" * 31):
        assert "no key" in reason(handmade(claims(), weak), secrets=[weak], algorithms=["HS256"])


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"iss": "https://issuer.example/"}, "iss"),
        ({"iss": None}, "iss"),
        ({"iss": [ISSUER]}, "iss"),
        ({"aud": "other"}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": {AUDIENCE: 1}}, "aud"),
        ({"aud": AUDIENCE + "2"}, "aud"),
        ({"exp": None}, "exp"),
        ({"exp": NOW - 31}, "exp"),
        ({"exp": NOW - 30}, "exp"),
        ({"exp": str(NOW + 60)}, "exp"),
        ({"exp": True}, "exp"),
        ({"nbf": NOW + 31}, "nbf"),
        ({"nbf": str(NOW)}, "nbf"),
        ({"nbf": True}, "nbf"),
        ({"iat": NOW + 31}, "iat"),
        ({"iat": []}, "iat"),
        ({"sub": "other"}, "sub"),
        ({"sub": ["shop"]}, "sub"),
        ({"sub": None}, "sub"),
    ],
)
def test_claims_that_do_not_suit(more: dict[str, Any], wrong: str):
    payload = {k: v for k, v in claims(**{"sub": "shop", **more}).items() if v is not None}
    text = handmade(payload, SECRET)
    said = reason(text, secrets=[SECRET], algorithms=["HS256"], claims={"sub": "shop"})
    assert said == f"the token's claims do not suit: {wrong}"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"aud": ["other", AUDIENCE]},
        {"exp": NOW - 29},
        {"nbf": NOW + 30, "iat": NOW + 30},
        {"iat": None},
        {"exp": NOW + 0.5},
        {"sub": "shop", "scope": "x"},
    ],
)
def test_claims_that_suit(more: dict[str, Any]):
    payload = {k: v for k, v in claims(**{"sub": "shop", **more}).items() if v is not None}
    text = handmade(payload, SECRET)
    check(text, secrets=[SECRET], algorithms=["HS256"], claims={"sub": "shop"})


def test_the_time_is_the_one_that_is_handed_in(monkeypatch: pytest.MonkeyPatch):
    text = handmade(claims(), SECRET)
    later = AT + timedelta(days=1)
    assert "exp" in reason(text, secrets=[SECRET], algorithms=["HS256"], at=later)
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    assert "iat" in reason(text, secrets=[SECRET], algorithms=["HS256"], at=long_ago)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    check(text, secrets=[SECRET], algorithms=["HS256"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "..",
        "e30.e30.e30",
        "bnVsbA.e30.AA",
        "W10.e30.AA",
    ],
)
def test_what_is_no_token(text: str):
    reason(text, secrets=[SECRET], algorithms=["HS256"])


@pytest.mark.parametrize("payload", [[], "x", 1, None])
def test_claims_that_are_no_object(payload: Any):
    text = handmade(payload, SECRET)
    said = reason(text, secrets=[SECRET], algorithms=["HS256"])
    assert said == "the token's claims are no JSON object"


@pytest.mark.parametrize(
    "head",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"kid": 7},
        {"crit": []},
    ],
)
def test_heads_that_ask_for_more_than_we_know(head: dict[str, Any]):
    text = handmade(claims(), SECRET, {"alg": "HS256", **head})
    reason(text, secrets=[SECRET], algorithms=["HS256"])


def test_padding_makes_it_another_text():
    text = handmade(claims(), SECRET)
    for forged in (text + "=", text.replace(".", "=.", 1), text + "==", text[:-1] + "_"):
        reason(forged, secrets=[SECRET], algorithms=["HS256"])


def _other(algorithm: str) -> str:
    return ASYMMETRIC[ASYMMETRIC.index(algorithm) - 1]
