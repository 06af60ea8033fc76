"""What brokers bring: repetitions, disorder and rubbish; and that the check of it can fail."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from secrets import SystemRandom

import pytest
from prometheus_client import REGISTRY
from tests.api import eventually
from tests.faults.broker_feeds import (
    EACH,
    Feed,
    all_arrived,
    assert_counted,
    feeds,
    misburied,
)
from tests.faults.broker_intake import intake_inside
from tests.faults.broker_lines import KINDS, Line, line_of
from tests.faults.installation import Installation

from activity_core.bootstrap.system import System
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.inbox import Acceptance
from activity_core.services import intake
from activity_core.services.burial import Burial
from activity_core.services.ingest import Ingest
from activity_core.services.metrics import EVENTS_IN

pytestmark = pytest.mark.usefixtures("no_intake")

GOOD = 200
RUBBISH = (
    b"{bad %d",
    b"\xff\xfe\x00 %d",
    b'{"specversion": "1.0", "id": "%d"}',
    b'[{"id": %d}]',
    b'{"id": "%d", "id": "twice"}',
)


def shuffled(bodies: Iterable[bytes]) -> list[bytes]:
    found = list(bodies)
    SystemRandom().shuffle(found)
    return found


def counted(answer: Acceptance) -> dict[str, float]:
    return {kind: EVENTS_IN.labels(kind, answer)._value.get() for kind in KINDS}


def since(before: dict[str, float], answer: Acceptance, lines: Sequence[Line]) -> dict[str, float]:
    now = counted(answer)
    return {line.kind: now[line.kind] - before[line.kind] for line in lines}


@pytest.mark.parametrize("kind", KINDS)
def test_a_broker_takes_part(lines: Sequence[Line], kind: str) -> None:
    """Skipped, with the reason, where the others are tried without it."""
    assert line_of(lines, kind)


async def test_ten_of_each_in_any_order_are_one_of_each(
    running: Installation, lines: Sequence[Line]
) -> None:
    number = 100
    accepted, duplicate = counted(Acceptance.ACCEPTED), counted(Acceptance.DUPLICATE)
    async with feeds(running, lines, "ten", EACH) as found:
        async with intake_inside(running, lines):
            for feed in found:
                feed.sent |= {f"{each}" for each in range(number)}
                await feed.send(shuffled([feed.event(each) for each in range(number)] * 10))

            async def all_told() -> bool:
                told = since(duplicate, Acceptance.DUPLICATE, lines).values()
                return min(told) >= 9 * number

            await eventually(all_told, "every repetition is told to be one")
            await all_arrived(running, found)
        assert since(accepted, Acceptance.ACCEPTED, lines) == {f.line.kind: number for f in found}
        assert since(duplicate, Acceptance.DUPLICATE, lines) == {
            f.line.kind: 9 * number for f in found
        }
        assert {f.name: await runs(running, f) for f in found} == {f.name: number for f in found}
        await assert_counted(running, found)


async def runs(running: Installation, feed: Feed) -> int:
    async with running.connection() as connection:
        rows = await connection.execute(
            """select count(*) as runs from events join run_events using (tenant, event_key)
            where source = %s""",
            [feed.source],
        )
        [row] = await rows.fetchall()
        return int(row["runs"])


class Poisoned(Ingest):
    """Meets a message that it can never digest, and does not know why."""

    async def accept(self, envelopes: Sequence[EventEnvelope], via: str) -> Sequence[Acceptance]:
        if any(envelope.type == "poison" for envelope in envelopes):
            raise RuntimeError("it went down the wrong way")
        return await super().accept(envelopes, via)


def poison(feed: Feed, number: int) -> bytes:
    return json.dumps(json.loads(feed.event(number)) | {"type": "poison"}).encode()


def with_rubbish(feed: Feed) -> tuple[list[bytes], list[bytes]]:
    """Good messages with something bad before every tenth; and those alone."""
    messages, bad = [], []
    for number in range(GOOD):
        if number % 10 == 0:
            kind = number // 10 % (len(RUBBISH) + 1)
            # No two the same: RabbitMQ cannot tell them apart, if they do not say who they are.
            worst = poison(feed, number) if kind == len(RUBBISH) else RUBBISH[kind] % number
            messages.append(worst)
            bad.append(worst)
        messages.append(feed.event(number))
    feed.sent |= {f"{number}" for number in range(GOOD)}
    return messages, bad


def poisoned(system: System) -> None:
    system.ingest = Poisoned(
        system.stores.inbox, system.doorbell, system.clock, tenant=system.settings.tenant
    )


async def test_rubbish_is_buried_and_blocks_nothing(
    running: Installation, lines: Sequence[Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "REDELIVER_AFTER", timedelta(milliseconds=100))
    async with feeds(running, lines, "rubbish") as found:
        bad = {}
        async with intake_inside(running, lines, poisoned):
            for feed in found:
                messages, bad[feed.name] = with_rubbish(feed)
                await feed.send(messages)
            await all_arrived(running, found)
            async with running.connection() as connection:
                for feed in found:

                    async def all_buried(feed: Feed = feed) -> bool:
                        return not await misburied(connection, feed, bad[feed.name])

                    await eventually(all_buried, f"{feed.name}: all of the rubbish is buried")
        await assert_counted(running, found)


async def test_a_broker_that_no_setting_names_is_told_of_and_stops_no_other(
    running: Installation, lines: Sequence[Line]
) -> None:
    failures = intake_failures()
    nats, others = lines[:1], lines[1:]
    async with feeds(running, lines, "unnamed") as [feed, *_], intake_inside(running, nats):
        await feed.send_numbers(range(3))
        await all_arrived(running, [feed])

        async def is_told() -> bool:
            return intake_failures() >= failures + len(others)

        await eventually(is_told, "those that cannot be reached are counted, and logged")


def intake_failures() -> float:
    labels = {"loop": "intake", "kind": "unexpected"}
    return REGISTRY.get_sample_value("activity_core_loop_failures_total", labels) or 0.0


async def test_a_burial_that_keeps_nothing_is_noticed(
    running: Installation, lines: Sequence[Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(*_: object, **__: object) -> None:
        """Settled as dead, and nowhere to be found."""

    monkeypatch.setattr(Burial, "bury", forget)
    async with feeds(running, lines, "forgotten") as found:
        async with intake_inside(running, lines):
            for feed in found:
                await feed.send([b"{bad", feed.event(0)])
                feed.sent.add("0")
            await all_arrived(running, found)
        await assert_counted(running, found)
        async with running.connection() as connection:
            wrong = [
                line for feed in found for line in await misburied(connection, feed, [b"{bad"])
            ]
        assert wrong == [f"{feed.name}: never buried: b'{{bad'" for feed in found]
