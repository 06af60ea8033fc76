"""Keys of token issuers, and tokens that PyJWT signs with them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import get_default_algorithms
from tests.unit.proofs import claims, signing_input, url64

from activity_core.core.event.message import Message


def private(kind: str, which: int = 0) -> Any:
    """A private key, always the same for the same words."""
    return _private(kind, which)


@cache
def _private(kind: str, _which: int) -> Any:
    match kind:
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "P-384":
            return ec.generate_private_key(ec.SECP384R1())
        case "short":
            return rsa.generate_private_key(65537, 1024)  # noqa: S505 - which is the point
        case _:
            return rsa.generate_private_key(65537, 2048)


def pem(kind: str, which: int = 0) -> str:
    key = private(kind, which).public_key()
    return str(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def private_pem(kind: str) -> str:
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return str(private(kind).private_bytes(*form).decode())


def jwk(kind: str, which: int = 0, **more: Any) -> Mapping[str, Any]:
    """The public key as an issuer publishes it."""
    return {**as_jwk(private(kind, which).public_key(), kind), **more}


def as_jwk(key: Any, kind: str) -> Mapping[str, Any]:
    name = {"P-384": "ES384"}.get(kind, kind)
    return dict(get_default_algorithms()[name].to_jwk(key, as_dict=True))


def token(key: Any, algorithm: str, *, head: Any = None, **more: Any) -> str:
    """With our usual claims; those that are None are left out."""
    payload = {name: value for name, value in claims(**more).items() if value is not None}
    return jwt.encode(payload, key, algorithm, headers=head)


def bearing(text: str) -> Message:
    return Message(b"{}", {"authorization": f"Bearer {text}"})


def handmade_rs256(key: Any) -> str:
    """PyJWT warns when it signs with a key that is too short."""
    text = signing_input({"alg": "RS256"}, claims())
    return f"{text}.{url64(key.sign(text.encode(), PKCS1v15(), SHA256()))}"
