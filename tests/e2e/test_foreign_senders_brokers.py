"""One installation on three brokers, and senders that know nothing of it."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.v1.event import CloudEvent
from tests.api import eventually
from tests.brokers.kafka import KafkaServer
from tests.e2e.conftest import Stack
from tests.senders.brokers import EVENTS, JSON, Sender, as_json, senders
from tests.senders.installation import installation

from activity_core.embedded.directory import locked
from activity_core.embedded.nats import EmbeddedNats
from activity_core.embedded.ports import choose_ports

BROKERS = ("nats", "kafka", "rabbitmq")
DEFINITION = """
id: from-brokers
trigger: {event: {types: [sdk.*, json.*]}}
rules:
  - id: all
    tasks: [{id: look, human: {title: "Look at ${event.subject}"}}]
"""
RIGHT, SPELLED_OTHERWISE = "body.items", "has(body.items) ? body.items : body.orders"
each_broker = pytest.mark.parametrize("broker", BROKERS)


@pytest.fixture(scope="module")
async def nats_address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A server of this module's own: nobody else's streams are consumed."""
    async with locked(tmp_path_factory.mktemp("nats")) as directory:
        port = choose_ports(["nats"], demanded={}, preferred={})["nats"]
        server = EmbeddedNats(directory, port, durable=False)
        await server.start()
        yield server.url
        await server.process.stop()


@pytest.fixture(scope="module")
def addresses(nats_address: str, kafka_address: str, rabbitmq_url: str) -> dict[str, str]:
    return {
        "ACTIVITY_CORE_NATS_URL": nats_address,
        "ACTIVITY_CORE_KAFKA_SERVERS": kafka_address,
        "ACTIVITY_CORE_RABBITMQ_URL": "env:RABBITMQ",
        "RABBITMQ": rabbitmq_url,
    }


@pytest.fixture(scope="module")
async def outside_senders(
    nats_address: str, kafka_server: KafkaServer, rabbitmq_url: str
) -> AsyncIterator[dict[str, Sender]]:
    async with senders(nats_address, kafka_server, rabbitmq_url) as each:
        for broker, sender in each.items():
            await sender.prepare(EVENTS.format(broker), JSON.format(broker))
        yield dict(each)


@pytest.fixture(scope="module")
async def installed(
    tmp_path_factory: pytest.TempPathFactory,
    outside_senders: dict[str, Sender],
    postgres_url: str,
    addresses: dict[str, str],
) -> AsyncIterator[Stack]:
    settings = addresses | {"ACTIVITY_CORE_DATABASE_URL": postgres_url}
    async with installation(tmp_path_factory.mktemp("brokers"), **settings) as stack:
        await stack.api.apply(DEFINITION)
        for broker, sender in outside_senders.items():
            await stack.api.apply(source(EVENTS.format(broker), broker, sender))
            await stack.api.apply(mapped(broker, sender, RIGHT))
        yield stack


@pytest.fixture
def sender(outside_senders: dict[str, Sender], broker: str) -> Sender:
    return outside_senders[broker]


def source(place: str, broker: str, sender: Sender, **more: object) -> str:
    way = json.loads(json.dumps(sender.way).replace("{}", place)) | more
    return json.dumps({"kind": "source", "id": place, broker: way})


def mapped(broker: str, sender: Sender, each: str) -> str:
    event_map = {"each": each, "type": f'"json.{broker}"', "subject": "item.no"}
    return source(JSON.format(broker), broker, sender, map=event_map)


def made(broker: str, event_id: str) -> CloudEvent:
    return CloudEvent(
        {
            "id": event_id,
            "source": f"/{broker}",
            "type": "sdk.made",
            "subject": f"Größe {event_id}",
            "time": datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC),
            "datacontenttype": "application/json",
            "colour": "grün",
        },
        {"city": "Zürich", "n": 1},
    )


def named(event: CloudEvent) -> dict[str, Any]:
    return {"source": event.get_source(), "id": event.get_id()}


def items(*numbers: str, under: str = "items") -> bytes:
    return as_json({under: [{"no": number} for number in numbers]})


async def taken(stack: Stack, broker: str, start: str) -> list[dict[str, Any]]:
    """Events of plain JSON whose number begins so."""
    place = JSON.format(broker)
    events = await stack.api.items("/v1/events", source=f"/sources/{place}")
    return [event for event in events if event["subject"].startswith(start)]


async def runs_of_json(stack: Stack, broker: str, start: str, *rests: str) -> None:
    """Exactly these were taken, of all that begin so, and each has one run, which is over."""

    async def look() -> list[dict[str, Any]] | None:
        events = await taken(stack, broker, start)
        return events if len(events) >= len(rests) else None

    events = await eventually(look, f"events {start}… by {broker}")
    assert sorted(event["subject"] for event in events) == [f"{start}{rest}" for rest in rests]
    for event in events:
        await stack.api.run_of(event, "completed")


@each_broker
async def test_each_event_fires_once(installed: Stack, sender: Sender, broker: str) -> None:
    events = [made(broker, event_id) for event_id in ("binary", "structured")]
    last = made(broker, "last")
    await sender.send_events(EVENTS.format(broker), [*events, *events, last])
    await installed.api.run_of(named(last), "completed")  # behind the repetitions
    for event in events:
        run = await installed.api.run_of(named(event), "completed")
        assert [task["title"] for task in run["tasks"]] == [f"Look at {event.get_subject()}"]
        explained = await installed.api.explain(named(event))
        envelope = explained["envelope"]
        assert envelope.pop("data") == event.get_data()
        assert envelope | {"time": event.get_time()} == event.get_attributes()
        assert datetime.fromisoformat(envelope["time"]) == event.get_time()
        assert explained["via"] == broker

    two = items("once-1", "once-2")
    await sender.send_raw(JSON.format(broker), two, two, items("once-3"))
    await runs_of_json(installed, broker, "once-", "1", "2", "3")


@each_broker
async def test_a_paused_source_leaves_messages_where_they_are(
    installed: Stack, sender: Sender, broker: str
) -> None:
    place, event = EVENTS.format(broker), made(broker, "while-paused")
    done = await installed.cli("sources", "pause", place, "--reason", "maintenance")
    assert (done.code, done.out) == (0, f"paused: {place} v1\n"), done.err
    await installed.program.says(f'"{place} v1", "event": "intake_ends"')
    await sender.send_events(place, [event])

    async def waits() -> bool:
        return await sender.waiting(place) == 1

    await eventually(waits, f"a message waits in {broker}")
    # One that is active would have taken it by the time that another did.
    await sender.send_raw(JSON.format(broker), items("meanwhile"))
    await runs_of_json(installed, broker, "meanwhile", "")
    assert await installed.api.items("/v1/events", **named(event)) == []
    assert await waits()

    assert (await installed.cli("sources", "resume", place)).code == 0
    await installed.api.run_of(named(event), "completed")

    async def none_waits() -> bool:
        return await sender.waiting(place) == 0

    await eventually(none_waits, f"nothing waits in {broker}")


@each_broker
async def test_bad_messages_are_dead_letters_that_replay_once_their_source_is_mended(
    installed: Stack, sender: Sender, broker: str
) -> None:
    place = JSON.format(broker)
    bad = items("bad-1", "bad-2", under="orders")
    await sender.send_raw(place, bad, b"\xff no JSON", items("bad-3"))
    await runs_of_json(installed, broker, "bad-", "3")  # they block nothing

    groups = (await installed.said("dead-letters", "groups", "--source", place))["items"]
    assert {(group["via"], group["code"], group["count"]) for group in groups} == {
        (broker, "mapping_failed", 1),
        (broker, "json_malformed", 1),
    }
    [letter] = [group["example_id"] for group in groups if group["code"] == "mapping_failed"]
    assert (await installed.said("dead-letters", "show", letter))["body"] == bad.decode()

    chosen = ("--source", place, "--code", "mapping_failed")
    done = await installed.cli("dead-letters", "replay", *chosen)
    assert (done.code, letter in done.out) == (1, True), done.err
    await installed.api.apply(mapped(broker, sender, SPELLED_OTHERWISE))

    async def would_replay() -> bool:
        rehearsal = await installed.cli("dead-letters", "replay", *chosen, "--dry-run")
        return rehearsal.code == 0

    await eventually(would_replay, "the mended source is known")
    assert len(await taken(installed, broker, "bad-")) == 1  # that was a rehearsal
    for _ in range(2):
        assert (await installed.cli("dead-letters", "replay", *chosen)).code == 0
        await runs_of_json(installed, broker, "bad-", "1", "2", "3")
    rest = (await installed.said("dead-letters", "groups", "--source", place))["items"]
    assert [group["code"] for group in rest] == ["json_malformed"]
