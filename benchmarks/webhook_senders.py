"""Senders of webhooks, as far as they matter to who judges: bodies of 2 KiB, and signed headers.

Read by `webhook`. The bodies have the keys that the senders document, shortened to that size.
"""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
SIZE = 2_048

Signed = tuple[bytes, Mapping[str, str]]


def _standard_webhooks(count: int, at: datetime) -> Iterable[Signed]:
    seconds = str(int(at.timestamp()))
    key = b64decode(SECRET.removeprefix("whsec_"))
    for number in range(count):
        order = {
            "id": f"o-{number}",
            "customer": "c-4711",
            "items": [
                {"sku": f"sku-{item:05}", "title": f"Article {item}", "count": item % 3 + 1}
                for item in range(24)
            ],
            "ship_to": {"name": "Ada Example", "street": "Main Street 1", "city": "Berlin"},
        }
        body = _filled({"event": "order.placed", "at": at.isoformat(), "order": order}, order)
        name = f"msg_{number}"
        mac = hmac.digest(key, f"{name}.{seconds}.".encode() + body, "sha256")
        signature = f"v1,{b64encode(mac).decode()}"
        yield (
            body,
            _headers(
                {
                    "webhook-id": name,
                    "webhook-timestamp": seconds,
                    "webhook-signature": signature,
                }
            ),
        )


def _github(count: int, at: datetime) -> Iterable[Signed]:
    url = "https://api.github.example/repos/acme/shop"
    for number in range(count):
        issue = {
            "url": f"{url}/issues/{number}",
            "id": 444_500_041 + number,
            "number": number,
            "title": "Checkout forgets the voucher",
            "user": _github_user("ada", 21_031_067),
            "labels": [{"id": 1_362_934_389, "name": "bug", "color": "d73a4a", "default": True}],
            "state": "open",
            "locked": False,
            "comments": 0,
            "created_at": at.isoformat(),
            "author_association": "OWNER",
        }
        event = {
            "action": "opened",
            "issue": issue,
            "repository": {
                "id": 186_853_002,
                "name": "shop",
                "full_name": "acme/shop",
                "private": True,
                "owner": _github_user("acme", 21_031_066),
                "url": url,
                "default_branch": "main",
            },
            "sender": _github_user("ada", 21_031_067),
        }
        body = _filled(event, issue)
        mac = hmac.digest(SECRET.encode(), body, "sha256")
        yield (
            body,
            _headers(
                {
                    "x-github-event": "issues",
                    "x-github-delivery": f"72d3162e-cc78-11e3-81ab-{number:012}",
                    "x-hub-signature-256": f"sha256={mac.hex()}",
                }
            ),
        )


def _github_user(name: str, number: int) -> dict[str, Any]:
    url = f"https://api.github.example/users/{name}"
    return {"login": name, "id": number, "url": url, "type": "User", "site_admin": False}


def _stripe(count: int, at: datetime) -> Iterable[Signed]:
    seconds = int(at.timestamp())
    for number in range(count):
        payment = {
            "id": f"pi_{number:024}",
            "object": "payment_intent",
            "amount": 109_900,
            "amount_capturable": 0,
            "amount_received": 109_900,
            "automatic_payment_methods": {"enabled": True},
            "capture_method": "automatic",
            "client_secret": None,
            "confirmation_method": "automatic",
            "created": seconds,
            "currency": "eur",
            "customer": "cus_9s6XKzkNRiz8i3",
            "last_payment_error": None,
            "livemode": False,
            "metadata": {"order": f"o-{number}"},
            "payment_method_options": {"card": {"installments": None, "network": None}},
            "payment_method_types": ["card", "link"],
            "status": "succeeded",
        }
        event = {
            "id": f"evt_{number:024}",
            "object": "event",
            "api_version": "2025-03-31",
            "created": seconds,
            "data": {"object": payment},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": "req_1", "idempotency_key": None},
            "type": "payment_intent.succeeded",
        }
        body = _filled(event, payment)
        mac = hmac.digest(SECRET.encode(), f"{seconds}.".encode() + body, "sha256")
        yield body, _headers({"stripe-signature": f"t={seconds},v1={mac.hex()}"})


def _filled(value: object, part: dict[str, Any]) -> bytes:
    """As JSON, with a text in a part of it that makes it as long as all others."""
    part["body"] = ""
    part["body"] = "The voucher is gone. " * 100
    excess = len(json.dumps(value)) - SIZE
    part["body"] = part["body"][:-excess]
    return json.dumps(value).encode()


def _headers(proof: Mapping[str, str]) -> Mapping[str, str]:
    """With those that every request has."""
    return {
        "host": "hooks.example",
        "user-agent": "Sender/1.0",
        "accept": "*/*",
        "content-type": "application/json",
        "content-length": str(SIZE),
        **proof,
    }


SENDERS: Mapping[str, Callable[[int, datetime], Iterable[Signed]]] = {
    "standard-webhooks": _standard_webhooks,
    "github": _github,
    "stripe": _stripe,
}
"""By id of the source: so many messages, signed at a time."""
