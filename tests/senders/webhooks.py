"""Who calls webhooks: what each sends, how it proves itself, and the events it must become.

Standard Webhooks and Svix sign with their own libraries; GitHub, Stripe and Slack as their pages
say, by hand.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import standardwebhooks
import svix.webhooks
from tests.unit import proofs

BODIES = Path(__file__).parent / "bodies"
Sign = Callable[[bytes, str, int], Mapping[str, str]]


def library(prefix: str, webhook: type[Any]) -> Sign:
    """As the library of Standard Webhooks, or of Svix, signs a message."""

    def sign(body: bytes, secret: str, at: int) -> dict[str, str]:
        signature = webhook(secret).sign("msg_2Kw", datetime.fromtimestamp(at, UTC), body.decode())
        return {
            f"{prefix}-id": "msg_2Kw",
            f"{prefix}-timestamp": str(at),
            f"{prefix}-signature": signature,
        }

    return sign


def bearer(body: bytes, secret: str, at: int) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


@dataclass(frozen=True)
class Sender:
    """What it sends, how it proves itself, and the events that must become of it.

    `says`: what the proof is over: the body, and the time.
    """

    body: bytes
    sign: Sign
    events: list[dict[str, Any]]
    headers: Mapping[str, str] = field(default_factory=dict)
    says: frozenset[str] = frozenset({"body", "time"})


def body_of(name: str) -> bytes:
    return (BODIES / f"{name}.json").read_bytes()


def part(name: str, *path: str) -> Any:
    found = json.loads(body_of(name))
    for step in path:
        found = found[step]
    return found


ORDER = {"order": "A-17", "note": "zwölf Stück"}
INVOICE = {
    "specversion": "1.0",
    "id": "inv-1",
    "source": "/invoices/eu",
    "type": "invoice.paid",
    "subject": "R-2026-1",
    "data": {"total": 12.5, "to": "Søren"},
}
SENDERS = {
    "standard": Sender(
        json.dumps(
            {"type": "order.placed", "timestamp": "2026-01-03T09:55:30Z", "data": ORDER},
            ensure_ascii=False,
        ).encode(),
        library("webhook", standardwebhooks.Webhook),
        [
            {
                "id": "msg_2Kw",
                "type": "shop.order.placed",
                "subject": "A-17",
                "time": "2026-01-03T09:55:30Z",
                "data": ORDER,
            }
        ],
    ),
    "svix": Sender(
        json.dumps(INVOICE).encode(),
        library("svix", svix.webhooks.Webhook),
        [INVOICE],
        {"content-type": "application/cloudevents+json"},
    ),
    "github": Sender(
        body_of("github"),
        proofs.github,
        [{"type": "github.issues.opened", "subject": "acme/shop", "data": part("github")}],
        {
            "user-agent": "GitHub-Hookshot/044aadd",
            "x-github-event": "issues",
            "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
            "x-github-hook-id": "292430182",
        },
        frozenset({"body"}),
    ),
    "stripe": Sender(
        body_of("stripe"),
        proofs.stripe,
        [
            {
                "id": "evt_1NG8Du2eZvKYlo2CUI79vXWy",
                "type": "stripe.payment_intent.succeeded",
                "subject": "pi_3MtwBwLkdIwHu7ix28a3tqPa",
                "time": "2026-01-03T09:55:30Z",
                "data": part("stripe"),
            }
        ],
        {"content-type": "application/json; charset=utf-8"},
    ),
    "slack": Sender(
        body_of("slack"),
        proofs.slack,
        [
            {
                "id": "Ev123ABC456",
                "type": "slack.app_mention",
                "subject": "T123ABC456",
                "time": "2026-01-03T09:55:30Z",
                "data": {
                    "team_id": "T123ABC456",
                    "api_app_id": "A123ABC456",
                    "event": part("slack", "event"),
                },
            }
        ],
        {"x-slack-retry-num": "1", "x-slack-retry-reason": "http_timeout"},
    ),
    "alertmanager": Sender(
        body_of("alertmanager"),
        bearer,
        [
            {"type": "alertmanager.firing", "subject": "DiskFull"},
            {
                "type": "alertmanager.resolved",
                "subject": "DiskFull",
                "time": "2026-01-03T10:05:30.828000Z",
            },
        ],
        says=frozenset(),
    ),
}
