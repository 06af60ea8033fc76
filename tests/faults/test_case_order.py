"""200 events of ten keys, whose cases close all the time, while all who carry them are killed.

Each key's events are sent one after another; so what was routed in which order is known, and every
case must have taken its stretch of that, in that order, whatever closed or died meanwhile.
"""

import asyncio
import json
import random  # noqa: TID251 - of a seed
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.api import cloudevent, eventually
from tests.faults.installation import Installation

FOLLOW = """
id: case-order
lifecycle: ongoing
correlation: event.data.key
trigger: {event: {type: order.step}}
state: {initial: {seen: []}, update: '{"seen": state.seen + [event.data.n]}'}
ends_when: size(state.seen) >= 6
rules:
  - id: every
    tasks: [{id: say, emit: {type: order.said, data: {key: "${event.data.key}", seen: "${state.seen}"}}}]
"""  # noqa: E501 - readable as YAML
KEYS, EACH, SHORTEST, SEED = 10, 20, 6, 12
SENDERS = 5
VICTIMS = ("worker", "starter", "router", "worker", "starter", "router")


@dataclass(frozen=True)
class Told:
    """By key: what was sent, in order; by key and number: states; the runs of all; what was said.

    `runs`: the event and the case of each, as `(key, n), number`.
    """

    sent: Mapping[str, Sequence[int]]
    states: Mapping[tuple[str, int], Sequence[int]]
    runs: Sequence[tuple[tuple[str, int], int]]
    said: Sequence[tuple[str, Sequence[int]]]


def wrong(told: Told) -> list[str]:
    """Events that were taken out of order, not once, or over another state.

    A case that is to end takes what is queued; so it may be longer than it wanted to be.
    """
    found = []
    for key, sent in told.sent.items():
        mine = {number: state for (name, number), state in told.states.items() if name == key}
        cases = [mine.get(number, ()) for number in range(1, len(mine) + 1)]
        too_short = [len(case) for case in cases[:-1] if len(case) < SHORTEST]
        if [n for case in cases for n in case] != list(sent) or too_short:
            found.append(f"another state: {key}: {cases}, sent {sent}")
        runs = sorted(run for run in told.runs if run[0][0] == key)
        if runs != sorted(((key, n), at) for at, case in enumerate(cases, 1) for n in case):
            found.append(f"another run: {key}: {runs}")
        seen = sorted(list(state) for name, state in told.said if name == key)
        prefixes = (list(case[:end]) for case in cases for end in range(1, len(case) + 1))
        if seen != sorted(prefixes):
            found.append(f"another thing was said: {key}: {seen}")
    return found


@pytest.fixture(scope="module")
async def told(running: Installation) -> Told:
    await running.api.apply(FOLLOW)
    chance = random.Random(SEED)  # noqa: S311 - not for secrets
    keys = [f"k-{number}" for number in range(KEYS)]
    lines: list[list[tuple[str, int]]] = []
    for mine in (keys[at::SENDERS] for at in range(SENDERS)):
        line = [(key, n) for key in mine for n in range(EACH)]
        chance.shuffle(line)
        lines.append(line)
    sent: defaultdict[str, list[int]] = defaultdict(list)

    async def is_taken() -> bool:
        async with running.connection() as connection:
            rows = await connection.execute(
                "select event_key from pending_events union all select null from case_runs"
            )
            return rows.rowcount == 0

    async def send(line: Sequence[tuple[str, int]]) -> None:
        for place, (key, n) in enumerate(line, 1):
            await running.send(cloudevent("order.step", f"{key}-{n}", {"key": key, "n": n}))
            sent[key].append(n)
            if place % (len(line) // 3) == 0:  # so that some may close
                await eventually(is_taken, "all that was sent is taken")

    async def kill() -> None:
        for turn, victim in enumerate(VICTIMS, 1):
            share = KEYS * EACH * turn // (len(VICTIMS) + 1)

            async def is_due(share: int = share) -> bool:
                return sum(map(len, sent.values())) >= share

            await eventually(is_due, f"it is the turn of {victim}")
            await running.replace(victim)

    async with asyncio.TaskGroup() as group:
        for line in lines:
            group.create_task(send(line))
        group.create_task(kill())
    await running.assert_invariants()
    return Told(sent, *await _read(running))


async def _read(running: Installation) -> tuple[Any, Any, Any]:
    async with running.connection() as connection:

        async def rows(query: str) -> list[Sequence[Any]]:
            found = await connection.execute(query.encode())
            return [tuple(row.values()) for row in await found.fetchall()]

        states = await rows(
            "select key, number, state from cases where definition_id = 'case-order'"
        )
        runs = await rows(
            """select c.key, c.number, convert_from(e.body::bytea, 'utf8')
            from runs r join cases c using (tenant, case_id)
            join run_events o on o.run_id = r.run_id
            join events e on e.event_key = o.event_key
            where r.definition_id = 'case-order'"""
        )
        said = await rows("select convert_from(body, 'utf8') from outbox where type = 'order.said'")
    data = [json.loads(body)["data"] for (body,) in said]
    return (
        {(json.loads(key), number): state["seen"] for key, number, state in states},
        [((json.loads(key), json.loads(body)["data"]["n"]), number) for key, number, body in runs],
        [(each["key"], each["seen"]) for each in data],
    )


def test_each_case_is_the_fold_of_its_stretch(told: Told) -> None:
    assert wrong(told) == []


DAMAGE: Mapping[str, Callable[[Told], Told]] = {
    "another state": lambda told: replace(
        told, states={**told.states, ("k-0", 1): list(told.states["k-0", 1])[::-1]}
    ),
    "another run": lambda told: replace(told, runs=[*told.runs, told.runs[0]]),
    "another thing was said": lambda told: replace(told, said=told.said[1:]),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_another_order_is_noticed(told: Told, what: str) -> None:
    assert any(line.startswith(what) for line in wrong(DAMAGE[what](told)))


def test_an_event_in_another_case_is_noticed(told: Told) -> None:
    *first, last = told.states["k-3", 1]
    others = [each for (key, n), each in told.states.items() if key == "k-3" and n > 1]
    moved = dict(enumerate([first, [last], *others], 1))
    states = {**told.states, **{("k-3", number): state for number, state in moved.items()}}
    assert any(line.startswith("another run: k-3") for line in wrong(replace(told, states=states)))


def test_cases_did_close(told: Told) -> None:
    assert len(told.states) >= 2 * len(told.sent)
