"""kill -9 of the worker before and after every step, and between an effect and its record."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.faults.installation import Installation
from tests.faults.steps_count import BOUNDARIES, count
from tests.faults.steps_stage import Seen, Stage
from tests.outside import Outside, Request

RUNS = 6


@pytest.fixture(scope="module")
async def seen(
    running: Installation, world: Outside, tmp_path_factory: pytest.TempPathFactory
) -> Seen:
    return await Stage(running, world, tmp_path_factory.mktemp("steps")).play(RUNS)


async def test_whoever_goes_on_does_what_is_left_and_nothing_else(
    running: Installation, seen: Seen
) -> None:
    assert count(seen, RUNS) == []
    await running.assert_invariants()


# Negative controls: what everybody saw, a little otherwise.


def changed(seen: Seen, spec: str, **to: Any) -> Seen:
    """The first task of that template is different."""
    one = next(task for task in seen.tasks if task["spec_id"] == spec)
    return replace(seen, tasks=[*(t for t in seen.tasks if t is not one), {**one, **to}])


def without(seen: Seen, path: str) -> Seen:
    return replace(seen, requests=[each for each in seen.requests if each.path != path])


def again(seen: Seen, path: str) -> Seen:
    """Asked once more, under another key."""
    one = next(each for each in seen.requests if each.path == path)
    other = Request(one.method, one.path, {"idempotency-key": "another"}, one.body)
    return replace(seen, requests=[*seen.requests, other])


def at(seen: Seen, spec: str, name: str) -> Any:
    return next(task for task in seen.tasks if task["spec_id"] == spec)[name]


def first(seen: Seen, path: str) -> Seen:
    """What was asked for last comes first."""
    mine: Sequence[Request] = [each for each in seen.requests if each.path == path]
    return replace(seen, requests=[*mine, *seen.requests])


DAMAGE: dict[str, Callable[[Seen], Seen]] = {
    "nobody died: before advance": lambda seen: replace(seen, died=seen.died - {"before advance"}),
    "task is running": lambda seen: changed(seen, "note", status="running"),
    "task is completed": lambda seen: changed(seen, "order", status="completed"),
    "task is not there": lambda seen: replace(
        seen, tasks=[task for task in seen.tasks if task["spec_id"] != "pay/compensate"]
    ),
    "task is one too many": lambda seen: replace(
        seen, tasks=[*seen.tasks, {**seen.tasks[0], "spec_id": "more"}]
    ),
    "task is there twice": lambda seen: replace(seen, tasks=[*seen.tasks, seen.tasks[0]]),
    "run is not": lambda seen: changed(seen, "order", run_status="completed"),
    "effect is missing: (3, 'chain', 'late'": lambda seen: without(seen, "/steps/late/3"),
    "effect is missing: (3, 'saga', 'pay/compensate'": lambda seen: without(
        seen, "/steps/undo-pay/3"
    ),
    "effect is missing: (3, 'chain', 'agree/notify": lambda seen: without(
        seen, "/steps/notify/3/created"
    ),
    "effect under other keys: (3, 'chain', 'wait'": lambda seen: again(seen, "/steps/wait/3"),
    "effect under other keys: (3, 'many', 'each', 4": lambda seen: again(seen, "/steps/each/3/4"),
    "effect of no task": lambda seen: replace(seen, noted=[*seen.noted, "another"]),
    "undone in another order": lambda seen: changed(
        seen, "order", finished_at=at(seen, "order/compensate", "started_at")
    ),
    "undone what was not completed": lambda seen: changed(seen, "pay", status="failed"),
    "undone at the same time": lambda seen: changed(
        seen, "pay/compensate", finished_at=at(seen, "order/compensate", "finished_at")
    ),
    "the world saw another order": lambda seen: first(seen, "/steps/undo-order/3"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_what_is_otherwise_is_noticed(seen: Seen, what: str) -> None:
    found = count(DAMAGE[what](seen), RUNS)
    assert any(line.startswith(what) for line in found), found


@pytest.mark.parametrize("sink", ["noted", "stored", "called"])
def test_effects_that_are_gone_are_noticed(seen: Seen, sink: str) -> None:
    nothing: Any = {sink: []}
    found = count(replace(seen, **nothing), RUNS)
    assert [line.split(":")[0] for line in found] == ["effect is missing"] * len(found) != []


def test_every_boundary_is_one_of_those_that_must_be(seen: Seen) -> None:
    died = {each for each in seen.died if not each.startswith("continued")}
    assert died == BOUNDARIES
