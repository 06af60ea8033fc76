"""Messages that a shared secret signed: five spellings of one HMAC.

In: a message and how its source signs. Out: nothing, or UnverifiedError. Signatures are compared
as text with the one right spelling, in constant time, and always all of them with all secrets.
"""

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from activity_core.core.admission.proof.header import header, within
from activity_core.core.definition.verification import (
    GithubVerification,
    HmacVerification,
    SigningVerification,
    SlackVerification,
    StandardWebhooksVerification,
    StripeVerification,
)
from activity_core.core.errors import UnverifiedError
from activity_core.core.event.message import Message

_PREFIX = "whsec_"
_PAIR = 2
_MOST = 10
"""Signatures of one message; two are usual while a secret is exchanged."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, and the signatures that are claimed for it."""

    content: bytes
    signatures: Sequence[str]
    algorithm: str = "sha256"
    encoding: str = "hex"


def verify_signature(
    proof: SigningVerification, message: Message, secrets: Sequence[str], at: datetime
) -> None:
    """Look whether one of the secrets signed the message, near enough to `at`.

    Raises:
        UnverifiedError: none did.
    """
    signed = _signed(proof, message, at)
    keys = [_key(proof, secret) for secret in secrets]
    good = False
    for key in keys:
        mac = hmac.digest(key, signed.content, signed.algorithm)
        for spelling in _spellings(mac, signed.encoding):
            for signature in signed.signatures:
                fits = hmac.compare_digest(spelling, signature.encode())
                good |= fits and bool(key)
    if not good:
        unusable = "" if all(keys) else ", and a secret of the source is empty or not base64"
        raise UnverifiedError(f"no signature fits{unusable}")


def _signed(proof: SigningVerification, message: Message, at: datetime) -> Signed:
    match proof:
        case StandardWebhooksVerification():
            return _standard_webhooks(proof, message, at)
        case GithubVerification():
            given = _after("sha256=", header(message, "x-hub-signature-256"))
            return Signed(message.body, [given])
        case StripeVerification():
            return _stripe(proof, message, at)
        case SlackVerification():
            time = within(header(message, "x-slack-request-timestamp"), proof.tolerance, at)
            given = _after("v0=", header(message, "x-slack-signature"))
            return Signed(f"v0:{time}:".encode() + message.body, [given])
        case HmacVerification():
            return _hmac(proof, message, at)


def _standard_webhooks(
    proof: StandardWebhooksVerification, message: Message, at: datetime
) -> Signed:
    """Svix's names for the headers are as good, but where both came they must agree."""
    name, time, given = (
        header(message, f"webhook-{part}", f"svix-{part}")
        for part in ("id", "timestamp", "signature")
    )
    if "." in name:  # it parts the signed text: two messages could be signed alike
        raise UnverifiedError("webhook-id holds a full stop")
    signatures = _pairs(given.split(" "), ",")
    content = f"{name}.{within(time, proof.tolerance, at)}.".encode() + message.body
    return Signed(
        content, [one for version, one in signatures if version == "v1"], encoding="base64"
    )


def _stripe(proof: StripeVerification, message: Message, at: datetime) -> Signed:
    pairs = _pairs(header(message, "stripe-signature").split(","), "=")
    times = [value for name, value in pairs if name == "t"]
    if len(times) != 1:
        raise UnverifiedError("stripe-signature has not exactly one time")
    content = f"{within(times[0], proof.tolerance, at)}.".encode() + message.body
    return Signed(content, [value for name, value in pairs if name == "v1"])


def _hmac(proof: HmacVerification, message: Message, at: datetime) -> Signed:
    content = message.body
    if proof.timestamp:
        time = within(header(message, proof.timestamp.lower()), proof.tolerance, at)
        before_body = proof.signed.removesuffix("{body}")
        content = before_body.replace("{timestamp}", time).encode() + message.body
    given = _after(proof.prefix, header(message, proof.header.lower()))
    return Signed(content, [given], proof.algorithm, proof.encoding)


def _pairs(parts: Sequence[str], between: str) -> list[tuple[str, str]]:
    """`v1,…` or `t=…`: a name and a value, plainly written, so that no header came twice."""
    pairs = [tuple(part.split(between)) for part in parts]
    if len(pairs) > _MOST or any(len(pair) != _PAIR or not pair[0].isalnum() for pair in pairs):
        raise UnverifiedError("the signature header is malformed")
    return [(pair[0], pair[1]) for pair in pairs]


def _after(prefix: str, value: str) -> str:
    if not value.startswith(prefix):
        raise UnverifiedError("the signature has another prefix")
    return value.removeprefix(prefix)


def _spellings(mac: bytes, encoding: str) -> Sequence[bytes]:
    if encoding == "base64":
        return [b64encode(mac)]
    return [mac.hex().encode(), mac.hex().upper().encode()]


def _key(proof: SigningVerification, secret: str) -> bytes:
    """The bytes of a secret; none if it can sign nothing."""
    if not isinstance(proof, StandardWebhooksVerification):
        return secret.encode()
    text = secret.removeprefix(_PREFIX).rstrip("=")
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
