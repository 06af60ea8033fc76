"""What every store of dead letters keeps."""

import asyncio
from dataclasses import replace

import pytest
from tests.contract.stores import AT, SECOND, Stores

from activity_core.core.errors import NotFoundError
from activity_core.ports.dead_letters import DeadLetter, DeadLetterStatus

LETTER = DeadLetter(
    dead_letter_id="ab" * 16,
    via="nats",
    subject="events.shop",
    code="event_invalid",
    message="source is missing",
    headers={"content-type": "application/json", "x": "ü"},
    body=b"\x00\xff{",
    buried_at=AT,
)
DISCARDED, REPLAYED = DeadLetterStatus.DISCARDED, DeadLetterStatus.REPLAYED


async def test_a_letter_comes_back_byte_for_byte(stores: Stores):
    await stores.dead_letters.bury(LETTER)
    assert await stores.dead_letters.get(LETTER.dead_letter_id) == LETTER
    assert await stores.dead_letters.depth() == 1


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
