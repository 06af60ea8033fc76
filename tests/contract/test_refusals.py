"""What every store of refusals keeps; the lists are in `test_reading`."""

from dataclasses import replace

import pytest
from tests.contract.stores import AT, Stores

from activity_core.core.errors import RejectedError
from activity_core.ports.reading import Query, Row
from activity_core.ports.refusals import MOST_CHARACTERS, Refusal

REFUSAL = Refusal(
    refused_at=AT,
    via="http",
    sender="ci",
    code="forbidden",
    message="it may not",
    event_source="/shop",
    event_id="1",
    event_type="order.created",
)


async def kept(stores: Stores, **filters: str) -> list[Row]:
    return [*(await stores.reading.refusals(Query(filters))).items]


async def test_they_are_kept_in_order_even_the_same_again(stores: Stores):
    await stores.refusals.record([])
    await stores.refusals.record([REFUSAL, replace(REFUSAL, message="second")])
    await stores.refusals.record([REFUSAL])
    rows = await kept(stores)
    assert [row["message"] for row in rows] == ["it may not", "second", "it may not"]


async def test_strangers_cannot_fill_a_row(stores: Stores):
    long = "ü" * (MOST_CHARACTERS + 1)
    names = ("via", "sender", "code", "message", "event_source", "event_id", "event_type")
    await stores.refusals.record([replace(REFUSAL, **dict.fromkeys(names, long))])  # type: ignore[arg-type]
    [row] = await kept(stores)
    shown = ("via", "sender", "code", "message", "source", "event_id", "event_type")
    assert [row[name] for name in shown] == [long[:-1]] * 7


async def test_what_no_row_can_hold_is_replaced(stores: Stores):
    await stores.refusals.record([replace(REFUSAL, sender="a\0b", event_id="\ud800")])
    [row] = await kept(stores)
    assert (row["sender"], row["event_id"]) == ("a\ufffdb", "?")


async def test_whoever_asks_for_a_long_text_finds_what_is_kept_of_it(stores: Stores):
    long = "x" * 10_000
    for filter_, name in (("source", "event_source"), ("event_id", "event_id")):
        await stores.refusals.record([replace(REFUSAL, code=filter_, **{name: long})])  # type: ignore[arg-type]
        assert [row["code"] for row in await kept(stores, **{filter_: long})] == [filter_]
    await stores.refusals.record([replace(REFUSAL, sender=f"{long}\0")])
    assert len(await kept(stores, sender=long)) == 1


@pytest.mark.parametrize("name", ["via", "code"])
async def test_one_without_a_reason_is_rejected_with_all_that_came_along(stores: Stores, name: str):
    with pytest.raises(RejectedError):
        await stores.refusals.record([REFUSAL, replace(REFUSAL, **{name: ""})])  # type: ignore[arg-type]
    assert await kept(stores) == []
