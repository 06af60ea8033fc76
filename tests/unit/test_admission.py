"""Admission: which source may send what, under which policy, and what is kept of it."""

from typing import Any

import pytest

from activity_core.core.admission.admission import Admission
from activity_core.core.admission.redaction import MASK
from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition.event_type import EventType
from activity_core.core.errors import ForbiddenError, SchemaMismatchError
from activity_core.core.event.envelope import EventEnvelope

ORDER = EventType.model_validate(
    {
        "id": "order",
        "type": "order.*",
        "versions": [{"type": "object", "required": ["n"]}],
        "redact": ["/card"],
    }
)


def source(**keys: Any) -> EventSource:
    return EventSource.model_validate({"id": "shop", "api": {"keys": ["shop"]}, **keys})


def event(kind: str = "order.paid", data: Any = None, sender: str = "/shop") -> EventEnvelope:
    return EventEnvelope(id="1", source=sender, type=kind, data=data)


@pytest.mark.parametrize(
    ("allow", "event_type", "sender", "refused_for"),
    [
        ({}, "anything", "/any", None),
        ({"types": ["order.*"]}, "order.paid", "/shop", None),
        ({"types": ["order.*"]}, "order.", "/shop", "type 'order.'"),
        ({"types": ["order.paid"]}, "order.paid.late", "/shop", "type 'order.paid.late'"),
        ({"types": ["a", "order.*"]}, "order.paid", "/shop", None),
        ({"sources": ["/shop/*"]}, "order.paid", "/shop/1", None),
        ({"sources": ["/shop/*"]}, "order.paid", "/bank", "source '/bank'"),
        ({"types": ["x"], "sources": ["/bank"]}, "order.paid", "/bank", "type 'order.paid'"),
    ],
)
def test_a_source_sends_what_it_is_allowed_to(
    allow: Any, event_type: str, sender: str, refused_for: str | None
) -> None:
    admission, sent = Admission(()), event(event_type, sender=sender)
    if refused_for is None:
        assert admission.admitted(sent, source(allow=allow)) is sent
        return
    with pytest.raises(ForbiddenError, match=refused_for) as caught:
        admission.admitted(sent, source(allow=allow))
    assert caught.value.subject == "source shop"
    assert admission.admitted(sent, None) is sent


@pytest.mark.parametrize(
    ("policy", "event_type", "data", "is_let_in"),
    [
        ("required", "order.paid", {"n": 1}, True),
        ("required", "order.paid", {}, False),
        ("required", "payment", {}, False),
        ("validate", "order.paid", {"n": 1}, True),
        ("validate", "order.paid", {}, False),
        ("validate", "payment", {}, True),
        ("ignore", "order.paid", {}, True),
        ("ignore", "payment", {}, True),
        (None, "order.paid", {"n": 1}, True),
        (None, "order.paid", {}, False),
        (None, "payment", {}, True),
    ],
)
def test_the_policy_says_what_is_checked(
    policy: str | None, event_type: str, data: Any, is_let_in: Any
) -> None:
    by = None if policy is None else source(schema=policy)
    admission, sent = Admission([ORDER]), event(event_type, data)
    if is_let_in:
        assert admission.admitted(sent, by) == sent
    else:
        with pytest.raises(SchemaMismatchError):
            admission.admitted(sent, by)


def test_what_is_not_allowed_is_not_looked_at() -> None:
    with pytest.raises(ForbiddenError):
        Admission([ORDER]).admitted(event(data={}), source(allow={"types": ["x"]}))


@pytest.mark.parametrize("policy", ["required", "validate", "ignore"])
def test_secrets_are_masked_whatever_the_policy(policy: str) -> None:
    sent = event(data={"n": 1, "card": "4111"})
    kept = Admission([ORDER]).admitted(sent, source(schema=policy))
    assert kept.data == {"n": 1, "card": MASK}
    # A redelivery, masked or not, is the same event: the digest is of what is stored.
    again = event(data={"n": 1, "card": "4222"})
    assert Admission([ORDER]).admitted(again, None).digest == kept.digest
