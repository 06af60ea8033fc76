"""JSON Web Tokens (RFC 7519): the signature by PyJWT, the claims by us, because it reads the clock.

In: a message with a bearer token, and keys: an issuer's key set, or secrets. Out: nothing, or
UnverifiedError. A key serves only the algorithms of its own kind, whatever the token says.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWK, PyJWS, PyJWTError

from activity_core.core.admission.proof.header import bearer
from activity_core.core.definition.verification import JwtVerification
from activity_core.core.errors import MalformedJsonError, UnverifiedError
from activity_core.core.event.message import Message
from activity_core.core.jsontext import parse_json

Key = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | bytes
_COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_KINDS: Mapping[str, type[RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey]] = {
    "RS256": RSAPublicKey,
    "PS256": RSAPublicKey,
    "ES256": EllipticCurvePublicKey,
    "EdDSA": Ed25519PublicKey,
}
_JWS = PyJWS(algorithms=[*_KINDS, "HS256"], options={"enforce_minimum_key_length": True})


class UnknownKeyError(UnverifiedError):
    """Signed by a key that the issuer's key set, as we know it, does not have."""


def verify_token(
    proof: JwtVerification,
    message: Message,
    secrets: Sequence[str],
    keys: Sequence[Mapping[str, Any]],
    at: datetime,
) -> None:
    """Look whether the token is the issuer's, for us, and good at `at`.

    Raises:
        UnknownKeyError: the key set may be out of date.
        UnverifiedError: it is not.
    """
    token = bearer(message)
    if not _COMPACT.fullmatch(token):  # PyJWT would let padding pass
        raise UnverifiedError("the token is malformed")
    try:
        head = _JWS.get_unverified_header(token)
    except PyJWTError:
        raise UnverifiedError("the token is malformed") from None
    algorithm = head.get("alg")
    if algorithm not in proof.algorithms:
        raise UnverifiedError("the token's algorithm is not one of the source's")
    if proof.jwks:
        candidates = _of_set(_named(keys, head.get("kid")), algorithm)
    else:
        candidates = _of_secrets(secrets, algorithm)
    payloads = [found for key in candidates if (found := _payload(token, key, algorithm))]
    if not payloads and proof.jwks and "kid" not in head:
        raise UnknownKeyError("the one key that suits did not sign the token")
    if not payloads:
        raise UnverifiedError(f"no key of {len(candidates)} that suit signed the token")
    try:
        claims = parse_json(payloads[0])
    except MalformedJsonError:
        claims = None
    if not isinstance(claims, dict):
        raise UnverifiedError("the token's claims are no JSON object")
    _check(proof, claims, at.timestamp())


def _named(keys: Sequence[Mapping[str, Any]], name: str | None) -> Sequence[Mapping[str, Any]]:
    if name is None:
        return keys
    if named := [key for key in keys if key.get("kid") == name]:
        return named
    raise UnknownKeyError("the token names a key that its issuer does not publish")


def _of_set(keys: Sequence[Mapping[str, Any]], algorithm: str) -> Sequence[Key]:
    suitable = [
        key
        for key in keys
        if key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm
    ]
    found = []
    for key in suitable:
        try:
            candidate = PyJWK(dict(key), algorithm).key
        except (PyJWTError, ValueError, TypeError):
            continue  # of another kind, or broken: a set may hold any
        if fitting := _fitting(candidate, algorithm):
            found.append(fitting)
    if len(found) > 1:  # OIDC Core 10.1: then the token must name one
        raise UnverifiedError("the token does not name one of several keys")
    return found


def _of_secrets(secrets: Sequence[str], algorithm: str) -> Sequence[Key]:
    if algorithm == "HS256":  # PyJWT refuses what looks like a public key
        return [secret.encode() for secret in secrets]
    found = []
    for secret in secrets:
        try:
            candidate = load_pem_public_key(secret.encode())
        except ValueError:
            continue
        if fitting := _fitting(candidate, algorithm):
            found.append(fitting)
    return found


def _fitting(key: object, algorithm: str) -> Key | None:
    """It, if it is a public key of the algorithm's own kind."""
    kind = _KINDS[algorithm]
    if isinstance(key, EllipticCurvePublicKey) and not isinstance(key.curve, SECP256R1):
        return None
    return key if isinstance(key, kind) else None


def _payload(token: str, key: Key, algorithm: str) -> bytes:
    try:
        payload: bytes = _JWS.decode_complete(token, key, algorithms=[algorithm])["payload"]
    except PyJWTError:
        return b""
    return payload


def _check(proof: JwtVerification, claims: Mapping[str, Any], now: float) -> None:
    leeway = proof.leeway.total_seconds()
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    wrong = [
        name
        for name, right in (
            ("iss", claims.get("iss") == proof.issuer),
            ("aud", proof.audience in audiences),
            ("exp", _seconds(claims.get("exp")) > now - leeway),
            ("nbf", _seconds(claims.get("nbf", 0)) <= now + leeway),
            ("iat", _seconds(claims.get("iat", 0)) <= now + leeway),
            *((name, claims.get(name) == value) for name, value in proof.claims.items()),
        )
        if not right
    ]
    if wrong:
        raise UnverifiedError(f"the token's claims do not suit: {', '.join(wrong)}")


def _seconds(value: object) -> float:
    """Unix seconds; what is no number compares as false either way."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else float("nan")  # type: ignore[arg-type]
