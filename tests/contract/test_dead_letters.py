"""What every store of dead letters keeps."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contract.stores import AT, SECOND, Stores

from activity_core.core.errors import NotFoundError
from activity_core.ports.dead_letters import (
    DeadLetter,
    DeadLetterStatus,
    LetterFilter,
    LetterGroup,
)

LETTER = DeadLetter(
    dead_letter_id="ab" * 16,
    via="nats",
    source_id="shop",
    subject="events.shop",
    code="event_invalid",
    message="source is missing",
    headers={"content-type": "application/json", "x": "ü"},
    body=b"\x00\xff{",
    sent_at=AT - timedelta(hours=1),
    buried_at=AT,
)
OF_A_RUN = replace(
    LETTER, dead_letter_id="run", via="starter", source_id="", run_id="run-1", sent_at=None
)
OF_A_FILTER = replace(
    LETTER, dead_letter_id="filter", via="router", source_id="", definition_id="triage"
)
DISCARDED, REPLAYED = DeadLetterStatus.DISCARDED, DeadLetterStatus.REPLAYED


async def test_a_letter_comes_back_byte_for_byte(stores: Stores):
    await stores.dead_letters.bury(LETTER)
    await stores.dead_letters.bury(OF_A_RUN)
    await stores.dead_letters.bury(OF_A_FILTER)
    assert await stores.dead_letters.get(LETTER.dead_letter_id) == LETTER
    assert await stores.dead_letters.get("run") == OF_A_RUN
    assert await stores.dead_letters.get("filter") == OF_A_FILTER
    assert await stores.dead_letters.depth() == 3


async def test_no_such_letter(stores: Stores):
    with pytest.raises(NotFoundError):
        await stores.dead_letters.get("unknown")
    assert not await stores.dead_letters.resolve("unknown", DISCARDED, "ann", AT)


async def test_burying_twice_is_burying_once(stores: Stores):
    await stores.dead_letters.bury(LETTER)
    await stores.dead_letters.bury(replace(LETTER, message="another", buried_at=AT + SECOND))
    assert await stores.dead_letters.get(LETTER.dead_letter_id) == LETTER
    assert await stores.dead_letters.depth() == 1


async def test_a_letter_is_closed_once(stores: Stores):
    await stores.dead_letters.bury(LETTER)
    await stores.dead_letters.bury(replace(LETTER, dead_letter_id="other"))
    assert await stores.dead_letters.resolve(LETTER.dead_letter_id, REPLAYED, "ann", AT + SECOND)
    assert not await stores.dead_letters.resolve(LETTER.dead_letter_id, DISCARDED, "bob", AT)
    closed = replace(LETTER, status=REPLAYED, resolved_by="ann", resolved_at=AT + SECOND)
    assert await stores.dead_letters.get(LETTER.dead_letter_id) == closed
    assert await stores.dead_letters.depth() == 1
    await stores.dead_letters.bury(LETTER)
    assert await stores.dead_letters.get(LETTER.dead_letter_id) == closed


async def test_of_rivals_one_closes_it(stores: Stores):
    await stores.dead_letters.bury(LETTER)
    answers = await asyncio.gather(
        *(stores.dead_letters.resolve(LETTER.dead_letter_id, DISCARDED, by, AT) for by in "abc")
    )
    assert sorted(answers) == [False, False, True]


async def bury_some(stores: Stores) -> None:
    """Open: a, b and e of one cause, c and d of others. Closed: f."""
    for n, (id_, change) in enumerate(
        {
            "e": {"message": "the oldest"},
            "a": {},
            "c": {"code": "poison"},
            "d": {"source_id": ""},
            "b": {"message": "the newest"},
            "f": {"message": "closed"},
        }.items()
    ):
        at = AT + n * SECOND
        await stores.dead_letters.bury(
            replace(LETTER, dead_letter_id=id_, buried_at=at, **change)  # type: ignore[arg-type]
        )
    await stores.dead_letters.resolve("f", DISCARDED, "ann", AT)


async def test_open_ones_are_grouped_by_their_cause(stores: Stores):
    assert await stores.dead_letters.groups(LetterFilter()) == []
    await bury_some(stores)
    await stores.dead_letters.bury(OF_A_RUN)
    alike = LetterGroup("nats", "event_invalid", "shop", 3, AT, AT + 4 * SECOND, "b", "the newest")
    third, fourth = AT + 2 * SECOND, AT + 3 * SECOND
    why = LETTER.message
    of_none = LetterGroup("nats", "event_invalid", "", 1, fourth, fourth, "d", why)
    poison = LetterGroup("nats", "poison", "shop", 1, third, third, "c", why)
    starter = LetterGroup("starter", "event_invalid", "", 1, AT, AT, "run", why)
    groups = stores.dead_letters.groups
    assert await groups(LetterFilter()) == [alike, of_none, poison, starter]
    assert await groups(LetterFilter(via="nats")) == [alike, of_none, poison]
    assert await groups(LetterFilter(code="event_invalid")) == [alike, of_none, starter]
    assert await groups(LetterFilter(source_id="")) == [of_none, starter]
    assert await groups(LetterFilter("nats", "poison", "shop")) == [poison]
    assert await groups(LetterFilter(via="\0")) == []


async def test_of_letters_of_one_time_the_last_id_is_the_example(stores: Stores):
    for id_ in ("a", "c", "b"):
        await stores.dead_letters.bury(replace(LETTER, dead_letter_id=id_))
    [group] = await stores.dead_letters.groups(LetterFilter())
    assert (group.example_id, group.count) == ("c", 3)


async def test_open_ones_come_in_the_order_of_their_ids(stores: Stores):
    await bury_some(stores)

    async def found(chosen: LetterFilter, limit: int = 9, after: str = "") -> str:
        letters = await stores.dead_letters.open_letters(chosen, limit, after=after)
        assert all(letter.status is DeadLetterStatus.OPEN for letter in letters)
        return "".join(letter.dead_letter_id for letter in letters)

    assert await found(LetterFilter()) == "abcde"
    assert await found(LetterFilter(), 2) == "ab"
    assert await found(LetterFilter(), 2, "b") == "cd"
    assert await found(LetterFilter(), 2, "d") == "e"
    assert await found(LetterFilter(), 2, "e") == ""
    assert await found(LetterFilter(code="poison")) == "c"
    assert await found(LetterFilter(source_id="")) == "d"
    assert await found(LetterFilter(source_id="shop"), 2, "a") == "bc"
    assert await found(LetterFilter("kafka")) == ""
    assert await found(LetterFilter(code="\0"), after="\0") == ""
    [letter] = await stores.dead_letters.open_letters(LetterFilter(source_id=""), 1)
    assert letter == replace(LETTER, dead_letter_id="d", source_id="", buried_at=letter.buried_at)
