"""Messages as each kind of sender signs them, made without the code under test."""

import hmac
import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from activity_core.core.admission.verify import verified
from activity_core.core.definition.verification import Verification
from activity_core.core.event.message import Message

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOW = int(AT.timestamp())
SECRET = "whsec_" + b64encode(b"0123456789abcdef0123456789abcdef").decode()
OTHER = "whsec_" + b64encode(b"fedcba9876543210fedcba9876543210").decode()
BODY = b'{"event":"order.paid","order":{"id":7,"note":"caf\xc3\xa9"}}'
ISSUER, AUDIENCE = "https://issuer.example", "activity-core"

Headers = Mapping[str, str]
Sign = Callable[[bytes, str, int], Headers]


def mac(secret: str, content: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.new(secret.encode(), content, algorithm).digest()


def standard_webhooks(body: bytes, secret: str, at: int) -> Headers:
    key = b64decode(secret.removeprefix("whsec_"))
    signature = hmac.new(key, f"msg_1.{at}.".encode() + body, "sha256").digest()
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{b64encode(signature).decode()}",
    }


def svix(body: bytes, secret: str, at: int) -> Headers:
    headers = standard_webhooks(body, secret, at)
    return {name.replace("webhook", "svix"): value for name, value in headers.items()}


def github(body: bytes, secret: str, at: int) -> Headers:
    return {"x-hub-signature-256": f"sha256={mac(secret, body).hex()}"}


def stripe(body: bytes, secret: str, at: int) -> Headers:
    signature = mac(secret, f"{at}.".encode() + body).hex()
    return {"stripe-signature": f"t={at},v1={signature}"}


def slack(body: bytes, secret: str, at: int) -> Headers:
    signature = mac(secret, f"v0:{at}:".encode() + body).hex()
    return {"x-slack-request-timestamp": str(at), "x-slack-signature": f"v0={signature}"}


def plain_hmac(body: bytes, secret: str, at: int) -> Headers:
    return {"x-signature": mac(secret, body).hex()}


def timed_hmac(body: bytes, secret: str, at: int) -> Headers:
    signature = mac(secret, f"{at}:".encode() + body, "sha512")
    return {"x-time": str(at), "x-signature": "s=" + b64encode(signature).decode()}


def token(claims: Mapping[str, Any], secret: str, head: Mapping[str, Any] | None = None) -> str:
    """A token signed with HS256, put together by hand."""
    text = signing_input(head or {"alg": "HS256", "typ": "JWT"}, claims)
    return f"{text}.{url64(mac(secret, text.encode()))}"


def signing_input(*parts: object) -> str:
    return ".".join(url64(json.dumps(part).encode()) for part in parts)


def claims(at: int = NOW, **more: Any) -> dict[str, Any]:
    return {"iss": ISSUER, "aud": AUDIENCE, "iat": at, "exp": at + 60, **more}


def jwt(body: bytes, secret: str, at: int) -> Headers:
    return {"authorization": f"Bearer {token(claims(at), secret)}"}


def url64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True)
class Scheme:
    """How a source verifies, and how its sender signs."""

    verify: dict[str, Any]
    sign: Sign
    signs_time: bool = True
    signs_body: bool = True

    def message(self, body: bytes = BODY, secret: str = SECRET, at: int = NOW) -> Message:
        return Message(body=body, headers=self.sign(body, secret, at))

    def check(self, message: Message, *secrets: str, at: datetime = AT) -> None:
        """UnverifiedError, or nothing."""
        verified(verification(**self.verify), message, secrets or [SECRET], (), at)


def verification(**verify: Any) -> Verification:
    return Verification.model_validate(verify)


def with_header(message: Message, name: str, value: str) -> Message:
    return replace(message, headers={**message.headers, name: value})


REFS = {"secrets": ["env:A"]}
SCHEMES = {
    "standard_webhooks": Scheme({"standard_webhooks": REFS}, standard_webhooks),
    "svix": Scheme({"standard_webhooks": REFS}, svix),
    "github": Scheme({"github": REFS}, github, signs_time=False),
    "stripe": Scheme({"stripe": REFS}, stripe),
    "slack": Scheme({"slack": REFS}, slack),
    "hmac": Scheme({"hmac": {**REFS, "header": "X-Signature"}}, plain_hmac, signs_time=False),
    "timed_hmac": Scheme(
        {
            "hmac": {
                **REFS,
                "header": "X-Signature",
                "algorithm": "sha512",
                "encoding": "base64",
                "prefix": "s=",
                "signed": "{timestamp}:{body}",
                "timestamp": "X-Time",
            }
        },
        timed_hmac,
    ),
    "jwt": Scheme(
        {
            "jwt": {
                "issuer": ISSUER,
                "audience": AUDIENCE,
                "algorithms": ["HS256"],
                "keys": ["env:A"],
            }
        },
        jwt,
        signs_body=False,
    ),
}
