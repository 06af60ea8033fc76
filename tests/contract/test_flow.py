"""What every flow store keeps: states under lock, and what is decided about several events."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from tests.contract.stores import (
    AT,
    ID,
    SECOND,
    BoomError,
    Stores,
    announcement,
    definition,
    event,
    fired,
    member,
    record_batch,
    routing,
    said,
)

from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.errors import RejectedError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.flow.group import FlowKey, FlowState, Group, Mark, Member, Settled, Stage
from activity_core.core.run.ending import OpenWork
from activity_core.core.run.run import Execution, PendingRun, RunStatus
from activity_core.ports.dead_letters import DeadLetter
from activity_core.ports.flow import Decided, FlowRow
from activity_core.ports.reading import Query
from activity_core.ports.run_queue import SignalKind

COLLECT = FlowKey(ID, Stage.COLLECT, '"ann"')
ORDER = FlowKey(ID, Stage.ORDER)
NOTHING = FlowState()


async def held(stores: Stores, *names: str, reason: str = "waits") -> list[Member]:
    """Events that were routed and are held."""
    if await stores.registry.revision() == 0:
        await stores.publish(definition())
    await stores.accept(*(event(name) for name in names))
    async with stores.inbox.take(1_000) as batch:
        await record_batch(
            batch, settled=[said(each, Outcome.HELD, reason) for each in batch.events]
        )
        return [member(each) for each in batch.events]


async def write(stores: Stores, decided: Decided, at: datetime = AT) -> Mapping[str, int]:
    async with stores.flow.open() as flow:
        await flow.lock([ID])
        return await flow.write(decided, at)


async def keep(stores: Stores, rows: Mapping[FlowKey, FlowRow]) -> None:
    await write(stores, Decided(rows=rows))


async def states(stores: Stores, *keys: FlowKey) -> Mapping[FlowKey, FlowState]:
    async with stores.flow.open() as flow:
        await flow.lock([ID])
        return await flow.states(keys)


async def outcomes(stores: Stores) -> dict[object, tuple[object, object, object]]:
    """By event id: outcome, reason, run."""
    rows = (await stores.reading.decisions(Query(limit=100))).items
    return {row["event_id"]: (row["outcome"], row["reason"], row["run_id"]) for row in rows}


def run_of(stores: Stores, group: Group) -> str:
    return ids.run_id(stores.tenant, ID, group.occurrence_key)


async def opened(stores: Stores, run_id: str) -> tuple[EventEnvelope | None, list[str]]:
    """The event that leads, and the ids of all that the run is given."""
    [execution] = await stores.compose()
    async with stores.run_ledger.open(execution.execution_id, AT) as execution_open:
        [run] = execution_open.runs
        assert run.run_id == run_id
        return run.occurrence.event, [each.id for each in run.occurrence.events]


async def test_states_survive_and_empty_ones_go(stores: Stores):
    members = await held(stores, "a", "b")
    whole = FlowState(
        waiting=(Group(tuple(members), lead=1, alone=True),),
        running=("e.1", "e.2"),
        marks=(Mark(AT + SECOND, "seen"),),
        times=(AT, AT + SECOND),
    )
    odd = FlowKey(ID, Stage.THROTTLE, '"\\u0000' + "x" * 5_000 + '"')
    other = FlowState(running=("e.9",))
    await keep(stores, {COLLECT: FlowRow(whole, AT), odd: FlowRow(other)})
    assert await states(stores, COLLECT, ORDER, odd) == {COLLECT: whole, odd: other}
    await keep(stores, {COLLECT: FlowRow(replace(whole, running=("e.2",)))})
    assert (await states(stores, COLLECT))[COLLECT].running == ("e.2",)
    await keep(stores, {COLLECT: FlowRow(NOTHING), ORDER: FlowRow(NOTHING)})
    assert await states(stores, COLLECT, ORDER, odd) == {odd: other}
    assert await states(stores) == {}


async def test_stages_and_keys_are_apart(stores: Stores):
    keys = [
        FlowKey(id_, stage, key)
        for id_ in (ID, "other")
        for stage in (Stage.ORDER, Stage.CONCURRENCY)
        for key in ("", '""', "1")
    ]
    rows = {key: FlowRow(FlowState(running=(str(n),))) for n, key in enumerate(keys)}
    await keep(stores, rows)
    assert await states(stores, *keys) == {key: row.state for key, row in rows.items()}


async def test_a_lock_keeps_a_second_transaction_waiting_which_then_sees_what_was_written(
    stores: Stores,
):
    async def second() -> Mapping[FlowKey, FlowState]:
        async with stores.flow.open() as flow:
            await flow.lock(["other", ID])
            return await flow.states([ORDER])

    state = FlowState(running=("e.1",))
    async with stores.flow.open() as flow:
        await flow.lock([ID])
        assert await flow.states([ORDER]) == {}
        waiting = asyncio.create_task(second())
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        await flow.write(Decided(rows={ORDER: FlowRow(state)}), AT)
    assert await waiting == {ORDER: state}


async def test_locks_in_any_order_do_not_block_each_other_for_ever(stores: Stores):
    async def add(order: Sequence[str], mark: str) -> None:
        async with stores.flow.open() as flow:
            await flow.lock(order)
            found = (await flow.states([ORDER])).get(ORDER, NOTHING)
            state = FlowState(running=(*found.running, mark))
            await flow.write(Decided(rows={ORDER: FlowRow(state)}), AT)

    async with stores.flow.open() as flow:
        await flow.lock(["middle"])
        assert await flow.states([ORDER]) == {}
        # Each has its first lock, were they taken as they are named, when both wait for this one.
        orders = [[ID, "middle", "b"], ["b", "middle", ID, "b"]]
        adding = [asyncio.create_task(add(order, order[0])) for order in orders]
        done, _ = await asyncio.wait(adding, timeout=0.2)
        assert not done
    await asyncio.gather(*adding)
    assert sorted((await states(stores, ORDER))[ORDER].running) == ["b", ID]


async def test_the_router_and_the_keeper_share_locks(stores: Stores):
    await stores.publish(definition())
    await stores.accept(event())
    async with stores.inbox.take(1) as batch:
        await batch.flow.lock([ID])
        assert await batch.flow.states([ORDER]) == {}
        waiting = asyncio.create_task(states(stores, ORDER))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        rows = {ORDER: FlowRow(FlowState(running=("e.1",)))}
        decided = Decided([fired(batch.events[0])], rows=rows)
        await batch.record([routing(batch.events[0], decided)], decided, AT)
    assert list(await waiting) == [ORDER]


async def test_due_by_time_the_longest_ago_first(stores: Stores):
    state = FlowState(times=(AT,))
    keys = [FlowKey(ID, Stage.COLLECT, str(n)) for n in range(5)]
    wakes = [AT, AT - SECOND, AT + SECOND, None, AT - 2 * SECOND]
    rows = {key: FlowRow(state, wake) for key, wake in zip(keys, wakes, strict=True)}
    await keep(stores, rows)
    assert await stores.flow.due(AT, 9) == [keys[4], keys[1], keys[0]]
    assert await stores.flow.due(AT, 2) == [keys[4], keys[1]]
    assert await stores.flow.next_wake() == AT - 2 * SECOND
    await keep(stores, {key: FlowRow(NOTHING) for key in keys[:2]} | {keys[4]: FlowRow(state)})
    assert await stores.flow.due(AT, 9) == []
    assert await stores.flow.next_wake() == AT + SECOND
    await keep(stores, {keys[2]: FlowRow(state)})
    assert await stores.flow.next_wake() is None


async def test_woken_definitions_are_due_at_the_latest_then(stores: Stores):
    state = FlowState(times=(AT,))
    never, late, early = (FlowKey(ID, Stage.COLLECT, str(n)) for n in range(3))
    other = FlowKey("other", Stage.COLLECT)
    await keep(stores, {never: FlowRow(state), late: FlowRow(state, AT + SECOND)})
    await keep(stores, {early: FlowRow(state, AT - SECOND), other: FlowRow(state, AT + SECOND)})
    await stores.flow.wake({ID, "unknown"}, AT)
    assert await stores.flow.due(AT - SECOND, 9) == [early]
    assert await stores.flow.due(AT, 9) == [early, never, late]


async def test_due_once_a_run_that_was_let_through_is_over(stores: Stores):
    first, second = await stores.fire(event("a"), event("b"))
    keys = [ids.occurrence_of_event("/shop", name) for name in ("a", "b", "c")]
    # The last one waits at another stage, and has no run.
    await keep(stores, {ORDER: FlowRow(FlowState(running=tuple(keys)))})
    assert await stores.flow.due(AT, 9) == []
    await stores.run_ledger.close(second, RunStatus.COMPLETED, None, AT + SECOND, [])
    assert await stores.flow.due(AT, 9) == [ORDER]
    async with stores.flow.open() as flow:
        await flow.lock([ID])
        assert await flow.finished(ID, keys) == [keys[1]]
        assert await flow.finished("other", keys) == []
        assert await flow.finished(ID, []) == []
        rows = {ORDER: FlowRow(FlowState(running=(keys[0], keys[2])))}
        await flow.write(Decided(rows=rows), AT)
    assert await stores.flow.due(AT, 9) == []
    await stores.run_ledger.close(first, RunStatus.CANCELLED, None, AT, [])
    assert await stores.flow.due(AT, 9) == [ORDER]
    await keep(stores, {ORDER: FlowRow(FlowState(marks=(Mark(AT),)))})
    assert await stores.flow.due(AT, 9) == []


async def test_what_one_state_forgets_another_may_keep(stores: Stores):
    [run_id] = await stores.fire(event("a"))
    state = FlowState(running=(ids.occurrence_of_event("/shop", "a"),))
    limit = FlowKey(ID, Stage.CONCURRENCY)
    await keep(stores, {ORDER: FlowRow(state), limit: FlowRow(state)})
    moved_on = FlowState(marks=(Mark(AT),))
    await keep(stores, {ORDER: FlowRow(moved_on), limit: FlowRow(state)})
    await stores.run_ledger.close(run_id, RunStatus.COMPLETED, None, AT, [])
    assert await stores.flow.due(AT, 9) == [limit]


async def test_a_state_that_is_due_twice_over_is_named_once(stores: Stores):
    [run_id] = await stores.fire(event("a"))
    key = ids.occurrence_of_event("/shop", "a")
    await keep(stores, {ORDER: FlowRow(FlowState(running=(key,)), AT)})
    await stores.run_ledger.close(run_id, RunStatus.COMPLETED, None, AT, [])
    assert await stores.flow.due(AT, 9) == [ORDER]


async def test_held_is_replaced_once_by_what_is_final(stores: Stores):
    [one] = await held(stores, "a", reason="waits for its batch")
    assert await outcomes(stores) == {"a": ("held", "waits for its batch", None)}
    later = Settled(Group((one,)), Outcome.HELD, "waits for its turn")
    assert await write(stores, Decided(settled=[(ID, later)])) == {"held": 1}
    assert await outcomes(stores) == {"a": ("held", "waits for its turn", None)}
    final = Settled(Group((one,)), Outcome.DROPPED, "too many")
    assert await write(stores, Decided(settled=[(ID, final)]), AT + SECOND) == {"dropped": 1}
    assert await outcomes(stores) == {"a": ("dropped", "too many", None)}
    routed = (await stores.reading.event(None, "a"))["routing"]
    assert routed["counts"] == {"held": 1}  # type: ignore[index,call-overload]


async def test_what_is_final_never_changes(stores: Stores):
    members = await held(stores, "a", "b")
    group = Group(tuple(members))
    dropped = [(ID, Settled(group, Outcome.DROPPED, "too many"))]
    assert await write(stores, Decided(settled=dropped)) == {"dropped": 2}
    before = await outcomes(stores)
    for again in (
        Decided([(ID, group)]),
        Decided(settled=[(ID, Settled(group, Outcome.THROTTLED, "later"))]),
        Decided(settled=[(ID, Settled(group, Outcome.HELD, "later"))]),
    ):
        assert await write(stores, again, AT + SECOND) == {}
        assert await outcomes(stores) == before
    assert await stores.run_queue.depth() == 0


async def test_written_twice_is_written_once(stores: Stores):
    group = Group(tuple(await held(stores, "a", "b")))
    assert await write(stores, Decided([(ID, group)])) == {"fired": 1, "merged": 1}
    before = await outcomes(stores)
    assert await write(stores, Decided([(ID, group)]), AT + SECOND) == {}
    assert await outcomes(stores) == before
    assert await stores.run_queue.depth() == 1


async def test_a_group_is_one_run_that_has_its_events_in_order(stores: Stores):
    await stores.publish(definition(), version=1)
    await stores.publish(definition(title="Newer"), version=2)
    c, a, b = await held(stores, "c", "a", "b")
    group = Group((a, replace(b, version=2), c), lead=1)
    run_id = run_of(stores, group)
    assert await write(stores, Decided([(ID, group)]), AT + SECOND) == {"fired": 1, "merged": 2}
    told = await outcomes(stores)
    assert {name: (outcome, run) for name, (outcome, _, run) in told.items()} == {
        "a": ("merged", run_id),
        "b": ("fired", run_id),
        "c": ("merged", run_id),
    }
    run = await stores.reading.run(run_id)
    assert run["occurrence_key"] == group.occurrence_key
    assert (run["version_used"], run["trigger"]) == (2, "event")
    assert run["events"] == [{"source": "/shop", "id": name} for name in ("a", "b", "c")]
    rows = (await stores.reading.decisions(Query())).items
    assert {row["occurrence_key"] for row in rows} == {each.occurrence_key for each in (a, b, c)}
    assert await opened(stores, run_id) == (event("b"), ["a", "b", "c"])


async def test_a_group_that_is_alone_sees_its_leader_only(stores: Stores):
    group = Group(tuple(await held(stores, "a", "b", "c")), lead=2, alone=True)
    run_id = run_of(stores, group)
    await write(stores, Decided([(ID, group)]))
    run = await stores.reading.run(run_id)
    assert run["events"] == [{"source": "/shop", "id": name} for name in ("a", "b", "c")]
    assert await opened(stores, run_id) == (event("c"), ["c"])


async def test_the_most_urgent_goes_first_and_weighs_what_its_events_do(stores: Stores):
    a, b, c = await held(stores, "a", "b", "c")
    groups = [Group((a,)), Group((b, replace(c, priority=1)))]
    await write(stores, Decided([(ID, group) for group in groups]))
    found: list[PendingRun] = []

    def composer(pending: Sequence[PendingRun]) -> list[Execution]:
        found.extend(pending)
        return []

    await stores.run_queue.compose(9, composer, at=AT, lease=SECOND)
    assert [(run.occurrence_key, run.priority, run.size) for run in found] == [
        (groups[1].occurrence_key, 1, b.size + c.size),
        (groups[0].occurrence_key, 3, a.size),
    ]


async def test_an_event_by_itself_is_what_its_run_sees(stores: Stores):
    [run_id] = await stores.fire(event("a"))
    assert await opened(stores, run_id) == (event("a"), ["a"])


async def test_an_event_and_its_replay_in_one_group_count_once(stores: Stores):
    a, b = await held(stores, "a", "b")
    again = replace(a, input_key=ids.input_of_replay("r-1", a.input_key))
    group = Group((a, b, again), lead=2)
    assert await write(stores, Decided([(ID, group)])) == {"fired": 1, "merged": 2}
    assert await opened(stores, run_of(stores, group)) == (event("a"), ["b", "a"])


async def test_a_group_whose_occurrence_has_a_run_is_deduplicated(stores: Stores):
    [run_id] = await stores.fire(event("first"))
    occurrence = ids.occurrence_of_event("/shop", "first")
    a, b = await held(stores, "a", "b")
    late = [Group((replace(each, occurrence_key=occurrence),)) for each in (a, b)]
    assert await write(stores, Decided([(ID, each) for each in late])) == {"deduplicated": 2}
    told = await outcomes(stores)
    assert [told[name][::2] for name in ("a", "b")] == [("deduplicated", run_id)] * 2
    assert (await stores.reading.run(run_id))["events"] == [{"source": "/shop", "id": "first"}]
    assert await stores.run_queue.depth() == 1


async def test_of_two_groups_with_one_occurrence_the_first_gets_the_run(stores: Stores):
    a, b = (replace(each, occurrence_key="e.same") for each in await held(stores, "a", "b"))
    decided = Decided([(ID, Group((a,))), (ID, Group((b,)))])
    assert await write(stores, decided) == {"fired": 1, "deduplicated": 1}
    told = await outcomes(stores)
    run_id = run_of(stores, Group((a,)))
    assert (told["a"][::2], told["b"][::2]) == (("fired", run_id), ("deduplicated", run_id))
    assert (await stores.reading.run(run_id))["events"] == [{"source": "/shop", "id": "a"}]


async def test_what_joined_or_repeated_a_run_names_it_if_it_is_there(stores: Stores):
    [run_id] = await stores.fire(event("first"))
    occurrence = ids.occurrence_of_event("/shop", "first")
    members = await held(stores, "joined", "repeated", "early", "late")
    joined, repeated, early, late = (Group((each,)) for each in members)
    settled = [
        Settled(joined, Outcome.MERGED, "late for its batch", occurrence),
        Settled(repeated, Outcome.DEDUPLICATED, "seen", occurrence),
        Settled(early, Outcome.DEDUPLICATED, "seen, and still held"),
        Settled(late, Outcome.DEDUPLICATED, "seen, and skipped since", "c.nothing"),
    ]
    await write(stores, Decided(settled=[(ID, each) for each in settled]))
    told = await outcomes(stores)
    assert told["joined"] == ("merged", "late for its batch", run_id)
    assert told["repeated"] == ("deduplicated", "seen", run_id)
    assert told["early"] == ("deduplicated", "seen, and still held", None)
    assert told["late"] == ("deduplicated", "seen, and skipped since", None)


async def test_what_was_held_and_let_go_at_once_is_told_as_let_go(stores: Stores):
    [old] = await held(stores, "old")
    await stores.accept(event("new"), event("other"))
    async with stores.inbox.take(9) as batch:
        new, other = batch.events
        group = Group((old, member(new)), lead=1)
        decided = Decided(
            [(ID, group)],
            [said(new, Outcome.HELD, "waits"), said(other, Outcome.HELD, "waits")],
        )
        routings = [routing(new, decided, filtered=3), routing(other, decided)]
        counts = await batch.record(routings, decided, AT)
    assert counts == {"fired": 1, "merged": 1, "held": 1, "filtered": 3}
    told = [await stores.reading.event(None, name) for name in ("old", "new", "other")]
    assert [row["routing"]["counts"] for row in told] == [  # type: ignore[index,call-overload]
        {"held": 1},
        {"fired": 1, "filtered": 3},
        {"held": 1},
    ]
    assert {name: row[0] for name, row in (await outcomes(stores)).items()} == {
        "old": "merged",
        "new": "fired",
        "other": "held",
    }


async def test_what_was_decided_before_the_router_came_stays(stores: Stores):
    await stores.publish(definition())
    await stores.accept(event("a"))
    async with stores.inbox.take(9) as batch:
        [only] = batch.events
    await write(stores, Decided([fired(only)]))
    before = await outcomes(stores)
    assert await stores.route() == {"deduplicated": 1}
    assert await outcomes(stores) == before
    assert await stores.run_queue.depth() == 1


async def test_displaced_runs_end_and_their_workflows_are_told(stores: Stores):
    [run_id] = await stores.fire(event("old"))
    [execution] = await stores.compose()
    [one] = await held(stores, "new")
    async with stores.flow.open() as flow:
        await flow.lock([ID])
        assert await flow.open_work([run_id, "run-unknown"]) == [OpenWork(run_id, ID, 1, [])]
        told = {run_id: [announcement("ended", run_id)]}
        counts = await flow.write(Decided([(ID, Group((one,)))], displaced=told), AT)
    assert counts == {"fired": 1}
    run = await stores.reading.run(run_id)
    assert (run["status"], run["finished_at"]) == ("cancelled", "2026-01-01T12:00:00Z")
    assert await stores.outgoing() == ["ended"]
    [signal] = await stores.run_queue.take_signals(9)
    assert (signal.workflow_id, signal.kind) == (execution.workflow_id, SignalKind.CANCEL)
    assert await stores.run_queue.depth() == 1


async def test_letters_are_buried_and_the_event_is_routed(stores: Stores):
    await stores.publish(definition())
    await stores.accept(event("a"))
    async with stores.inbox.take(9) as batch:
        [only] = batch.events
        letter = DeadLetter.of_event(only, "filter_failed", "no such key", AT)
        decided = Decided(settled=[said(only, Outcome.FAILED, "no such key")], letters=[letter])
        assert await batch.record([routing(only, decided)], decided, AT) == {"failed": 1}
    assert await stores.dead_letters.get(letter.dead_letter_id) == letter
    assert await stores.inbox.depth() == 0


async def test_an_exception_leaves_nothing(stores: Stores):
    [run_id] = await stores.fire(event("old"))
    [one] = await held(stores, "a")
    decided = Decided(
        [(ID, Group((one,)))],
        rows={ORDER: FlowRow(FlowState(running=("e.1",)), AT)},
        displaced={run_id: [announcement("ended", run_id)]},
    )

    async def fail() -> None:
        async with stores.flow.open() as flow:
            await flow.lock([ID])
            await flow.open_work([run_id])
            await flow.write(decided, AT)
            raise BoomError

    with pytest.raises(BoomError):
        await fail()
    assert (await outcomes(stores))["a"] == ("held", "waits", None)
    assert await stores.flow.due(AT, 9) == []
    assert await states(stores, ORDER) == {}
    assert (await stores.reading.run(run_id))["status"] == "pending"
    assert await stores.outgoing() == []
    assert await stores.run_queue.depth() == 1


async def test_a_version_that_was_never_published_is_rejected(stores: Stores):
    [one] = await held(stores, "a")
    with pytest.raises(RejectedError):
        await write(stores, Decided([(ID, Group((replace(one, version=9),)))]))
    assert (await outcomes(stores))["a"][0] == "held"


async def test_two_keepers_with_one_group_fire_it_once(stores: Stores):
    group = Group(tuple(await held(stores, "a", "b")))
    counts = await asyncio.gather(*(write(stores, Decided([(ID, group)])) for _ in range(3)))
    assert sorted(map(len, counts)) == [0, 0, 2]
    assert await stores.run_queue.depth() == 1


async def test_one_routes_alone_and_others_pass_it_over(stores: Stores):
    await stores.accept(event("a"), event("b"))
    async with stores.inbox.take(1, alone=True) as first:
        async with stores.inbox.take(1, alone=True) as second:
            assert not second.events
        async with stores.inbox.take(1) as any_other:
            assert len(any_other.events) == 1
        assert len(first.events) == 1
    async with stores.inbox.take(9, alone=True) as third:
        assert len(third.events) == 2
