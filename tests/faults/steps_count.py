"""The count of runs that take every step: tables and the world outside against what must be.

In: `Seen`. Out: one line per violation. Nothing of the product is used.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.faults.steps_definitions import FIRST_TWO, MANY, WORLD, expected
from tests.faults.steps_stage import Seen

Task = Mapping[str, Any]

PERFORMED = ("http", "python", "sql", "emit", "callback", "compensation", "notification")
CALLED = ("activity", "workflow")
BOUNDARIES = frozenset(
    {
        *(
            f"{side} {step}"
            for side in ("before", "after")
            for step in (
                *("advance", "advance anew", "gather_source", "next_tasks", "close_run"),
                *("make_ready", "skip_tasks", "task_states", "begin_compensation"),
                *(f"perform_task {kind}" for kind in PERFORMED),
                *(f"effect {kind}" for kind in PERFORMED),
                *(f"{step} {kind}" for step in ("call_task", "end_task") for kind in CALLED),
                *(f"fail_task {kind}" for kind in ("http", "compensation")),
                "compensation_failed compensation",
            )
        ),
        "before continuing as new",
    }
)
"""Where the worker must have died."""


def count(seen: Seen, runs: int) -> list[str]:
    """All violations of that many runs."""
    return [
        *(f"nobody died: {boundary}" for boundary in sorted(BOUNDARIES - seen.died)),
        *_ends(seen, runs),
        *_effects(seen),
        *_compensations(seen),
        *_order(seen),
    ]


def _ends(seen: Seen, runs: int) -> Iterator[str]:
    """Each run has the tasks that it must have, each once and ended as it must."""
    by_run = _by(seen.tasks, "n")
    for n in range(runs):
        tasks = by_run.get(n, [])
        ends = {(task["rule"], task["spec_id"], task["item"]): task["status"] for task in tasks}
        wanted = expected(n)
        yield from (f"task is not there: {n} {key}" for key in wanted.keys() - ends.keys())
        yield from (f"task is one too many: {n} {key}" for key in ends.keys() - wanted.keys())
        yield from (
            f"task is {end}: {n} {key}" for key, end in ends.items() if wanted.get(key, end) != end
        )
        if len(ends) != len(tasks):
            yield f"task is there twice: {n}"
        status = "failed" if n in FIRST_TWO else "compensated"
        if {task["run_status"] for task in tasks} != {status}:
            yield f"run is not {status}: {n}"


def _effects(seen: Seen) -> Iterator[str]:
    """What each task does outside is done, and always under the one key of the task."""
    done = _done(seen)
    for task in seen.tasks:
        keys = done.pop(_place(task), None)
        if keys is None:
            if _has_effect(task):
                yield f"effect is missing: {_place(task)}"
        elif len(keys) != 1 or (keys != {_key(task)} and task["kind"] != "activity"):
            yield f"effect under other keys: {_place(task)}"
    yield from (f"effect of no task: {place}" for place in done if place[1])


def _done(seen: Seen) -> dict[tuple[int, str, str, int], set[str]]:
    """By run and task, the keys under which somebody was asked to do it."""
    by_id = {task["task_id"]: task for task in seen.tasks}
    paths = {
        path.format(n=n): (n, *place, 0)
        for path, place in WORLD.items()
        for n in _by(seen.tasks, "n")
    } | {
        f"/steps/each/{n}/{item}": (n, "many", "each", item)
        for n in _by(seen.tasks, "n")
        for item in range(MANY)
    }
    done: defaultdict[tuple[int, str, str, int], set[str]] = defaultdict(set)
    for request in seen.requests:
        if place := paths.get(request.path):
            done[place].add(request.headers["idempotency-key"])
    for id_ in (*seen.noted, *seen.stored):
        task = by_id.get(id_)
        done[_place(task) if task else (-1, "unknown", id_, 0)].add(id_)
    for id_, n in seen.called:
        spec = "child" if id_.startswith("task-") else "charge"
        done[n, "chain", spec, 0].add(id_.removesuffix("-1"))
    return done


def _compensations(seen: Seen) -> Iterator[str]:
    """Exactly what was completed is undone, after it ended, the last one first."""
    by_id = {task["task_id"]: task for task in seen.tasks}
    for (run, rule), tasks in _by(seen.tasks, "run_id", "rule").items():
        undoing = [task for task in tasks if task["role"] == "compensation"]
        undone = [by_id[task["about"]] for task in sorted(undoing, key=_begun)]
        if [_ended(each) for each in undone] != sorted(map(_ended, undone), reverse=True):
            yield f"undone in another order than the reverse: {run} {rule}"
        for task, about in zip(sorted(undoing, key=_begun), undone, strict=True):
            if about["status"] not in {"compensated", "completed"} or _begun(task) < _ended(about):
                yield f"undone what was not completed: {task['task_id']}"
        for one, next_ in pairwise(sorted(undoing, key=_begun)):
            if _begun(next_) < _ended(one):
                yield f"undone at the same time: {run} {rule}"


def _order(seen: Seen) -> Iterator[str]:
    """The world outside saw it in the same order: each for the first time."""
    first: dict[str, int] = {}
    for number, request in enumerate(seen.requests):
        first.setdefault(request.path, number)
    steps = ("order", "pay", "undo-pay", "undo-order")
    for n in _by(seen.tasks, "n"):
        found = [first.get(f"/steps/{step}/{n}", -1) for step in steps]
        if found != sorted(found):
            yield f"the world saw another order: {n}"


def _has_effect(task: Task) -> bool:
    return task["status"] in {"completed", "compensated"} and (
        task["kind"] in {"python", "sql", "activity", "workflow"}
        or (task["rule"], task["spec_id"]) in {*WORLD.values(), ("many", "each")}
    )


def _key(task: Task) -> str:
    return str(task["task_id"])


def _place(task: Task) -> tuple[int, str, str, int]:
    return task["n"], task["rule"], task["spec_id"], task["item"]


def _begun(task: Task) -> Any:
    return task["started_at"]


def _ended(task: Task) -> Any:
    return task["finished_at"]


def _by(tasks: Sequence[Task], *names: str) -> dict[Any, list[Task]]:
    found: defaultdict[Any, list[Task]] = defaultdict(list)
    for task in tasks:
        key = tuple(task[name] for name in names)
        found[key if len(key) > 1 else key[0]].append(task)
    return found
