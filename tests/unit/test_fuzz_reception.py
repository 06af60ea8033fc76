"""Whole ways in, under damaged messages: a message is kept whole, or refused whole and on record.

Over the in-memory twins: the API with its answers, webhooks behind a proof, and brokers.
"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.hostile import EVENT, messages
from tests.unit.memory_system import YAML, MemorySystem
from tests.unit.proofs import SECRET, github
from tests.unit.test_intake import Scene

from activity_core.core.admission.redaction import MASK
from activity_core.core.definition.event_source import EventSource
from activity_core.core.errors import ActivityCoreError, ForbiddenError, SchemaMismatchError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.message import Message
from activity_core.ports.inbox import Acceptance
from activity_core.services.reception import Visitor

SOURCES = """\
kind: source
id: plain
webhook: {verify: {github: {secrets: ["env:A"]}}}
allow: {types: [order.*]}
---
kind: source
id: mapped
webhook:
  verify: {github: {secrets: ["env:A"]}}
  map: {type: '"order." + body.type', each: body.data.lines, id: item.sku, data: item}
---
kind: event_type
id: paid
type: order.paid
versions: [{type: object, required: [id], properties: {id: {type: integer}}}]
redact: [/card/number]
"""
WAYS: dict[str, Any] = {
    "nats": {"stream": "S"},
    "kafka": {"topics": ["t"]},
    "rabbitmq": {"queue": "q"},
}
repeatable = settings(derandomize=True, database=None, deadline=None, max_examples=100)


class Installation:
    """A system with an API and two webhooks."""

    def __init__(self, loop: asyncio.Runner) -> None:
        self.loop = loop
        self.system = MemorySystem()
        self.system.secrets.secrets["env:A"] = SECRET
        self.client = self.system.client()
        applied = self.send("PUT", "/v1/definitions", SOURCES.encode(), YAML)
        assert applied.is_success, applied.text

    def send(self, method: str, path: str, body: bytes, headers: Any) -> httpx.Response:
        raw = [(name.encode(), value.encode()) for name, value in dict(headers).items()]
        request = self.client.build_request(method, path, content=body, headers=raw)
        return self.loop.run(self.client.send(request))

    def kept(self) -> dict[tuple[str, str], EventEnvelope]:
        """Stored events by source and id; each has its place in the queue."""
        tables = self.system.state.tables
        found = [row.envelope for row in tables.events.values()]
        assert sorted(tables.events) == sorted(tables.pending_events.values())
        return {(event.source, event.id): event for event in found}

    @property
    def refusals(self) -> int:
        return len(self.system.state.tables.refusals)

    def start_anew(self) -> None:
        """Without events, and so much later that refusals are on record again."""
        self.system.state.tables.events.clear()
        self.system.state.tables.pending_events.clear()
        self.system.clock.advance(timedelta(seconds=1))


@pytest.fixture
def installation() -> Iterator[Installation]:
    with asyncio.Runner() as loop:
        made = Installation(loop)
        yield made
        loop.run(made.client.aclose())


def sendable(message: Message) -> dict[str, str]:
    """The headers that an HTTP client can send at all."""
    return {
        name: value
        for name, value in message.headers.items()
        if name.isascii() and name.isidentifier() | name.replace("-", "").isalnum()
        if value.isprintable() and value == value.strip() and not set(value) & {"\udcff"}
    }


def tells_the_secret(event: EventEnvelope) -> bool:
    data: Any = event.data
    try:
        return bool(event.type == "order.paid" and data["card"]["number"] != MASK)
    except (LookupError, TypeError):
        return False


def judged(installation: Installation, answer: httpx.Response, refusals: int) -> None:
    """What is stored is what the answer says, and nothing besides; else it is on record why."""
    assert answer.status_code < 500, answer.text
    said = answer.json()
    items = said.get("items", [said])
    accepted = [(each["source"], each["id"]) for each in items if each["status"] == "accepted"]
    assert sorted(installation.kept()) == sorted(accepted)
    assert answer.status_code == 202 if accepted else answer.status_code != 202
    assert answer.is_success or installation.refusals > refusals
    assert not any(map(tells_the_secret, installation.kept().values()))


def test_events(installation: Installation) -> None:
    @repeatable
    @given(messages("http"))
    def post(message: Message) -> None:
        installation.start_anew()
        refusals = installation.refusals
        answer = installation.send("POST", "/v1/events", message.body, sendable(message))
        judged(installation, answer, refusals)

    post()


@pytest.mark.parametrize("source", ["plain", "mapped"])
@pytest.mark.parametrize("signed", [True, False])
def test_webhooks(installation: Installation, source: str, *, signed: bool) -> None:
    @settings(repeatable, max_examples=100 if signed else 25)
    @given(messages("http"))
    def post(message: Message) -> None:
        installation.start_anew()
        refusals = installation.refusals
        proof = github(message.body, SECRET, 0) if signed else {}
        headers = {**sendable(message), **proof}
        answer = installation.send("POST", f"/v1/hooks/{source}", message.body, headers)
        judged(installation, answer, refusals)
        assert signed or answer.status_code == 401
        kept = installation.kept().values()
        assert all(event.type.startswith("order.") for event in kept)

    post()


@st.composite
def batches(draw: st.DrawFn) -> list[EventEnvelope]:
    """Events of which some may come in, some may not, some do not fit, some are the same."""
    types = st.sampled_from(["order.new", "order.new", "order.paid", "user.new"])
    data: st.SearchStrategy[Any] = st.sampled_from(
        [{"id": 1}, {"id": 1, "card": {"number": "4111"}}, {}, 7]
    )
    return [
        EventEnvelope.from_json({**EVENT, "id": id_, "type": draw(types), "data": draw(data)})
        for id_ in draw(st.lists(st.sampled_from("abcdef"), max_size=5))
    ]


def test_all_of_a_message_or_nothing(installation: Installation) -> None:
    source = EventSource.model_validate(
        {"kind": "source", "id": "s", "api": {"keys": ["k"]}, "allow": {"types": ["order.*"]}}
    )
    visitor = Visitor("webhook", "s", source)
    reception = installation.system.reception
    installation.loop.run(installation.system.gate.entrances())

    @repeatable
    @given(batches())
    def receive(events: list[EventEnvelope]) -> None:
        installation.start_anew()
        refusals = installation.refusals
        try:
            answers = installation.loop.run(reception.receive_all(events, visitor))
        except (ForbiddenError, SchemaMismatchError):
            assert installation.kept() == {}
            assert installation.refusals == refusals + 1
            return
        taken = [answer is Acceptance.ACCEPTED for answer in answers]
        kept = installation.kept()
        assert len(kept) == sum(taken) == len({event.id for event in events})
        wrong = sum(isinstance(answer, ActivityCoreError) for answer in answers)
        assert installation.refusals == refusals + wrong
        assert not any(map(tells_the_secret, kept.values()))

    receive()


@pytest.mark.parametrize("protocol", WAYS)
@settings(repeatable, max_examples=60)
@given(data=st.data())
def test_brokers(protocol: str, data: st.DataObject) -> None:
    """Each message is acked and its events are kept, or it is buried with its very bytes."""
    sent = data.draw(st.lists(messages(protocol), min_size=1, max_size=4))
    each = {"type": '"order.new"', "each": "body.data.lines", "id": "item.sku"}
    more: Any = data.draw(st.sampled_from([{}, {"map": each}, {"map": {"type": "body.type"}}]))
    source = EventSource.model_validate(
        {"kind": "source", "id": "s", protocol: {**WAYS[protocol], **more}}
    )
    scene = Scene()
    intake = scene.intake_of(source)
    for message in sent:
        scene.broker.send(message.body, headers=message.headers)

    async def consume() -> None:
        scene.broker.close()
        await intake.step()

    with asyncio.Runner() as loop:
        loop.run(consume())
    endings = scene.broker.endings
    assert len(endings) == len(sent)
    assert all(ending == "ack" or ending.startswith("dead: ") for ending in endings)
    assert "dead: poison" not in endings
    buried = [m.body for m, ending in zip(sent, endings, strict=True) if ending != "ack"]
    assert sorted(letter.body for letter in scene.letters) == sorted(buried)
    tables = scene.system.state.tables
    assert sorted(tables.events) == sorted(tables.pending_events.values())
    assert len(tables.refusals) == len(buried)
