"""Presets: over messages as GitHub, Stripe, Slack and Alertmanager send them."""

import copy
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from activity_core.core.admission.mapping import events_of
from activity_core.core.admission.presets import PRESETS, event_map_of
from activity_core.core.definition.event_source import EventMap, KafkaWay, Preset, WebhookWay
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.message import Message

REPOSITORY = {
    "id": 186853002,
    "name": "invoices",
    "full_name": "shop/invoices",
    "private": True,
    "owner": {"login": "shop", "id": 21031067, "type": "Organization"},
    "default_branch": "main",
}
PUSH = {
    "ref": "refs/heads/main",
    "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
    "after": "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c",
    "repository": REPOSITORY,
    "pusher": {"name": "grace", "email": "grace@shop.example"},
    "sender": {"login": "grace", "id": 5},
    "created": False,
    "deleted": False,
    "forced": False,
    "commits": [{"id": "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c", "message": "Round down"}],
}
PING = {"zen": "Design for failure.", "hook_id": 109948940, "hook": {"type": "Repository"}}
ISSUE = {
    "action": "opened",
    "issue": {"number": 3, "title": "Off by one"},
    "repository": REPOSITORY,
}
PAYMENT = {
    "id": "evt_3MqlLy2eZvKYlo2C1h8sO6eV",
    "object": "event",
    "api_version": "2025-03-31.basil",
    "created": 1795251600,
    "data": {
        "object": {
            "id": "pi_3MqlLy2eZvKYlo2C",
            "object": "payment_intent",
            "amount": 2000,
            "currency": "eur",
            "status": "succeeded",
        }
    },
    "livemode": False,
    "pending_webhooks": 1,
    "request": {"id": "req_1", "idempotency_key": None},
    "type": "payment_intent.succeeded",
}
MENTION = {
    "token": "Jhj5dZrVaK7ZwHHjRyZWjbDl",
    "team_id": "T061EG9R6",
    "api_app_id": "A0PNCHHK2",
    "event": {
        "type": "app_mention",
        "user": "U061F7AUR",
        "text": "<@U0LAN0Z89> is it everything a river should be?",
        "ts": "1795251600.000200",
        "channel": "C0LAN2Q65",
        "event_ts": "1795251600000200",
    },
    "type": "event_callback",
    "event_id": "Ev0LAN670R",
    "event_time": 1795251600,
    "authorizations": [{"team_id": "T061EG9R6", "user_id": "U061F7AUR", "is_bot": False}],
}
HANDSHAKE = {
    "token": "Jhj5dZrVaK7ZwHHjRyZWjbDl",
    "challenge": "3eZbrw1a",
    "type": "url_verification",
}


def alert(instance: str, **other: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "ProbeFailure", "instance": instance, "severity": "critical"},
        "annotations": {"summary": f"{instance} is down", "description": "value is 93.1"},
        "startsAt": "2026-11-21T09:00:45.828Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=probe_success",
        "fingerprint": f"1a30ba71cca292{instance}",
    } | other


def alerts(*items: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}/{severity="critical"}:{alertname="ProbeFailure"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "activity-core",
        "groupLabels": {"alertname": "ProbeFailure"},
        "commonLabels": {"alertname": "ProbeFailure", "severity": "critical"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": list(items),
    }


def mapped(preset: Preset, body: Any, **headers: str) -> list[EventEnvelope]:
    fields = {"content-type": "application/json"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = Message(raw, fields)
    return list(events_of(PRESETS[preset], sent, source_id="hub", max_depth=32, max_events=100))


@pytest.mark.parametrize(
    ("name", "body", "event_type", "subject"),
    [
        ("push", PUSH, "github.push", "shop/invoices"),
        ("ping", PING, "github.ping", None),
        ("ping", PING | {"organization": {"login": "shop"}}, "github.ping", "shop"),
        ("issues", ISSUE, "github.issues.opened", "shop/invoices"),
    ],
)
def test_github(name: str, body: Any, event_type: str, subject: str | None) -> None:
    [event] = mapped("github", body, x_github_event=name, x_github_delivery="72d3162e")
    assert (event.type, event.subject) == (event_type, subject)
    assert event.source == "/sources/hub"
    assert event.data == body


def test_a_github_delivery_is_known_by_what_is_signed() -> None:
    [first] = mapped("github", PUSH, x_github_event="push", x_github_delivery="72d3162e")
    [again] = mapped("github", PUSH, x_github_event="push", x_github_delivery="forged")
    assert (first.id, first.digest) == (again.id, again.digest)
    [forged] = mapped("github", PUSH, x_github_event="release", x_github_delivery="72d3162e")
    assert forged.id == first.id
    assert forged.digest != first.digest
    [other] = mapped("github", PUSH | {"after": "0" * 40}, x_github_event="push")
    assert other.id != first.id


def test_github_may_send_forms() -> None:
    form = urlencode({"payload": json.dumps(ISSUE)}).encode()
    content_type = "application/x-www-form-urlencoded"
    [event] = mapped("github", form, x_github_event="issues", content_type=content_type)
    assert (event.type, event.data) == ("github.issues.opened", ISSUE)


def test_stripe() -> None:
    [event] = mapped("stripe", PAYMENT, stripe_signature="t=1,v1=abc")
    assert event.id == PAYMENT["id"]
    assert event.type == "stripe.payment_intent.succeeded"
    assert event.subject == "pi_3MqlLy2eZvKYlo2C"
    assert event.to_json()["time"] == "2026-11-21T09:00:00Z"
    assert event.data == PAYMENT


def test_stripe_objects_may_have_no_id() -> None:
    body = copy.deepcopy(PAYMENT) | {"type": "balance.available", "data": {"object": {}}}
    [event] = mapped("stripe", body)
    assert (event.type, event.subject) == ("stripe.balance.available", None)


def test_slack() -> None:
    [event] = mapped("slack", MENTION)
    assert (event.id, event.type) == ("Ev0LAN670R", "slack.app_mention")
    assert event.subject == "T061EG9R6"
    assert event.to_json()["time"] == "2026-11-21T09:00:00Z"
    assert event.data == {
        "team_id": "T061EG9R6",
        "api_app_id": "A0PNCHHK2",
        "event": MENTION["event"],
    }


def test_the_handshake_of_slack_passes_through() -> None:
    [event] = mapped("slack", HANDSHAKE)
    assert (event.type, event.subject) == ("slack.url_verification", None)


@pytest.mark.parametrize("body", [MENTION, HANDSHAKE])
def test_the_token_of_slack_gets_into_no_event(body: dict[str, Any]) -> None:
    [event] = mapped("slack", body)
    assert body["token"] not in event.to_bytes().decode()


def test_each_alert_is_an_event() -> None:
    over = alert("b", status="resolved", endsAt="2026-11-21T09:05:00Z")
    firing, resolved = mapped("alertmanager", alerts(alert("a"), over))
    assert (firing.type, resolved.type) == ("alertmanager.firing", "alertmanager.resolved")
    assert firing.subject == "ProbeFailure"
    assert firing.to_json()["time"] == "2026-11-21T09:00:45.828000Z"
    assert resolved.to_json()["time"] == "2026-11-21T09:05:00Z"
    assert firing.data == {
        "status": "firing",
        "labels": {"alertname": "ProbeFailure", "instance": "a", "severity": "critical"},
        "startsAt": "2026-11-21T09:00:45.828Z",
        "fingerprint": "1a30ba71cca292a",
    }


def test_a_repeated_alert_is_the_same_event() -> None:
    [first] = mapped("alertmanager", alerts(alert("a")))
    changed = alert("a", annotations={"description": "value is 97.4"}, generatorURL="http://b/")
    *_, repeated = mapped("alertmanager", alerts(alert("b"), changed))
    assert (repeated.id, repeated.source) == (first.id, first.source)
    assert repeated.digest == first.digest


def test_a_resolved_alert_is_another_event_and_so_is_the_next_time() -> None:
    texts = {"status": "resolved", "endsAt": "2026-11-21T09:05:00Z"}
    others = [alert("a", **texts), alert("a", startsAt="2026-11-22T09:00:00Z"), alert("b")]
    events = mapped("alertmanager", alerts(alert("a"), *others))
    assert len({event.id for event in events}) == 4


def test_a_map_of_its_own_wins_over_a_preset() -> None:
    verify = {"github": {"secrets": ["env:GITHUB"]}}
    own = EventMap(type='"x"')
    bare = WebhookWay.model_validate({"verify": verify})
    assert event_map_of(bare) is None
    assert event_map_of(bare.model_copy(update={"preset": "github"})) is PRESETS["github"]
    assert event_map_of(bare.model_copy(update={"preset": "github", "map": own})) is own
    assert event_map_of(KafkaWay(topics=("a",))) is None
    assert event_map_of(KafkaWay(topics=("a",), map=own)) is own
