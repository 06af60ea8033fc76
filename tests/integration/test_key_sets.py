"""Key sets of issuers over HTTP: remembered, renewed when asked, and never asked too often."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.outside import Outside, Reply, outside_world

from activity_core.adapters.http.guard import guarded_client
from activity_core.adapters.http.key_sets import KEPT, MOST_KEYS, PAUSE, HttpKeySets
from activity_core.adapters.memory.clock import ManualClock
from activity_core.core.errors import UnavailableError

PATH = "/keys"
OLD, NEW = {"kid": "1", "kty": "RSA"}, {"kid": "2", "kty": "RSA"}
SECOND = timedelta(seconds=1)


def keys(*found: Any) -> Reply:
    return Reply(200, {"keys": list(found)})


@pytest.fixture
def world() -> Iterator[Outside]:
    with outside_world() as world:
        world.answers(PATH, keys(OLD), keys(NEW))
        yield world


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with guarded_client(["127.0.0.1"]) as client:
        yield client


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def key_sets(client: httpx.AsyncClient, clock: ManualClock) -> HttpKeySets:
    return HttpKeySets(client, clock)


async def test_remembered_for_ten_minutes(
    key_sets: HttpKeySets, clock: ManualClock, world: Outside
):
    assert await key_sets.key_set(world.url + PATH) == [OLD]
    clock.advance(KEPT - SECOND)
    assert await key_sets.key_set(world.url + PATH) == [OLD]
    assert len(world.requests(PATH)) == 1
    clock.advance(SECOND)
    assert await key_sets.key_set(world.url + PATH) == [NEW]


async def test_fresh_ones_at_most_every_ten_seconds(
    key_sets: HttpKeySets, clock: ManualClock, world: Outside
):
    assert await key_sets.key_set(world.url + PATH) == [OLD]
    for _ in range(20):
        assert await key_sets.key_set(world.url + PATH, fresh=True) == [OLD]
    clock.advance(PAUSE)
    assert await key_sets.key_set(world.url + PATH) == [OLD]
    assert await key_sets.key_set(world.url + PATH, fresh=True) == [NEW]
    assert await key_sets.key_set(world.url + PATH) == [NEW]
    assert len(world.requests(PATH)) == 2


async def test_many_at_once_ask_once(key_sets: HttpKeySets, world: Outside):
    asked = [key_sets.key_set(world.url + PATH, fresh=n % 2 == 0) for n in range(20)]
    assert await asyncio.gather(*asked) == [[OLD]] * 20
    assert len(world.requests(PATH)) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, {"keys": []}),
        Reply(302, {"keys": []}),
        Reply(404, None),
        Reply(200, []),
        Reply(200, {}),
        Reply(200, {"keys": {}}),
        keys(*[OLD] * (MOST_KEYS + 1)),
        keys("x" * (1 << 20)),
    ],
    ids=lambda reply: f"{reply.status} {str(reply.body)[:12]}",
)
async def test_answers_that_are_no_key_set(
    key_sets: HttpKeySets, clock: ManualClock, world: Outside, reply: Reply
):
    world.answers(PATH, reply, keys(OLD))
    for _ in range(5):
        with pytest.raises(UnavailableError, match=PATH):
            await key_sets.key_set(world.url + PATH)
    assert len(world.requests(PATH)) == 1, "not again before the pause is over"
    clock.advance(PAUSE)
    assert await key_sets.key_set(world.url + PATH) == [OLD]


async def test_known_keys_outlive_an_issuer_that_does_not_answer(
    key_sets: HttpKeySets, clock: ManualClock, world: Outside
):
    world.answers(PATH, keys(OLD), Reply(503, None))
    assert await key_sets.key_set(world.url + PATH) == [OLD]
    clock.advance(PAUSE)
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await key_sets.key_set(world.url + PATH, fresh=True)
        assert await key_sets.key_set(world.url + PATH) == [OLD]
    assert len(world.requests(PATH)) == 2


async def test_what_is_no_key_is_left_out(key_sets: HttpKeySets, world: Outside):
    world.answers(PATH, keys(1, OLD, None, []))
    assert await key_sets.key_set(world.url + PATH) == [OLD]


async def test_no_address_keeps_another_waiting(key_sets: HttpKeySets, world: Outside):
    world.answers("/other", keys(NEW))
    assert await key_sets.key_set(world.url + PATH) == [OLD]
    assert await key_sets.key_set(world.url + "/other") == [NEW]


@pytest.mark.parametrize(
    ("address", "allowed", "complaint"),
    [
        ("http://issuer.example/keys", [], "https"),
        ("http://10.1.2.3/keys", ["10.2.0.0/16"], "https"),
        ("http://10.1.2.3/keys", ["10.1.0.0/16"], "not public"),  # by the client's own list
        ("https://10.1.2.3/keys", [], "not public"),
        ("http://", [], "https"),
        ("https://", [], "address"),
    ],
)
async def test_addresses_that_are_not_asked(
    client: httpx.AsyncClient,
    clock: ManualClock,
    address: str,
    allowed: list[str],
    complaint: str,
):
    with pytest.raises(UnavailableError, match=complaint):
        await HttpKeySets(client, clock, allowed).key_set(address)


async def test_loopback_too_must_be_allowed(clock: ManualClock, world: Outside):
    async with guarded_client([]) as client:
        with pytest.raises(UnavailableError, match="not public"):
            await HttpKeySets(client, clock).key_set(world.url + PATH)
    assert world.requests(PATH) == []
