"""What every ledger of tasks keeps of runs with many: windows, groups, ends of many at once."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.contract.stores import AT, ID, SECOND, Stores, announcement, event, record, spec

from activity_core.core import ids
from activity_core.core.errors import NotFoundError, RejectedError
from activity_core.core.human.log import TIME, Action, LogEntry
from activity_core.core.rules.late import LateWords
from activity_core.core.rules.task_spec import TaskKind, TaskRole, TaskSpec
from activity_core.core.run.run import COMPENSATE, RunFailure, RunStatus
from activity_core.core.run.tally import Tally
from activity_core.core.run.task import (
    NOT_WANTED,
    NewTask,
    TaskClock,
    TaskInstance,
    TaskResult,
    TaskStatus,
)
from activity_core.ports.reading import Query
from activity_core.ports.task_ledger import Finish

DONE = TaskResult(TaskStatus.COMPLETED, "done", outputs={"n": 1})
FAILED = TaskResult(TaskStatus.FAILED, "failed", error="broken\0", error_type="http_500")
SKIPPED = TaskResult(TaskStatus.SKIPPED, "skipped", comment="no\0")


def machine(
    run_id: str, name: str = "do", item: int = 0, *, rule: str = "all", undo: bool = False
) -> TaskSpec:
    each = spec(run_id, name, kind=TaskKind.HTTP, item=item, wait=False)
    task_id = ids.task_id(run_id, rule, name, item)
    return replace(each, rule=rule, task_id=task_id, undo=undo)


def derived(of: TaskSpec, role: TaskRole, suffix: str) -> TaskSpec:
    run_and_name = f"{of.spec_id}{suffix}"
    kind = TaskKind.HUMAN if role is TaskRole.HELP else of.kind
    return replace(
        of,
        task_id=f"{of.task_id}{suffix}",
        spec_id=run_and_name,
        role=role,
        about=of.task_id,
        kind=kind,
        late=True,
        undo=False,
    )


async def end(stores: Stores, each: TaskSpec, result: TaskResult, at: datetime = AT) -> None:
    await stores.task_ledger.finish(each.task_id, result, at, [])


async def left(stores: Stores, after: str = "", limit: int = 100) -> list[tuple[str, int, str]]:
    run_id = stores.run_id(event())
    found = await stores.task_ledger.window(run_id, after, limit)
    return [(task.rule, task.item, task.spec_id) for task in found]


async def compensating(stores: Stores) -> None:
    async with stores.run_control.hold(stores.run_id(event())) as held:
        await held.compensate()


async def test_windows_are_whole_groups_in_order_of_rule_and_item(stores: Stores):
    run_id = stores.run_id(event())
    rules = ("a-b", "a", "aa", "b")
    specs = [
        machine(run_id, name, item, rule=rule)
        for rule in rules
        for item in (10, 2)
        for name in ("x", "y")
    ]
    await stores.recorded(*specs)
    groups = [(rule, item) for rule in sorted(rules) for item in (2, 10)]
    found: list[tuple[str, int]] = []
    after = ""
    while window := await left(stores, after, 3):
        assert len(window) == 4  # the second group is whole
        found += dict.fromkeys((rule, item) for rule, item, _ in window)
        after = f"{window[-1][0]}#{window[-1][1]}"
    assert found == groups


async def test_what_is_over_is_not_left(stores: Stores):
    run_id = stores.run_id(event())
    specs = [machine(run_id, item=item) for item in range(3)]
    await stores.recorded(*specs)
    await end(stores, specs[1], DONE)
    assert [item for _, item, _ in await left(stores)] == [0, 2]
    assert [item for _, item, _ in await left(stores, "all#0")] == [2]


@pytest.mark.parametrize(
    ("wait", "status", "is_left"),
    [
        (True, TaskStatus.READY, True),
        (False, TaskStatus.READY, False),
        (False, TaskStatus.PENDING, True),
    ],
)
async def test_people_whom_nobody_awaits_leave_nothing_once_they_see_it(
    stores: Stores,
    wait: bool,  # noqa: FBT001 - a parameter of the test
    status: TaskStatus,
    is_left: bool,  # noqa: FBT001 - a parameter of the test
):
    await stores.recorded(spec(stores.run_id(event()), wait=wait), status=status)
    assert bool(await left(stores)) is is_left
    await compensating(stores)
    assert await left(stores)  # it is to be taken away


async def test_a_failure_leaves_what_could_be_undone(stores: Stores):
    run_id = stores.run_id(event())
    paid, sent = machine(run_id, "pay", undo=True), machine(run_id, "send")
    other = machine(run_id, "pay", 1, undo=True)
    await stores.recorded(paid, sent, other)
    await end(stores, paid, DONE)
    await end(stores, other, DONE)
    await end(stores, sent, FAILED)
    assert {name for _, item, name in await left(stores) if item == 0} == {"pay", "send"}
    assert {item for _, item, _ in await left(stores)} == {0}
    refund = derived(paid, TaskRole.COMPENSATION, "/compensate")
    await stores.task_ledger.add(run_id, [NewTask(refund, TaskStatus.PENDING)], [], AT)
    assert {name for *_, name in await left(stores)} == {"pay", "send", "pay/compensate"}
    await end(stores, refund, FAILED)
    asked = derived(refund, TaskRole.HELP, "/help")
    await stores.task_ledger.add(run_id, [NewTask(asked, TaskStatus.READY)], [], AT)
    assert await left(stores) == []
    await compensating(stores)
    assert {item for _, item, _ in await left(stores)} == {1}


async def test_a_run_that_is_to_stop_says_so_with_the_states(stores: Stores):
    run_id = stores.run_id(event())
    execution = await stores.recorded(machine(run_id))
    await compensating(stores)
    assert (await stores.task_ledger.states(run_id, [])).stop == COMPENSATE
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        assert [run.stop for run in opened.runs] == [COMPENSATE]


async def test_what_is_added_is_added_once(stores: Stores):
    run_id = stores.run_id(event())
    each = machine(run_id, "pay", undo=True)
    await stores.recorded(each)
    more = derived(each, TaskRole.COMPENSATION, "/compensate")
    for title in ("first", "second"):
        new = NewTask(replace(more, title=title), TaskStatus.PENDING)
        news = [announcement("e1", run_id)]
        await stores.task_ledger.add(run_id, [new], news, AT + SECOND)
        await stores.task_ledger.begin(more.task_id, 1, AT)
    task = await stores.task_ledger.get(more.task_id)
    assert (task.title, task.status, task.late) == ("first", TaskStatus.RUNNING, True)
    assert (task.role, task.about) == (TaskRole.COMPENSATION, each.task_id)
    assert (task.definition_id, task.version) == (ID, 1)
    assert await stores.outgoing() == ["e1"]
    assert (await stores.task_ledger.get(each.task_id)).undo
    with pytest.raises(NotFoundError):
        await stores.task_ledger.add("run-unknown", [new], [], AT)


async def test_a_compensation_that_is_done_turns_its_task(stores: Stores):
    run_id = stores.run_id(event())
    paid, kept = machine(run_id, "pay", undo=True), machine(run_id, "keep", undo=True)
    await stores.recorded(paid, kept)
    for each in (paid, kept):
        await end(stores, each, DONE, AT + SECOND)
    undone = [derived(each, TaskRole.COMPENSATION, "/compensate") for each in (paid, kept)]
    new = [NewTask(each, TaskStatus.PENDING) for each in undone]
    await stores.task_ledger.add(run_id, new, [], AT)
    await end(stores, undone[0], DONE, AT + 5 * SECOND)
    await end(stores, undone[1], FAILED)
    first, second = [await stores.task_ledger.get(each.task_id) for each in (paid, kept)]
    assert (first.status, second.status) == (TaskStatus.COMPENSATED, TaskStatus.COMPLETED)
    assert first.finished_at == AT + SECOND  # when it was done, not undone
    assert first.result is not None
    assert (first.result.outcome, first.result.outputs) == ("done", {"n": 1})


async def test_what_ends_with_another_ends_only_if_that_does(stores: Stores):
    run_id = stores.run_id(event())
    firsts = [machine(run_id, f"do-{number}") for number in range(3)]
    seconds = [spec(run_id, f"look-{number}") for number in range(3)]
    await stores.recorded(*firsts, *seconds)
    await end(stores, firsts[1], FAILED)
    await end(stores, seconds[2], DONE)
    finishes = [
        Finish(
            first.task_id,
            DONE,
            AT,
            [announcement(f"first-{n}", run_id)],
            also=Finish(second.task_id, SKIPPED, AT, [announcement(f"second-{n}", run_id)]),
        )
        for n, (first, second) in enumerate(zip(firsts, seconds, strict=True))
    ]
    ended = await stores.task_ledger.finish_all(finishes)
    assert [task.status for task in ended] == ["completed", "failed", "completed"]
    others = [await stores.task_ledger.get(each.task_id) for each in seconds]
    assert [task.status for task in others] == ["skipped", "ready", "completed"]
    assert await stores.outgoing() == ["first-0", "second-0", "first-2"]
    [line] = await stores.task_desk.log(seconds[0].task_id)
    assert line.action is Action.SKIPPED


async def test_many_end_in_the_same_way_and_only_those_are_told_of(stores: Stores):
    run_id = stores.run_id(event())
    specs = [machine(run_id, item=item) for item in range(3)]
    await stores.recorded(*specs)
    await end(stores, specs[1], DONE)
    said = {each.task_id: announcement(f"e{each.item}", run_id) for each in reversed(specs)}
    for _ in range(2):
        ended = await stores.task_ledger.end(run_id, SKIPPED, AT + SECOND, said, ring=True)
        await stores.task_ledger.end("run-unknown", SKIPPED, AT, {})
    assert ended == []
    assert await stores.outgoing() == ["e2", "e0"]
    assert len(await stores.run_queue.take_signals(9)) == 1
    tasks = await stores.task_ledger.some([each.task_id for each in specs])
    results = {task.item: task.result for task in tasks}
    assert results[1] == DONE
    assert results[0] == results[2]
    assert results[0] is not None
    assert (results[0].status, results[0].outcome) == (TaskStatus.SKIPPED, "skipped")
    assert results[0].comment.startswith("no")


async def test_the_log_of_a_human_task_tells_what_ended_it(stores: Stores):
    run_id = stores.run_id(event())
    person, automated = spec(run_id, kind=TaskKind.HUMAN), machine(run_id, item=1)
    await stores.recorded(person, automated)
    said = {each.task_id: announcement(f"e{each.item}", run_id) for each in (person, automated)}
    for _ in range(2):
        await stores.task_ledger.end(run_id, SKIPPED, AT, said)
    [line] = await stores.task_desk.log(person.task_id)
    assert line == LogEntry(Action.SKIPPED, AT, TIME, comment=line.comment)
    assert line.comment.startswith("no")
    assert await stores.task_desk.log(automated.task_id) in ([], ())


async def test_open_tasks_are_the_first_in_a_status(stores: Stores):
    run_id = stores.run_id(event())
    specs = [machine(run_id, item=item) for item in (3, 1, 2)]
    await stores.recorded(*specs, status=TaskStatus.PENDING)
    await stores.task_ledger.begin(specs[1].task_id, 1, AT)
    pending = [TaskStatus.PENDING]
    found = await stores.task_ledger.open_tasks(run_id, pending, 1)
    assert [task.item for task in found] == [2]
    both = [*pending, TaskStatus.RUNNING]
    found = await stores.task_ledger.open_tasks(run_id, both, 9)
    assert [task.item for task in found] == [1, 2, 3]


async def test_tallies_count_what_did_not_come_to_its_end(stores: Stores):
    run_id = stores.run_id(event())
    specs = [machine(run_id, item=item, undo=True) for item in range(6)]
    await stores.recorded(*specs, spec(run_id, "look"))
    await end(stores, specs[0], DONE)
    for each in specs[1:]:
        await end(stores, each, FAILED)
    refund = derived(specs[5], TaskRole.COMPENSATION, "/compensate")
    await stores.task_ledger.add(run_id, [NewTask(refund, TaskStatus.PENDING)], [], AT)
    await end(stores, refund, FAILED)
    failed = TaskStatus.FAILED
    task_ids = [each.task_id for each in specs]
    tallies = list(await stores.task_ledger.tallies(run_id))
    assert tallies == [
        Tally("all", "do", TaskRole.TASK, failed, "failed", False, 4, task_ids[1:4]),
        Tally("all", "do", TaskRole.TASK, failed, "failed", True, 1, task_ids[5:]),
        Tally(
            "all",
            "do/compensate",
            TaskRole.COMPENSATION,
            failed,
            "failed",
            True,
            1,
            [refund.task_id],
        ),
    ]


async def test_the_type_of_a_failure_is_kept(stores: Stores):
    each = machine(stores.run_id(event()))
    await stores.recorded(each)
    await end(stores, each, FAILED)
    task = await stores.task_ledger.get(each.task_id)
    assert task.result is not None
    assert (task.result.error_type, task.finished_at) == ("http_500", AT)


async def test_the_first_wait_for_an_answer_stays(stores: Stores):
    each = machine(stores.run_id(event()))
    await stores.recorded(each)
    await stores.task_ledger.begin(each.task_id, 1, AT)
    for seconds in (60, 90):
        until = AT + timedelta(seconds=seconds)
        task = await stores.task_ledger.wait(each.task_id, until)
        assert task.waits_until == AT + timedelta(seconds=60)
    assert (await stores.task_ledger.begin(each.task_id, 2, AT)).waits_until is not None
    with pytest.raises(NotFoundError):
        await stores.task_ledger.wait("task-unknown", AT)


async def test_the_first_words_of_a_late_task_stay(stores: Stores):
    each = replace(spec(stores.run_id(event())), late=True, title="look")
    await stores.recorded(each, status=TaskStatus.PENDING)
    clock = TaskClock(due_at=AT + SECOND)
    words = LateWords("Look\0 here", {"n": ["\0"]}, "ann", ("a", "b"), clock)
    await stores.task_ledger.render(each.task_id, words)
    task = await stores.task_ledger.render(each.task_id, LateWords("Other", {}))
    assert (task.title[:4], task.inputs, task.late) == ("Look", {"n": ["\0"]}, False)
    assert (task.assignee, list(task.groups), task.clock) == ("ann", ["a", "b"], clock)
    assert task.status is TaskStatus.PENDING
    assert await stores.task_ledger.get(task.task_id) == task
    with pytest.raises(NotFoundError):
        await stores.task_ledger.render("task-unknown", words)


async def test_a_group_is_one_rule_and_item(stores: Stores):
    run_id = stores.run_id(event())
    mine = [machine(run_id, name, 1) for name in ("a", "b")]
    await stores.recorded(*mine, machine(run_id, "a", 2), machine(run_id, "a", 1, rule="other"))
    found = await stores.task_ledger.group(run_id, "all", 1)
    assert [task.task_id for task in found] == sorted(each.task_id for each in mine)


async def test_notifications_wait_for_the_starter_once(stores: Stores):
    run_id = stores.run_id(event())
    each = spec(run_id)
    await stores.recorded(each, status=TaskStatus.PENDING)
    notice = replace(derived(each, TaskRole.NOTIFICATION, "/notify/0"), kind=TaskKind.MAIL)
    new = [NewTask(notice, TaskStatus.READY)]
    for _ in range(2):
        news = [announcement("e1", run_id)]
        await stores.task_ledger.make_ready({each.task_id: TaskClock()}, AT, new, news)
    waiting = await stores.run_queue.take_tasks(9)
    assert [task.task_id for task in waiting] == [notice.task_id]
    assert await stores.outgoing() == ["e1"]
    assert await left(stores) == [("all", 0, "look")]


async def test_a_move_that_is_none_is_refused(stores: Stores):
    """Nothing of ours asks for it; whoever does, by mistake, is told."""
    each = spec(stores.run_id(event()))
    await stores.recorded(each)
    await end(stores, each, DONE)
    with pytest.raises(RejectedError, match="cannot become ready from completed"):
        await reopened(stores, each.task_id)
    items = (await stores.reading.tasks(Query())).items
    assert [item["status"] for item in items] == ["completed"]


async def reopened(stores: Stores, task_id: str) -> None:
    async with stores.task_desk.open(task_id) as desk:
        task: TaskInstance = replace(desk.task, status=TaskStatus.READY, result=None)
        await desk.write(task, LogEntry(Action.RETURNED, AT, "ann"), [])


async def test_a_retry_opens_what_failed_or_was_given_up_and_nothing_that_was_undone(
    stores: Stores,
):
    run_id = stores.run_id(event())
    waited, given_up = machine(run_id, "ask"), machine(run_id, "look")
    paid, sent = machine(run_id, "pay", 1, undo=True), machine(run_id, "send", 1)
    unwanted = machine(run_id, "no", 2)
    await stores.recorded(waited, given_up, paid, sent, unwanted)
    await stores.task_ledger.begin(waited.task_id, 1, AT)
    await stores.task_ledger.wait(waited.task_id, AT + SECOND)
    for each, result in (
        (waited, FAILED),
        (given_up, TaskResult(TaskStatus.CANCELLED, "cancelled")),
        (paid, DONE),
        (sent, FAILED),
        (unwanted, TaskResult(TaskStatus.SKIPPED, NOT_WANTED)),
    ):
        await end(stores, each, result)
    refund = derived(paid, TaskRole.COMPENSATION, "/compensate")
    await stores.task_ledger.add(run_id, [NewTask(refund, TaskStatus.PENDING)], [], AT)
    await end(stores, refund, DONE)
    failure = RunFailure("task_failed", "not successful")
    await stores.run_ledger.close(run_id, RunStatus.FAILED, failure, AT, [])
    async with stores.run_control.hold(run_id) as held:
        await held.retry(AT)
    specs = (waited, given_up, paid, sent, unwanted, refund)
    tasks = [await stores.task_ledger.get(each.task_id) for each in specs]
    assert [task.status for task in tasks] == [
        TaskStatus.PENDING,
        TaskStatus.PENDING,
        TaskStatus.COMPENSATED,
        TaskStatus.FAILED,
        TaskStatus.SKIPPED,
        TaskStatus.COMPLETED,
    ]
    again = tasks[0]
    assert (again.waits_until, again.result, again.finished_at) == (None, None, None)


async def test_some_end_each_in_its_own_way_and_the_first_end_stays(stores: Stores):
    run_id = stores.run_id(event())
    specs = [machine(run_id, name) for name in ("a", "b", "c")]
    await stores.recorded(*specs)
    a, b, c = (each.task_id for each in specs)
    await stores.task_ledger.finish(c, SKIPPED, AT, [announcement("c1", run_id)])
    ends = [
        Finish(b, FAILED, AT, [announcement("b1", run_id)], ring=True),
        Finish(a, DONE, AT + SECOND, [announcement("a1", run_id), announcement("a2", run_id)]),
        Finish(c, DONE, AT, [announcement("c2", run_id)], ring=True),
        Finish(b, DONE, AT, [announcement("b2", run_id)], ring=True),
    ]
    found = await stores.task_ledger.finish_all(ends)
    assert [(task.task_id, task.status) for task in found] == [
        (b, TaskStatus.FAILED),
        (a, TaskStatus.COMPLETED),
        (c, TaskStatus.SKIPPED),
        (b, TaskStatus.FAILED),
    ]
    assert [await stores.task_ledger.get(task.task_id) for task in found] == list(found)
    assert await stores.outgoing() == ["c1", "b1", "a1", "a2"]
    assert len(await stores.run_queue.take_signals(9)) == 1


async def test_some_of_several_runs_end_together(stores: Stores):
    specs = []
    for number in ("1", "2"):
        execution = await stores.execution(event(number))
        async with stores.run_ledger.open(execution.execution_id, AT) as opened:
            [run] = opened.runs
            specs.append(machine(run.run_id))
            await opened.record(
                [record(run, RunStatus.RUNNING, tasks=[NewTask(specs[-1], TaskStatus.READY)])], AT
            )
    ends = [Finish(each.task_id, DONE, AT, ring=True) for each in specs]
    found = await stores.task_ledger.finish_all(ends)
    assert [task.status for task in found] == [TaskStatus.COMPLETED] * 2
    assert len(await stores.run_queue.take_signals(9)) == 2


async def test_none_ends_if_one_of_them_is_not_there(stores: Stores):
    each = machine(stores.run_id(event()))
    await stores.recorded(each)
    ends = [Finish(each.task_id, DONE, AT, [announcement("e1")]), Finish("task-no", DONE, AT)]
    with pytest.raises(NotFoundError):
        await stores.task_ledger.finish_all(ends)
    assert (await stores.task_ledger.get(each.task_id)).status is not TaskStatus.COMPLETED
    assert await stores.outgoing() == []
