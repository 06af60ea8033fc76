"""Reception: each event is judged by itself, a message as a whole, and refusals are on record."""

from datetime import timedelta

import pytest
from tests.unit.memory_system import MemorySystem

from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.errors import (
    ActivityCoreError,
    EventConflictError,
    ForbiddenError,
    InvalidEventError,
    NotFoundError,
    OverloadedError,
    PausedError,
    SchemaMismatchError,
    UnavailableError,
)
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.inbox import Acceptance
from activity_core.services.entrances import EntranceDesk
from activity_core.services.reception import Answer, Reception, Visitor
from activity_core.services.registry import Registry

FILES = """\
kind: source
id: shop
api: {keys: [shop-key]}
allow: {types: [order.*]}
---
kind: source
id: slow
api: {keys: [slow-key]}
rate: {per_second: 1, burst: 2}
---
kind: source
id: hook
webhook: {verify: {bearer: {secrets: ["env:HOOK_TOKEN"]}}}
---
kind: event_type
id: paid
type: order.paid
versions:
  - type: object
    required: [amount]
    properties: {amount: {type: integer}, card: {type: string}}
redact: [/card]
"""


def event(id_: str, type_: str = "order.created", data: object = None) -> EventEnvelope:
    return EventEnvelope.from_json(
        {"specversion": "1.0", "id": id_, "source": "/shop", "type": type_, "data": data or {}}  # type: ignore[dict-item] # any JSON
    )


@pytest.fixture
async def system() -> MemorySystem:
    system = MemorySystem(unlisted=False)
    await apply(system, FILES)
    return system


@pytest.fixture
def reception(system: MemorySystem) -> Reception:
    return system.reception


async def apply(system: MemorySystem, text: str) -> None:
    registry = Registry(system.registry_store, system.doorbell, system.clock, config={})
    await registry.apply(parse_definitions(text, file="f.yaml"), "tests")


def refusals(system: MemorySystem) -> list[tuple[str, str, str, str]]:
    rows = system.state.tables.refusals.values()
    return [(row.via, row.sender, row.code, row.event_id) for row in rows]


def kinds(answers: object) -> list[object]:
    assert isinstance(answers, list)
    return [type(each) if isinstance(each, ActivityCoreError) else each for each in answers]


async def test_every_item_has_its_own_answer(system: MemorySystem, reception: Reception) -> None:
    visitor = await reception.visitor_of_key("shop-key")
    await reception.receive([event("old"), event("taken")], visitor)
    answers: list[Answer] = list(
        await reception.receive(
            [
                event("new"),
                InvalidEventError("no id"),
                event("foreign", "user.created"),
                event("unfit", "order.paid", {"amount": "1"}),
                event("old"),
                event("taken", data={"other": 1}),
            ],
            visitor,
        )
    )
    assert kinds(answers) == [
        Acceptance.ACCEPTED,
        InvalidEventError,
        ForbiddenError,
        SchemaMismatchError,
        Acceptance.DUPLICATE,
        EventConflictError,
    ]
    assert await system.inbox.depth() == 3
    assert refusals(system) == [
        ("http", "shop-key", "event_invalid", ""),
        ("http", "shop-key", "forbidden", "foreign"),
        ("http", "shop-key", "schema_mismatch", "unfit"),
        ("http", "shop-key", "event_conflict", "taken"),
    ]


async def test_secrets_are_masked_before_the_inbox(
    system: MemorySystem, reception: Reception
) -> None:
    visitor = await reception.visitor_of_key("shop-key")
    paid = event("p", "order.paid", {"amount": 1, "card": "4111"})
    assert list(await reception.receive([paid], visitor)) == [Acceptance.ACCEPTED]
    assert list(await reception.receive([paid], visitor)) == [Acceptance.DUPLICATE]
    [kept] = system.state.tables.events.values()
    assert "4111" not in kept.envelope.to_bytes().decode()


async def test_a_message_comes_in_whole_or_not_at_all(
    system: MemorySystem, reception: Reception
) -> None:
    visitor = await reception.visitor_of_key("shop-key")
    with pytest.raises(ForbiddenError):
        await reception.receive_all([event("good"), event("bad", "user.created")], visitor)
    assert await system.inbox.depth() == 0
    assert refusals(system) == [("http", "shop-key", "forbidden", "bad")]
    answers = list(await reception.receive_all([event("1"), event("2")], visitor))
    assert answers == [Acceptance.ACCEPTED] * 2
    again = list(await reception.receive_all([event("1", data={"x": 1}), event("3")], visitor))
    assert kinds(again) == [EventConflictError, Acceptance.ACCEPTED]


async def test_who_may_come_in(system: MemorySystem, reception: Reception) -> None:
    visitor = await reception.visitor_of_key("shop-key")
    assert visitor.source is not None
    assert (visitor.via, visitor.source.id) == ("http", "shop")
    with pytest.raises(ForbiddenError):
        await reception.visitor_of_key("nobody")
    with pytest.raises(NotFoundError):
        await reception.visitor_of_hook("shop")
    hook = await reception.visitor_of_hook("hook")
    assert (hook.via, hook.name) == ("webhook", "hook")
    assert refusals(system) == [
        ("http", "nobody", "forbidden", ""),
        ("webhook", "shop", "not_found", ""),
    ]


async def test_senders_that_no_source_lists_may_be_let_in() -> None:
    reception = MemorySystem(unlisted=True).reception
    visitor = await reception.visitor_of_key("nobody")
    assert visitor == Visitor("http", "nobody", None)
    assert list(await reception.receive([event("1")], visitor)) == [Acceptance.ACCEPTED]


async def test_a_paused_source_is_turned_away_within_a_second(
    system: MemorySystem, reception: Reception
) -> None:
    await reception.visitor_of_key("shop-key")
    desk = EntranceDesk(system.registry_store, system.clock)
    await desk.pause("shop", "ann", "stocktaking")
    system.clock.advance(timedelta(seconds=1))
    with pytest.raises(PausedError, match="stocktaking"):
        await reception.visitor_of_key("shop-key")
    await desk.resume("shop", "ann")
    system.clock.advance(timedelta(seconds=1))
    await reception.visitor_of_key("shop-key")
    assert refusals(system) == [("http", "shop-key", "source_paused", "")]


async def test_too_much_for_a_rate_takes_nothing(
    system: MemorySystem, reception: Reception
) -> None:
    visitor = await reception.visitor_of_key("slow-key")
    await reception.receive([event("1"), event("2")], visitor)
    for receive in (reception.receive, reception.receive_all):
        with pytest.raises(OverloadedError) as error:
            await receive([event("3")], visitor)
        assert 0 < error.value.retry_after <= 1.1
    assert await system.inbox.depth() == 2
    assert refusals(system) == [("http", "slow-key", "overloaded", "")] * 2
    system.clock.advance(timedelta(seconds=2))
    assert list(await reception.receive([event("3")], visitor)) == [Acceptance.ACCEPTED]


async def test_a_full_inbox_turns_everybody_away(system: MemorySystem) -> None:
    system.max_waiting = 1
    reception = system.reception
    visitor = await reception.visitor_of_key("shop-key")
    await reception.receive([event("1")], visitor)
    system.clock.advance(timedelta(seconds=1))
    with pytest.raises(OverloadedError):
        await reception.visitor_of_key("shop-key")
    with pytest.raises(OverloadedError):
        await reception.visitor_of_hook("hook")
    assert [(via, code) for via, _, code, _ in refusals(system)] == [
        ("http", "overloaded"),
        ("webhook", "overloaded"),
    ]


async def test_an_outage_is_no_refusal(
    system: MemorySystem, reception: Reception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> int:
        raise UnavailableError("away")

    monkeypatch.setattr(system.registry_store, "revision", away)
    with pytest.raises(UnavailableError):
        await reception.visitor_of_key("shop-key")
    assert refusals(system) == []
