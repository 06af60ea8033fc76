"""The refusal log: all are counted, some are kept, none stands in the way of an answer."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from activity_core.adapters.memory.clock import ManualClock
from activity_core.core.errors import (
    ActivityCoreError,
    ForbiddenError,
    PausedError,
    UnavailableError,
    UnverifiedError,
)
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.refusals import Refusal
from activity_core.services.refusal_log import MOST, RefusalLog

EVENT = EventEnvelope.from_json(
    {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order", "data": {"card": "4111"}}
)


class Kept:
    """What was kept, by transaction."""

    def __init__(self) -> None:
        self.transactions: list[Sequence[Refusal]] = []
        self.away = False

    async def record(self, refusals: Sequence[Refusal]) -> None:
        if self.away:
            raise UnavailableError("away")
        self.transactions.append(refusals)

    @property
    def all(self) -> list[Refusal]:
        return [each for transaction in self.transactions for each in transaction]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def log(kept: Kept, clock: ManualClock) -> RefusalLog:
    return RefusalLog(kept, clock)


def counted(code: str) -> float:
    labels = {"via": "http", "code": code}
    return REGISTRY.get_sample_value("activity_core_refusals_total", labels) or 0.0


async def test_a_refusal_names_the_event_and_never_its_body(
    log: RefusalLog, kept: Kept, clock: ManualClock
) -> None:
    before = counted("forbidden")
    await log.record("http", "bot", ForbiddenError("no", subject="source shop", hint="ask"), EVENT)
    [refusal] = kept.all
    assert refusal == Refusal(
        refused_at=clock.now(),
        via="http",
        sender="bot",
        code="forbidden",
        message="source shop: no (ask)",
        event_source="/shop",
        event_id="1",
        event_type="order",
    )
    assert "4111" not in repr(refusal)
    assert counted("forbidden") == before + 1


async def test_where_trust_failed_the_reason_is_kept_and_nothing_of_the_event(
    log: RefusalLog, kept: Kept
) -> None:
    await log.record("webhook", "shop", UnverifiedError("no signature"), EVENT)
    [refusal] = kept.all
    assert (refusal.event_source, refusal.event_id, refusal.event_type) == ("", "", "")
    assert refusal.message.endswith(": no signature")


@pytest.mark.parametrize(
    ("error", "kept_of_it"), [(UnavailableError("away"), 0), (PausedError("it is paused"), 1)]
)
async def test_an_outage_refuses_nothing(
    log: RefusalLog, kept: Kept, error: ActivityCoreError, kept_of_it: int
) -> None:
    before = counted(error.code)
    await log.record("http", "bot", error)
    assert len(kept.all) == kept_of_it
    assert counted(error.code) == before + kept_of_it


async def test_a_batch_is_one_transaction(log: RefusalLog, kept: Kept) -> None:
    await log.record_all("http", "bot", [(ForbiddenError("no"), EVENT)] * 3)
    assert [len(transaction) for transaction in kept.transactions] == [3]
    await log.record_all("http", "bot", [])
    assert len(kept.transactions) == 1


async def test_beyond_the_rate_it_is_only_counted(
    log: RefusalLog, kept: Kept, clock: ManualClock
) -> None:
    before = counted("forbidden")
    flood = [(ForbiddenError("no"), None)] * (MOST.burst + 50)
    await log.record_all("http", "bot", flood)
    assert len(kept.all) == MOST.burst
    await log.record("http", "bot", ForbiddenError("no"))
    assert len(kept.all) == MOST.burst
    assert counted("forbidden") == before + len(flood) + 1
    clock.advance(timedelta(seconds=1))
    await log.record_all("http", "bot", flood)
    assert len(kept.all) == MOST.burst + MOST.per_second


async def test_the_sender_is_told_even_if_it_cannot_be_kept(log: RefusalLog, kept: Kept) -> None:
    kept.away = True
    with capture_logs() as logs:
        await log.record("http", "bot", ForbiddenError("no"))
    assert [(each["event"], each["number"]) for each in logs] == [("refusals_not_kept", 1)]
