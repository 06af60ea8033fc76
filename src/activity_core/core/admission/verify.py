"""Whether a message proves that it is from its source, by the way that the source names.

In: how the source proves itself, the message as it came, secrets and public keys that
`services.verifier` found, and the time. Out: nothing, or UnverifiedError, which tells the sender
always the same.
"""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from activity_core.core.admission.proof.header import bearer, header
from activity_core.core.admission.proof.signature import verify_signature
from activity_core.core.admission.proof.token import verify_token
from activity_core.core.definition.verification import (
    BearerVerification,
    JwtVerification,
    MtlsVerification,
    Verification,
)
from activity_core.core.errors import UnverifiedError
from activity_core.core.event.message import Message


def secret_refs(verification: Verification) -> Sequence[str]:
    """The references of all secrets that it takes; those of tokens are keys."""
    match verification.proof:
        case MtlsVerification():
            return ()
        case JwtVerification() as proof:
            return proof.keys
        case proof:
            return proof.secrets


def verified(
    verification: Verification,
    message: Message,
    secrets: Sequence[str],
    keys: Sequence[Mapping[str, Any]],
    at: datetime,
) -> None:
    """Look whether a message is from the source.

    Args:
        verification: how the source proves itself.
        message: as it came.
        secrets: those behind `secret_refs`, in any order.
        keys: the JWKs at the address that the source names, if it does.
        at: when the message came; signed times are judged by it.

    Raises:
        UnknownKeyError: its token names a key that is not among `keys`.
        UnverifiedError: it does not prove it.
    """
    try:
        match verification.proof:
            case MtlsVerification() as proof:
                _verify_certificate(proof, message)
            case JwtVerification() as proof:
                verify_token(proof, message, secrets, keys, at)
            case BearerVerification() as proof:
                _verify_bearer(proof, message, secrets)
            case proof:
                verify_signature(proof, message, secrets, at)
    except UnverifiedError:
        raise
    except Exception as error:  # noqa: BLE001 - what cannot be judged proves nothing
        raise UnverifiedError(f"it cannot be judged: {type(error).__name__}") from None


def _verify_certificate(proof: MtlsVerification, message: Message) -> None:
    if not message.certificate:
        raise UnverifiedError("no client certificate")
    if message.certificate not in proof.subjects:
        raise UnverifiedError("the client certificate is somebody else's")


def _verify_bearer(proof: BearerVerification, message: Message, secrets: Sequence[str]) -> None:
    token = header(message, proof.header.lower()) if proof.header else bearer(message)
    good = False
    for secret in secrets:
        good |= hmac.compare_digest(secret.encode(), token.encode()) and bool(secret)
    if not good:
        raise UnverifiedError("another token")
