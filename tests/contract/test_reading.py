"""What every reading says, and how it pages."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from tests.contract.slots import fires, holds, plan, run_of, settled, skips, write
from tests.contract.stores import (
    AT,
    ID,
    LEASE,
    SECOND,
    Stores,
    announcement,
    definition,
    event,
    fired,
    member,
    record,
    record_batch,
    routing,
    said,
    spec,
)
from tests.contract.test_dead_letters import LETTER
from tests.contract.test_refusals import REFUSAL

from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.errors import AmbiguousError, BadInputError, NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.flow.group import Group, Settled, Stage
from activity_core.core.run.run import Execution, RunFailure, RunStatus
from activity_core.core.run.task import NewTask, TaskResult, TaskStatus
from activity_core.core.schedule.gap import Gap
from activity_core.core.schedule.settlement import SlotDecision, SlotRun
from activity_core.ports.dead_letters import DeadLetterStatus
from activity_core.ports.flow import Decided
from activity_core.ports.reading import Page, Query, Reading, Row
from activity_core.ports.refusals import Refusal
from activity_core.ports.run_queue import ManualRequest

NOON = "2026-01-01T12:00:00Z"
LISTS: dict[str, Callable[[Reading, Query], Awaitable[Page]]] = {
    "events": lambda reading, query: reading.events(query),
    "runs": lambda reading, query: reading.runs(query),
    "tasks": lambda reading, query: reading.tasks(query),
    "decisions": lambda reading, query: reading.decisions(query),
    "dead_letters": lambda reading, query: reading.dead_letters(query),
    "refusals": lambda reading, query: reading.refusals(query),
}
TIMES = ("received_at", "fired_at", "created_at", "decided_at", "buried_at", "refused_at")
every_list = pytest.mark.parametrize("name", LISTS)


async def names(page: Awaitable[Page], field: str) -> list[object]:
    return [item[field] for item in (await page).items]


async def ids_of(stores: Stores, **filters: str) -> list[object]:
    return await names(stores.reading.events(Query(filters)), "id")


async def test_the_emitter_of_an_event_of_ours(stores: Stores):
    [run_id] = await stores.fire(event("1"))
    news = announcement("e1", run_id)
    assert await stores.run_ledger.close(run_id, RunStatus.CANCELLED, None, AT, [news])
    assert await stores.reading.emitter("e1") == run_id
    assert await stores.reading.emitter("e2") is None


async def fill(stores: Stores, count: int) -> None:
    """So many rows for every list; the first ones at the same time, the others one by one."""
    for n in range(count):
        at = AT + max(0, n - count // 2) * SECOND
        await stores.fire(event(str(n)), at=at)
        [execution] = await stores.compose(at=at)
        async with stores.run_ledger.open(execution.execution_id, at) as opened:
            new = NewTask(spec(execution.runs[0]), TaskStatus.READY)
            await opened.record([record(opened.runs[0], tasks=[new])], at)
        letter = replace(LETTER, dead_letter_id=f"{n:032}", buried_at=at)
        await stores.dead_letters.bury(letter)
        await stores.refusals.record([replace(REFUSAL, event_id=f"e{n}", refused_at=at)])


def identity(row: Row) -> str:
    for field in ("task_id", "event_type", "dead_letter_id"):
        if field in row:
            return str(row["event_id" if field == "event_type" else field])
    return str(row.get("run_id") or row["id"])


@every_list
async def test_pages_hold_everything_once_newest_first(stores: Stores, name: str):
    await fill(stores, 9)
    seen: list[Row] = []
    cursor: str | None = None
    for _ in range(5):
        page = await LISTS[name](stores.reading, Query(limit=2, cursor=cursor))
        seen += page.items
        cursor = page.next
    assert (len(seen), cursor) == (9, None)
    assert len({identity(row) for row in seen}) == 9
    whole = await LISTS[name](stores.reading, Query())
    assert (list(whole.items), whole.next) == (seen, None)
    times = [next(str(row[field]) for field in TIMES if field in row) for row in seen]
    assert times == sorted(times, reverse=True)


@every_list
async def test_what_comes_while_paging_disturbs_nothing(stores: Stores, name: str):
    await fill(stores, 4)
    first = await LISTS[name](stores.reading, Query(limit=2))
    await stores.fire(event("late"), at=AT + 99 * SECOND)
    second = await LISTS[name](stores.reading, Query(limit=2, cursor=first.next))
    assert len({identity(row) for row in (*first.items, *second.items)}) == 4
    assert second.next is None


@every_list
async def test_an_empty_list(stores: Stores, name: str):
    page = await LISTS[name](stores.reading, Query())
    assert (list(page.items), page.next) == ([], None)


@every_list
@pytest.mark.parametrize("cursor", ["", "x", "bm9uc2Vuc2U=", "W10=", "WzEsMl0=", "\u00fc"])
async def test_unknown_cursors_are_bad_input(stores: Stores, name: str, cursor: str):
    with pytest.raises(BadInputError):
        await LISTS[name](stores.reading, Query(cursor=cursor))


@every_list
async def test_unknown_filters_and_limits_are_bad_input(stores: Stores, name: str):
    for query in (Query({"colour": "red"}), Query(limit=0), Query(limit=1_001)):
        with pytest.raises(BadInputError):
            await LISTS[name](stores.reading, query)


@every_list
async def test_a_filter_may_hold_anything(stores: Stores, name: str):
    field = {
        "events": "type",
        "runs": "status",
        "tasks": "status",
        "decisions": "outcome",
        "dead_letters": "status",
        "refusals": "sender",
    }[name]
    await fill(stores, 1)
    for odd in ("\0", "' or 1=1 --", "\ud800", "x" * 10_000, ""):
        assert list((await LISTS[name](stores.reading, Query({field: odd}))).items) == []


async def test_events_by_source_type_and_id(stores: Stores):
    await stores.accept(
        event("a"), event("b", source="/other"), event("b"), event("c", type_="order.paid")
    )
    assert sorted(await ids_of(stores, source="/shop")) == ["a", "b", "c"]  # type: ignore[type-var]
    assert await ids_of(stores, type="order.paid") == ["c"]
    assert await ids_of(stores, id="b", source="/other") == ["b"]
    assert await ids_of(stores, id="b", type="order.paid") == []


async def test_an_event_in_every_state(stores: Stores):
    await stores.publish(definition())
    await stores.accept(event("routed"), event("unmatched"), event("buried"))
    async with stores.inbox.take(9) as batch:
        routed, unmatched, buried = batch.events
        decided = Decided([fired(routed)])
        await batch.record([routing(each, decided) for each in (routed, unmatched)], decided, AT)
        await batch.bury(buried, "broken", "it is", AT)
    await stores.accept(event("pending"), at=AT + SECOND)
    items = (await stores.reading.events(Query())).items
    states = {str(item["id"]): item["state"] for item in items}
    assert states == {name: name for name in ("routed", "unmatched", "buried", "pending")}
    for name in states:
        assert (await stores.reading.event(None, name))["state"] == name


async def test_an_event_is_shown_whole(stores: Stores):
    await stores.publish(definition())
    full = EventEnvelope.from_json(
        {
            "specversion": "1.0",
            "id": "1",
            "source": "/shop",
            "type": "order.created",
            "subject": "order-1",
            "time": "2026-01-01T11:59:59.25Z",
            "data": {"n": "\0"},
            "causationdepth": 1,
        }
    )
    await stores.accept(full)
    item = {
        "source": "/shop",
        "id": "1",
        "type": "order.created",
        "subject": "order-1",
        "time": "2026-01-01T11:59:59.250000Z",
        "received_at": NOON,
        "via": "http",
    }
    assert (await stores.reading.events(Query())).items == [item | {"state": "pending"}]
    told = await stores.reading.event("/shop", "1")
    assert told == item | {
        "state": "pending",
        "envelope": full.to_json(),
        "routing": None,
        "decisions": [],
    }
    await stores.route(at=AT + SECOND)
    told = await stores.reading.event("/shop", "1")
    occurrence = ids.occurrence_of_event("/shop", "1")
    assert told["routing"] == {
        "revision": 1,
        "listened": 1,
        "counts": {"fired": 1},
        "routed_at": "2026-01-01T12:00:01Z",
    }
    decision = {
        "definition_id": ID,
        "version": 1,
        "outcome": "fired",
        "reason": "",
        "trace": None,
        "occurrence_key": occurrence,
        "run_id": ids.run_id(stores.tenant, ID, occurrence),
        "source": "/shop",
        "event_id": "1",
        "slot": None,
        "lag_seconds": None,
        "backfill_id": None,
        "replay_id": None,
        "decided_at": "2026-01-01T12:00:01Z",
    }
    assert told["decisions"] == [decision]
    assert (await stores.reading.decisions(Query())).items == [decision]


async def test_an_id_that_several_sources_sent_is_ambiguous(stores: Stores):
    await stores.accept(event(source="/a"), event(source="/b"))
    with pytest.raises(AmbiguousError) as caught:
        await stores.reading.event(None, "1")
    assert "/a" in str(caught.value)
    assert "/b" in str(caught.value)
    assert (await stores.reading.event("/b", "1"))["source"] == "/b"


@pytest.mark.parametrize("unknown", ["unknown", "\0", "\ud800", "x" * 10_000])
async def test_unknown_ids_are_not_found(stores: Stores, unknown: str):
    await stores.accept(event())
    reading = stores.reading
    with pytest.raises(NotFoundError):
        await reading.event(None, unknown)
    with pytest.raises(NotFoundError):
        await reading.event(unknown, "1")
    with pytest.raises(NotFoundError):
        await reading.run(unknown)
    with pytest.raises(NotFoundError):
        await reading.task(unknown)


async def test_runs_by_definition_status_and_event(stores: Stores):
    await stores.publish(definition(), definition("other"))
    a, b = await stores.fire(event("a"), event("b"))
    await stores.accept(event("b", source="/other"))
    await stores.route(definition_id="other")
    await stores.run_ledger.close(a, RunStatus.CANCELLED, None, AT, [])

    async def found(**filters: str) -> set[object]:
        return set(await names(stores.reading.runs(Query(filters)), "run_id"))

    other = stores.run_id(event("b", source="/other"), "other")
    assert await found() == {a, b, other}
    assert await found(definition_id=ID) == {a, b}
    assert await found(status="cancelled") == {a}
    assert await found(event_id="b") == {b, other}
    assert await found(source="/shop") == {a, b}
    assert await found(source="/shop", event_id="b") == {b}
    assert await found(source="/other", event_id="a") == set()
    assert await found(source="/shop", event_id="b", definition_id="other") == set()


async def test_a_run_is_shown_whole(stores: Stores):
    [run_id] = await stores.fire(event())
    occurrence = ids.occurrence_of_event("/shop", "1")
    item: dict[str, object] = {
        "run_id": run_id,
        "definition_id": ID,
        "version_used": 1,
        "occurrence_key": occurrence,
        "trigger": "event",
        "status": "pending",
        "attempt": 1,
        "workflow_id": None,
        "scheduled_for": None,
        "lag_seconds": None,
        "gap": None,
        "fired_at": NOON,
        "started_at": None,
        "finished_at": None,
        "failure": None,
        "events": [{"source": "/shop", "id": "1"}],
        "events_forgotten": 0,
        "tasks_spawned": [],
        "context_hash": None,
        "rerun_of": None,
        "case_id": None,
        "timer": None,
        "stop": "",
    }
    assert (await stores.reading.runs(Query())).items == [item]
    nothing: Any = {"input": None, "context_snapshot": None, "rules": None, "log": []}
    decisions = (await stores.reading.decisions(Query())).items
    assert await stores.reading.run(run_id) == item | nothing | {
        "tasks": [],
        "events_out": [],
        "decisions": decisions,
    }
    [execution] = await stores.compose()
    specs = [spec(run_id, "b"), spec(run_id, "a", item=1), spec(run_id, "a", item=0)]
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        new = [NewTask(each, TaskStatus.READY) for each in specs]
        news = [announcement("e1", run_id), announcement("e2", run_id)]
        await opened.record(
            [record(opened.runs[0], RunStatus.RUNNING, tasks=new, announcements=news)], AT
        )
    async with stores.outbox.take(1, AT) as batch:
        await batch.settle([batch.rows[0].position], [])
    failure = RunFailure("task_failed", "1 of 3 tasks failed")
    await stores.run_ledger.close(run_id, RunStatus.FAILED, failure, AT + 2 * SECOND, [])
    item |= {
        "status": "failed",
        "workflow_id": execution.workflow_id,
        "started_at": NOON,
        "finished_at": "2026-01-01T12:00:02Z",
        "failure": {"code": "task_failed", "message": "1 of 3 tasks failed"},
        "tasks_spawned": [specs[2].task_id, specs[1].task_id, specs[0].task_id],
        "context_hash": "ab" * 32,
    }
    assert (await stores.reading.runs(Query())).items == [item]
    outgoing = {
        "type": "activity-core.task.created.v1",
        "subject": "task-1",
        "created_at": NOON,
    }
    assert await stores.reading.run(run_id) == item | {
        "log": [],
        "input": None,
        "context_snapshot": {"invoices": []},
        "rules": [{"rule": "all", "evaluated": 1, "matched": 1, "tasks": 3}],
        "tasks": [await stores.reading.task(str(id_)) for id_ in item["tasks_spawned"]],  # type: ignore[attr-defined]
        "events_out": [
            outgoing | {"event_id": "e1", "sent": True},
            outgoing | {"event_id": "e2", "sent": False},
        ],
        "decisions": decisions,
    }


async def test_a_retried_run_is_shown_with_its_newest_workflow(stores: Stores):
    execution = await stores.recorded()
    [run_id] = execution.runs
    failure = RunFailure("task_failed", "broken")
    await stores.run_ledger.close(run_id, RunStatus.FAILED, failure, AT, [])
    await stores.retry(run_id, AT)
    await stores.run_queue.compose(
        9,
        lambda pending: [Execution("y" * 32, "again", (pending[0].run_id,))],
        at=AT,
        lease=LEASE,
    )
    run = await stores.reading.run(run_id)
    assert (run["workflow_id"], run["attempt"], run["status"]) == ("again", 2, "pending")


async def test_a_run_shows_all_decisions_that_name_it(stores: Stores):
    await stores.publish(definition())
    occurrence = ids.occurrence_of_dedupe_key("order-7")
    for n in range(3):
        await stores.accept(event(str(n)))
        async with stores.inbox.take(9) as batch:
            [each] = batch.events
            await record_batch(batch, fired(each, occurrence=occurrence), at=AT + n * SECOND)
    run = await stores.reading.run(ids.run_id(stores.tenant, ID, occurrence))
    told = run["decisions"]
    assert isinstance(told, list)
    assert [(row["event_id"], row["outcome"]) for row in told] == [  # type: ignore[index,call-overload]
        ("0", "fired"),
        ("1", "deduplicated"),
        ("2", "deduplicated"),
    ]


async def test_a_task_is_shown_whole(stores: Stores):
    run_id = stores.run_id(event())
    each = spec(run_id, groups=("a", "b"), assignee="ann", inputs={"form": {"n": "\0"}})
    await stores.recorded(each)
    item = {
        "task_id": each.task_id,
        "run_id": run_id,
        "definition_id": ID,
        "version": 1,
        "rule": "all",
        "spec_id": "look",
        "item": 0,
        "kind": "human",
        "title": "Look",
        "status": "ready",
        "inputs": {"form": {"n": "\0"}},
        "needs": [],
        "assignee": "ann",
        "groups": ["a", "b"],
        "wait": True,
        "due_at": None,
        "follow_up_at": None,
        "claimed_by": None,
        "revision": 0,
        "role": "task",
        "about": None,
        "late": False,
        "outcome": None,
        "outputs": None,
        "error": None,
        "error_type": None,
        "comment": None,
        "completed_by": None,
        "created_at": NOON,
        "started_at": None,
        "finished_at": None,
        "attempts": 0,
    }
    assert await stores.reading.task(each.task_id) == item
    assert (await stores.reading.tasks(Query())).items == [item]
    result = TaskResult(TaskStatus.COMPLETED, "done", {"n": 1.5}, comment="fine", by="bob")
    await stores.task_ledger.finish(each.task_id, result, AT + SECOND, [])
    assert await stores.reading.task(each.task_id) == item | {
        "status": "completed",
        "outcome": "done",
        "outputs": {"n": 1.5},
        "error": "",
        "error_type": "",
        "comment": "fine",
        "completed_by": "bob",
        "finished_at": "2026-01-01T12:00:01Z",
        "revision": 1,
    }


async def test_tasks_by_run_definition_status_assignee_and_group(stores: Stores):
    run_id = stores.run_id(event())
    specs = [
        spec(run_id, "a", groups=("x", "y")),
        spec(run_id, "b", groups=("y",), assignee="ann"),
        spec(run_id, "c"),
    ]
    await stores.recorded(*specs)
    await stores.task_ledger.begin(specs[2].task_id, 1, AT)

    async def found(**filters: str) -> set[object]:
        return set(await names(stores.reading.tasks(Query(filters)), "spec_id"))

    assert await found(run_id=run_id) == {"a", "b", "c"}
    assert await found(run_id="run-unknown") == set()
    assert await found(definition_id=ID) == {"a", "b", "c"}
    assert await found(status="running") == {"c"}
    assert await found(assignee="ann") == {"b"}
    assert await found(group="y") == {"a", "b"}
    assert await found(group="x", assignee="ann") == set()
    assert await found(kind="human", open="true") == {"a", "b", "c"}
    assert await found(kind="http") == await found(open="false") == set()
    assert await found(claimed_by="ann") == set()


async def test_decisions_by_definition_outcome_and_occurrence(stores: Stores):
    await stores.publish(definition(), definition("other"))
    await stores.accept(event("a"))
    async with stores.inbox.take(9) as batch:
        [each] = batch.events
        skipped = said(each, Outcome.SKIPPED, "paused by ann", definition_id="other")
        await record_batch(batch, fired(each), settled=[skipped])
    await stores.run_queue.submit(ManualRequest(ID, 1, "m.1", {}, "ann"), AT)

    async def found(**filters: str) -> set[object]:
        items = (await stores.reading.decisions(Query(filters))).items
        return {(item["definition_id"], item["outcome"], item["event_id"]) for item in items}

    manual, routed, paused = (ID, "fired", None), (ID, "fired", "a"), ("other", "skipped", "a")
    assert await found() == {manual, routed, paused}
    assert await found(definition_id="other") == {paused}
    assert await found(outcome="fired") == {manual, routed}
    assert await found(occurrence_key="m.1") == {manual}
    assert await found(occurrence_key="m.1", outcome="skipped") == set()


async def test_a_decision_says_what_flow_control_knew(stores: Stores):
    await stores.publish(definition())
    await stores.accept(event("a"))
    async with stores.inbox.take(9) as batch:
        [each] = batch.events
        keyed = replace(member(each), parts=("paid",), keys={Stage.ORDER: '{"a":[1]}'})
        held = ID, Settled(Group((keyed,)), Outcome.HELD, "waits")
        await record_batch(batch, settled=[held])
    [decision] = (await stores.reading.decisions(Query())).items
    assert decision["trace"] == {"parts": ["paid"], "keys": {"order": {"a": [1]}}}


@pytest.mark.parametrize(
    ("since", "until", "keys"),
    [
        (None, None, ["m.2", "m.1", "m.0"]),
        (AT + SECOND, None, ["m.2", "m.1"]),
        (None, AT + SECOND, ["m.0"]),
        (AT + SECOND, AT + 2 * SECOND, ["m.1"]),
        (AT + 3 * SECOND, AT, []),
    ],
)
async def test_a_list_between_two_instants(
    stores: Stores, since: datetime | None, until: datetime | None, keys: list[str]
):
    await stores.publish(definition())
    for n in range(3):
        await stores.run_queue.submit(ManualRequest(ID, 1, f"m.{n}", {}, "ann"), AT + n * SECOND)
    bounded = Query(since=since, until=until)
    for listed in (stores.reading.decisions, stores.reading.runs):
        assert await names(listed(bounded), "occurrence_key") == keys
        first = await listed(replace(bounded, limit=1))
        if first.next:
            rest = listed(replace(bounded, cursor=first.next))
            assert await names(rest, "occurrence_key") == keys[1:]


async def test_dead_letters_by_status_via_code_and_source(stores: Stores):
    await fill(stores, 3)
    await stores.accept(event("x"))
    async with stores.inbox.take(9) as batch:
        await batch.bury(batch.events[0], "causation_too_deep", "a loop", AT)
    first = f"{0:032}"
    await stores.dead_letters.resolve(first, DeadLetterStatus.DISCARDED, "ann", AT + SECOND)

    async def found(**filters: str) -> int:
        return len((await stores.reading.dead_letters(Query(filters))).items)

    assert await found() == 4
    assert await found(status="open") == 3
    assert await found(via="router") == 1
    assert await found(code="event_invalid", status="open") == 2
    assert await found(source_id="shop") == 3
    assert await found(source_id="") == 1
    assert await found(source_id="shop", via="router") == 0
    [closed] = (await stores.reading.dead_letters(Query({"status": "discarded"}))).items
    assert closed == {
        "dead_letter_id": first,
        "via": "nats",
        "source_id": "shop",
        "subject": "events.shop",
        "run_id": "",
        "definition_id": "",
        "code": "event_invalid",
        "message": "source is missing",
        "buried_at": NOON,
        "status": "discarded",
        "resolved_by": "ann",
        "resolved_at": "2026-01-01T12:00:01Z",
    }


async def test_refusals_by_via_sender_code_source_and_event(stores: Stores):
    unknown = Refusal(AT, "webhook", "shop", "unverified", "no")
    other = replace(REFUSAL, event_source="/other", dead_letter_id="d")
    await stores.refusals.record([REFUSAL, unknown, other])

    async def found(**filters: str) -> list[object]:
        return await names(stores.reading.refusals(Query(filters)), "source")

    assert await found() == ["/other", None, "/shop"]
    assert await found(via="webhook") == [None]
    assert await found(sender="ci") == ["/other", "/shop"]
    assert await found(code="unverified") == [None]
    assert await found(source="/shop") == ["/shop"]
    assert await found(event_id="1") == ["/other", "/shop"]
    assert await found(event_id="1", source="/other") == ["/other"]
    assert await found(event_id="2") == []
    [first, second, third] = (await stores.reading.refusals(Query())).items
    assert third == {
        "refused_at": NOON,
        "via": "http",
        "sender": "ci",
        "code": "forbidden",
        "message": "it may not",
        "source": "/shop",
        "event_id": "1",
        "event_type": "order.created",
        "dead_letter_id": None,
    }
    assert (second["source"], second["event_id"], second["event_type"]) == (None, None, None)
    assert first["dead_letter_id"] == "d"


async def test_decisions_about_slots_say_which_and_how_late(stores: Stores):
    await plan(stores)
    await write(stores, settled(fires(AT - 2 * SECOND, Outcome.LATE), skips(AT - SECOND)))
    [second, first] = (await stores.reading.decisions(Query())).items
    assert (first["slot"], first["lag_seconds"]) == ("2026-01-01T11:59:58Z", 2.0)
    assert (second["slot"], second["lag_seconds"]) == ("2026-01-01T11:59:59Z", 1.0)
    assert (first["backfill_id"], first["source"], first["event_id"]) == (None, None, None)
    only = Query({"occurrence_key": "2026-01-01T11:59:58Z", "outcome": "late"})
    assert (await stores.reading.decisions(only)).items == [first]


async def test_runs_of_slots_say_how_late_they_began_and_what_for(stores: Stores):
    await plan(stores)
    missed = [AT - 2 * SECOND, AT - SECOND]
    decisions = [SlotDecision(slot, Outcome.COMPRESSED, run_for=missed[1]) for slot in missed]
    gap = SlotRun(missed[1], gap=Gap.of(missed))
    await write(stores, replace(settled(*decisions), runs=[gap]))
    run_id = run_of(stores, missed[1])
    run = await stores.reading.run(run_id)
    assert (run["trigger"], run["scheduled_for"]) == ("schedule", "2026-01-01T11:59:59Z")
    assert (run["lag_seconds"], run["decisions"]) == (
        None,
        [*reversed((await stores.reading.decisions(Query())).items)],
    )
    assert run["gap"] == {
        "start": "2026-01-01T11:59:58Z",
        "end": "2026-01-01T11:59:59Z",
        "count": 2,
        "slots": ["2026-01-01T11:59:58Z", "2026-01-01T11:59:59Z"],
    }
    [execution] = await stores.compose()
    async with stores.run_ledger.open(execution.execution_id, AT + SECOND):
        pass
    assert (await stores.reading.run(run_id))["lag_seconds"] == 2.0


async def test_where_schedules_stand(stores: Stores):
    await plan(stores, ID, "new")
    await write(stores, settled(fires(AT), holds(AT - SECOND)), at=AT + SECOND)
    standing: dict[str, object] = {
        "since": "2026-01-01T11:59:00Z",
        "covered_until": NOON,
        "next_slot": "2026-01-01T13:40:00Z",
        "wake_at": "2026-01-01T13:40:00Z",
        "last_slot": NOON,
        "last_outcome": "fired",
        "last_run_id": run_of(stores, AT),
        "lag_seconds": 1.0,
    }
    found = await stores.reading.schedules([ID, "new", "unknown"])
    assert dict(found[ID]) == standing
    assert dict(found["new"]) == {
        "since": "2026-01-01T11:59:00Z",
        "covered_until": "2026-01-01T11:59:00Z",
        "next_slot": NOON,
        "wake_at": "2026-01-01T12:00:05Z",
        "last_slot": None,
        "last_outcome": None,
        "last_run_id": None,
        "lag_seconds": None,
    }
    assert len(found) == 2
    await write(stores, settled(skips(AT - SECOND, "overlap: given up")))
    assert dict((await stores.reading.schedules([ID]))[ID]) == standing
