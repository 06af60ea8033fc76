"""What every reading shows people of their tasks, in the order in which they are due."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contract.stores import AT, Stores, event, record, spec

from activity_core.core.errors import BadInputError
from activity_core.core.human.log import Action, LogEntry
from activity_core.core.rules.task_spec import TaskKind, TaskSpec
from activity_core.core.run.run import RunStatus
from activity_core.core.run.task import NewTask, TaskClock, TaskResult, TaskStatus
from activity_core.ports.reading import Query

DONE = TaskResult(TaskStatus.COMPLETED, "done")


async def prepare(stores: Stores, *tasks: tuple[TaskSpec, int | None]) -> list[str]:
    """Ready tasks, each due after so many minutes."""
    execution = await stores.execution()
    new = [
        NewTask(
            each,
            TaskStatus.READY,
            TaskClock(due_at=None if due is None else AT + timedelta(minutes=due)),
        )
        for each, due in tasks
    ]
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        await opened.record([record(opened.runs[0], RunStatus.RUNNING, tasks=new)], AT)
    return [each.task_id for each, _ in tasks]


async def shown(stores: Stores, **filters: str) -> list[object]:
    page = await stores.reading.task_inbox(Query(filters))
    return [item["spec_id"] for item in page.items]


async def change(stores: Stores, task_id: str, **how: object) -> None:
    async with stores.task_desk.open(task_id) as opened:
        task = replace(opened.task, **how)  # type: ignore[arg-type]
        await opened.write(task, LogEntry(Action.COMMENTED, AT, "ann"), [])


async def test_what_is_due_first_comes_first_and_what_never_is_last(stores: Stores):
    run_id = stores.run_id(event())
    ids = await prepare(
        stores,
        (spec(run_id, "never", groups=("g", "h", "g")), None),
        (spec(run_id, "late", groups=("g",)), 9),
        (spec(run_id, "soon", groups=("g",), assignee="ann"), 1),
        (spec(run_id, "other", groups=("h",)), 5),
        (spec(run_id, "nobody"), 7),
        (spec(run_id, "machine", kind=TaskKind.HTTP, groups=("g",)), 0),
    )
    assert await shown(stores) == ["soon", "other", "nobody", "late", "never"]
    assert await shown(stores, group="g") == ["soon", "late", "never"]
    assert await shown(stores, group="h") == ["other", "never"]
    assert await shown(stores, assignee="ann", group="g") == ["soon"]
    assert await shown(stores, assignee="ann", group="h") == []
    assert await shown(stores, definition_id="another") == []
    page = await stores.reading.task_inbox(Query({"group": "g"}))
    assert page.items[0] == await stores.reading.task(ids[2])


async def test_only_what_can_be_done_now_is_there(stores: Stores):
    run_id = stores.run_id(event())
    specs = [spec(run_id, name, groups=("g",)) for name in ("a", "b", "c", "d", "e")]
    ids = await prepare(stores, *((each, at) for at, each in enumerate(specs)))
    await change(stores, ids[0], status=TaskStatus.COMPLETED, result=DONE)
    await change(stores, ids[1], status=TaskStatus.CLAIMED, claimed_by="ann")
    await change(stores, ids[2], groups=("h",), assignee="bob")
    await change(stores, ids[3], clock=TaskClock(due_at=AT - timedelta(days=1)))
    await stores.task_ledger.finish(ids[4], DONE, AT, [])
    assert await shown(stores, group="g") == ["d", "b"]
    assert await shown(stores, group="h") == await shown(stores, assignee="bob") == ["c"]
    assert await shown(stores, claimed_by="ann") == ["b"]
    await change(stores, ids[1], status=TaskStatus.READY, claimed_by=None)
    assert await shown(stores, claimed_by="ann") == []
    assert await shown(stores) == ["d", "b", "c"]


async def test_what_others_have_to_do_first_is_not_there_yet(stores: Stores):
    each = spec(stores.run_id(event()), groups=("g",))
    await stores.recorded(each, status=TaskStatus.PENDING)
    assert await shown(stores, group="g") == []


async def test_pages_go_on_where_the_last_one_ended(stores: Stores):
    run_id = stores.run_id(event())
    dues: Sequence[int | None] = [3, 1, None, 1, None, 2, 1]
    specs = [spec(run_id, f"s{at}", groups=("g",)) for at in range(len(dues))]
    ids = await prepare(stores, *zip(specs, dues, strict=True))
    found, cursor = [], None
    while True:
        page = await stores.reading.task_inbox(Query({"group": "g"}, limit=2, cursor=cursor))
        found += [str(item["task_id"]) for item in page.items]
        if cursor is None:  # what is done meanwhile moves nothing
            await change(stores, found[0], status=TaskStatus.COMPLETED, result=DONE)
        cursor = page.next
        if cursor is None:
            break
    far = max(due or 0 for due in dues) + 1
    order = sorted(zip(dues, ids, strict=True), key=lambda pair: (pair[0] or far, pair[1]))
    assert found == [task_id for _, task_id in order]


async def test_what_cannot_be_asked(stores: Stores):
    for query in (Query({"status": "ready"}), Query(cursor="x"), Query(limit=0)):
        with pytest.raises(BadInputError):
            await stores.reading.task_inbox(query)
