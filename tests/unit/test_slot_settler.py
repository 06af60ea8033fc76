"""The slot settler: whatever happened before, a look decides about every slot that is due, once."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pytest
from tests.slot_stage import SlotStage, at, beat, between

from activity_core.adapters.memory.slot_ledger import MemoryOpenCursors
from activity_core.adapters.memory.task_desk import MemoryTaskDesk
from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.errors import ConflictError, UnavailableError
from activity_core.core.human.answering import Answer
from activity_core.core.human.dossier import Request
from activity_core.core.run.run import RunFailure, RunStatus
from activity_core.core.schedule import jitter
from activity_core.ports.doorbell import Topic
from activity_core.ports.registry import HistoryLine
from activity_core.ports.run_queue import SignalKind
from activity_core.services.catalogue import Catalogue
from activity_core.services.due_slots import MOST_SLOTS
from activity_core.services.slot_settler import BATCH, SKEW
from activity_core.services.task_inbox import TaskInbox

NOON = at("12:00:00")
EVERY_10_S = "interval: {every: 10s}"


@pytest.fixture
async def stage() -> SlotStage:
    return SlotStage()


async def test_a_slot_in_time_is_fired_with_a_run_of_its_own(stage: SlotStage) -> None:
    await stage.publish(beat("b", EVERY_10_S))
    assert await stage.tick() == 0  # the slot of the very instant of publishing is past
    stage.wait(10.4)
    assert await stage.tick() == 1
    [decision] = stage.assert_covered("b", [at("12:00:10")]).values()
    [run] = stage.runs("b")
    assert (decision.outcome, decision.run_id) == (Outcome.FIRED, run.run_id)
    assert decision.version == run.version == 1
    assert run.run_id == ids.run_id("main", "b", "2026-01-01T12:00:10Z")
    assert run.occurrence.gap is None
    assert stage.doorbell.rings[Topic.STARTER] >= 1
    assert await stage.start() == [run.run_id]


async def test_looking_again_decides_nothing_again(stage: SlotStage) -> None:
    await stage.publish(beat("b", EVERY_10_S))
    stage.wait(10)
    await stage.tick()
    before = stage.decided("b")
    assert await stage.tick() == 0
    assert await stage.settler.settle() == 0
    assert stage.decided("b") == before


async def test_settlers_side_by_side_decide_once(stage: SlotStage) -> None:
    await stage.publish(*(beat(f"b{number}", EVERY_10_S) for number in range(20)))
    stage.wait(30)
    settlers = [stage.settler for _ in range(5)]
    assert sum(await asyncio.gather(*(settler.settle() for settler in settlers))) == 60
    for number in range(20):
        stage.assert_covered(f"b{number}", between(NOON, stage.clock.now(), 10))


async def test_many_ticks_at_once_read_what_is_due_once(
    stage: SlotStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.publish(beat("b", EVERY_10_S))
    stage.wait(10)
    settler, read, asked = stage.settler, stage.store.history, 0

    async def counted(since: Mapping[str, datetime]) -> Mapping[str, Sequence[HistoryLine]]:
        nonlocal asked
        asked += 1
        return await read(since)

    monkeypatch.setattr(stage.store, "history", counted)
    assert sum(await asyncio.gather(*(settler.settle() for _ in range(5)))) == 1
    assert asked == 1


async def test_more_definitions_than_fit_into_one_transaction(stage: SlotStage) -> None:
    count = BATCH + 3
    await stage.publish(*(beat(f"b{number}", EVERY_10_S) for number in range(count)))
    stage.wait(10)
    assert await stage.tick() == count


@pytest.mark.parametrize(
    ("misfire", "outcomes"),
    [
        # 30 slots, late by 290 s, 280 s, … 0 s
        ("{policy: skip}", ["23 skipped", "6 late", "1 fired"]),
        ("{policy: skip, window: 15s}", ["28 skipped", "1 late", "1 fired"]),
        ("{policy: catch_up, max_runs: 3}", ["26 skipped", "3 caught_up", "1 fired"]),
        ("{policy: catch_up}", ["19 skipped", "10 caught_up", "1 fired"]),
        ("{policy: catch_up, window: 25s}", ["27 skipped", "2 caught_up", "1 fired"]),
        ("{policy: compress}", ["29 compressed", "1 fired"]),
        ("{policy: compress, window: 2m}", ["17 skipped", "12 compressed", "1 fired"]),
    ],
)
async def test_after_a_gap_its_policy_decides(
    stage: SlotStage, misfire: str, outcomes: list[str]
) -> None:
    await stage.publish(beat("b", f"{EVERY_10_S}, misfire: {misfire}"))
    stage.wait(300)
    await stage.tick()
    decided = stage.assert_covered("b", between(NOON, stage.clock.now(), 10))
    assert stage.outcomes("b") == outcomes
    skipped = [row.reason for row in decided.values() if row.outcome is Outcome.SKIPPED]
    assert all(reason.startswith("misfire: late by ") for reason in skipped)


async def test_a_compressed_run_knows_its_gap(stage: SlotStage) -> None:
    await stage.publish(beat("b", f"{EVERY_10_S}, misfire: {{policy: compress}}"))
    stage.wait(300)
    await stage.tick()
    one, own = stage.runs("b")
    gap = one.occurrence.gap
    assert gap is not None
    missed = between(NOON, at("12:04:50"), 10)
    assert (gap.start, gap.end, gap.count) == (missed[0], missed[-1], 29)
    assert list(gap.slots) == missed
    assert one.occurrence.scheduled_for == missed[-1]
    assert own.occurrence.gap is None
    named = {row.run_id for slot, row in stage.decided("b").items() if slot in missed}
    assert named == {one.run_id}


async def test_a_single_slot_that_is_a_little_late_is_late_and_no_recovery(
    stage: SlotStage,
) -> None:
    await stage.publish(beat("b", "interval: {every: 1h}"))
    stage.wait(3600 + 30)
    await stage.tick()
    [decision] = stage.assert_covered("b", [at("13:00:00")]).values()
    assert (decision.outcome, decision.reason) == (Outcome.LATE, "late by 30.0 s")
    assert len(await stage.start()) == 1  # at once: it need not wait for a turn


async def test_jitter_puts_the_start_off_by_what_is_foretold(stage: SlotStage) -> None:
    await stage.publish(beat("b", "interval: {every: 1h, jitter: 20m}"))
    slot = at("13:00:00")
    stage.wait(3600)
    assert await stage.tick() == 1
    start = slot + jitter.delay("b", slot, timedelta(minutes=20))
    stage.wait((start - slot).total_seconds() - 0.01)
    assert await stage.start() == []
    stage.wait(0.02)
    assert len(await stage.start()) == 1


async def test_what_was_paused_is_skipped_and_never_replayed(stage: SlotStage) -> None:
    await stage.publish(beat("b", f"{EVERY_10_S}, misfire: {{policy: catch_up}}"))
    await stage.tick_for(30)
    stage.wait(5)
    await stage.registry.pause("b", "ann", "the mill is closed")
    await stage.tick_for(60)
    stage.wait(120)  # nobody looks, and it is resumed in between
    await stage.registry.resume("b", "ben")
    stage.wait(20)
    await stage.tick()
    decided = stage.assert_covered("b", between(NOON, stage.clock.now(), 10))
    assert stage.outcomes("b") == ["3 fired", "18 skipped", "1 caught_up", "1 fired"]
    reasons = {row.reason for row in decided.values() if row.outcome is Outcome.SKIPPED}
    assert reasons == {"paused: by ann, the mill is closed"}


async def test_missed_slots_of_what_is_paused_now_are_skipped(stage: SlotStage) -> None:
    await stage.publish(beat("b", f"{EVERY_10_S}, misfire: {{policy: compress}}"))
    stage.wait(60)
    await stage.registry.pause("b", "ann")
    stage.wait(60)
    assert await stage.tick() == 0
    decided = stage.assert_covered("b", between(NOON, stage.clock.now(), 10))
    assert {row.reason for row in decided.values()} == {"paused: by ann"}


async def test_disabled_by_its_file_is_paused(stage: SlotStage) -> None:
    await stage.publish("enabled: false" + beat("b", EVERY_10_S))
    stage.wait(10)
    assert await stage.tick() == 0
    [decision] = stage.decided("b").values()
    assert decision.reason == "paused: the definition says enabled: false"


@pytest.mark.parametrize("reconciled", [True, False])
async def test_an_edit_in_a_gap_has_its_own_slots_from_then_on(
    stage: SlotStage, *, reconciled: bool
) -> None:
    old, new = beat("b", EVERY_10_S), beat("b", "interval: {every: 7s}")
    await stage.publish(old)
    await stage.tick_for(20)
    stage.wait(40)
    edited = stage.clock.now()
    await stage.apply(new)
    if reconciled:
        await stage.reconciler.reconcile()
    stage.wait(45)
    await stage.tick()
    now = stage.clock.now()
    decided = stage.assert_covered("b", between(NOON, edited, 10) + between(edited, now, 7))
    assert decided[edited].outcome is Outcome.LATE  # the old one's, at the very instant
    assert {row.version for slot, row in decided.items() if slot > edited} == {2}


async def test_an_edit_without_a_gap_fires_no_past_slot(stage: SlotStage) -> None:
    await stage.publish(beat("b", "interval: {every: 1h}"))
    stage.wait(3605)
    await stage.tick()
    await stage.publish(beat("b", "interval: {every: 1s}"))
    assert await stage.tick() == 0
    stage.wait(1)
    assert await stage.tick() == 1
    assert list(stage.decided("b")) == [at("13:00:00"), at("13:00:06")]


async def test_what_is_retired_has_its_slots_until_then_and_none_afterwards(
    stage: SlotStage,
) -> None:
    await stage.publish(beat("b", EVERY_10_S))
    stage.wait(35)
    await stage.registry.retire("b", "ann")
    await stage.reconciler.reconcile()
    stage.wait(300)
    assert await stage.tick() == 0
    decided = stage.assert_covered("b", between(NOON, at("12:00:35"), 10))
    assert all(row.reason.startswith("retired: ") for row in decided.values())
    assert await stage.slots.cursors() == {}
    stage.wait(300)
    await stage.publish(beat("b", EVERY_10_S))
    back = stage.clock.now()
    stage.wait(10)
    assert await stage.tick() == 1
    stage.assert_covered("b", [*between(NOON, at("12:00:35"), 10), back + timedelta(seconds=5)])


@pytest.mark.parametrize("change", ["pause", "retire", "edit"])
async def test_no_slot_is_lost_between_publishing_and_planning(
    stage: SlotStage, change: str
) -> None:
    await stage.apply(beat("b", EVERY_10_S))
    stage.wait(65)
    if change == "edit":
        await stage.apply(beat("b", "interval: {every: 7s}"))
    else:
        await getattr(stage.registry, change)("b", "ann")
    await stage.reconciler.reconcile()
    stage.wait(1)
    await stage.tick()
    assert list(stage.decided("b")) == between(NOON, at("12:01:05"), 10)


async def test_a_definition_that_loses_its_schedule_is_forgotten(stage: SlotStage) -> None:
    await stage.publish(beat("b", EVERY_10_S))
    stage.wait(15)
    await stage.publish(beat("b", "manual: "))
    stage.wait(60)
    assert await stage.tick() == 0
    assert next(iter(stage.assert_covered("b", [at("12:00:10")]).values())).reason.startswith(
        "retired: it has no schedule"
    )
    assert await stage.slots.cursors() == {}


async def test_more_slots_than_fit_into_one_transaction(stage: SlotStage) -> None:
    count = MOST_SLOTS + 800
    misfire = "misfire: {policy: catch_up, max_runs: 20}"
    await stage.publish(beat("b", f"interval: {{every: 1s}}, {misfire}"))
    stage.wait(count)
    assert await stage.tick() == 20 + 6
    stage.assert_covered("b", between(NOON, stage.clock.now(), 1))
    assert stage.outcomes("b") == [f"{count - 26} skipped", "20 caught_up", "6 fired"]


async def test_a_tick_of_a_clock_that_is_a_little_ahead_is_believed(stage: SlotStage) -> None:
    await stage.publish(beat("b", EVERY_10_S))
    stage.wait(9.2)
    assert await stage.tick() == 0
    assert await stage.tick(at("12:00:10")) == 1
    assert stage.outcomes("b") == ["1 fired"]
    stage.wait(0.8)
    assert await stage.tick(at("12:00:10")) == 0


async def test_a_clock_that_is_far_ahead_is_not_believed(stage: SlotStage) -> None:
    await stage.publish(beat("b", EVERY_10_S))
    stage.wait(2)
    assert await stage.tick(at("13:00:00")) == 0
    assert max(row.covered_until for row in (await stage.slots.cursors()).values()) <= (
        stage.clock.now() + SKEW
    )


async def test_a_clock_that_is_put_forward_and_back_decides_each_slot_once(
    stage: SlotStage,
) -> None:
    await stage.publish(beat("b", EVERY_10_S))
    await stage.tick_for(20)
    stage.clock.step(timedelta(minutes=10))
    await stage.tick()
    ahead = stage.clock.now()
    before = stage.assert_covered("b", between(NOON, ahead, 10))
    stage.clock.step(-timedelta(minutes=10))
    await stage.tick_for(120, every=10)
    assert stage.decided("b") == before
    await stage.tick_for(600, every=10)
    stage.assert_covered("b", between(NOON, stage.clock.now(), 10))
    assert stage.clock.now() > ahead


@pytest.mark.parametrize(
    ("overlap", "outcomes"),
    [
        ("allow_all", ["4 fired"]),
        ("skip", ["1 fired", "3 skipped"]),
        ("buffer_one", ["1 fired", "1 held", "2 skipped"]),
        ("buffer_all", ["1 fired", "3 held"]),
        ("cancel_other", ["4 fired"]),
        ("terminate_other", ["4 fired"]),
    ],
)
async def test_while_a_run_is_open_its_overlap_policy_decides(
    stage: SlotStage, overlap: str, outcomes: list[str]
) -> None:
    await stage.publish(beat("b", f"{EVERY_10_S}, overlap: {overlap}"))
    await stage.tick_for(40)
    assert stage.outcomes("b") == outcomes
    skipped = [row for row in stage.decided("b").values() if row.outcome is Outcome.SKIPPED]
    assert all(row.reason.startswith("overlap: ") for row in skipped)


@pytest.mark.parametrize("overlap", ["buffer_one", "buffer_all"])
async def test_what_was_held_goes_on_when_nothing_is_open(stage: SlotStage, overlap: str) -> None:
    await stage.publish(beat("b", f"{EVERY_10_S}, overlap: {overlap}"))
    await stage.tick_for(30)
    assert await stage.tick() == 0
    await stage.close_runs("b")
    assert await stage.slots.overdue(stage.clock.now())
    assert await stage.tick() == 1
    assert stage.slots_run("b") == [at("12:00:10"), at("12:00:20")]
    released = stage.decided("b")[at("12:00:20")]
    assert released.outcome is Outcome.FIRED
    assert released.reason.startswith("buffered: waited ")
    assert await stage.tick() == 0


async def test_what_is_held_when_it_is_paused_is_skipped(stage: SlotStage) -> None:
    await stage.publish(beat("b", f"{EVERY_10_S}, overlap: buffer_all"))
    await stage.tick_for(30)
    await stage.registry.pause("b", "ann")
    await stage.close_runs("b")
    assert await stage.tick() == 0
    assert stage.outcomes("b") == ["1 fired", "2 skipped"]


@pytest.mark.parametrize(
    ("overlap", "kind"),
    [("cancel_other", SignalKind.CANCEL), ("terminate_other", SignalKind.TERMINATE)],
)
async def test_a_displaced_run_is_cancelled_announced_and_told(
    stage: SlotStage, overlap: str, kind: SignalKind
) -> None:
    await stage.publish(beat("b", f"{EVERY_10_S}, overlap: {overlap}"))
    await stage.tick_for(10)
    [first] = await stage.compose()
    stage.wait(10)
    await stage.tick()
    displaced, running = stage.runs("b")
    assert displaced.status is RunStatus.CANCELLED
    assert displaced.failure is not None
    assert displaced.failure.code == "displaced"  # nothing went wrong, but it says why
    assert running.status is RunStatus.PENDING
    [signal] = await stage.queue.take_signals(10)
    assert (signal.workflow_id, signal.kind) == (first.workflow_id, kind)
    assert stage.said(displaced.run_id) == ["run.failed"]


def waits(id_: str, trigger: str) -> str:
    """Its runs wait for two people."""
    task = "{id: %s, human: {title: T, wait: true}}"
    return beat(id_, trigger).replace("{id: t, human: {title: T}}", f"{task % 't'}, {task % 'u'}")


async def test_open_tasks_of_a_displaced_run_are_announced_as_cancelled(stage: SlotStage) -> None:
    await stage.publish(waits("b", f"{EVERY_10_S}, overlap: cancel_other"))
    await stage.tick_for(10)
    [run_id] = await stage.start()
    tasks = stage.tasks_of(run_id)
    ann, answer = Request("ann"), Answer("ok")
    inbox = TaskInbox(
        MemoryTaskDesk(stage.state),
        Catalogue(stage.store),
        stage.doorbell,
        stage.clock,
        deployment="test",
    )
    await inbox.complete(tasks["t"].task.task_id, ann, answer)
    rings = stage.doorbell.rings[Topic.RELAY]
    stage.wait(10)
    await stage.tick()
    created = ["run.started", "task.created", "task.created"]
    assert stage.said(run_id) == [*created, "task.completed", "task.cancelled", "run.failed"]
    assert stage.doorbell.rings[Topic.RELAY] == rings + 1
    with pytest.raises(ConflictError):
        await inbox.complete(tasks["u"].task.task_id, ann, answer)
    assert len(stage.said(run_id)) == 6
    told = await stage.tasks.get(tasks["u"].task.task_id)
    assert told.result is not None
    assert told.result.comment.startswith("its run ended: a later one took its place")
    [cancelled] = [
        json.loads(row.body)["data"]
        for row in stage.state.tables.outbox.values()
        if row.subject == told.task_id and "cancelled" in row.type
    ]
    assert (cancelled["status"], cancelled["outcome"]) == ("cancelled", "cancelled")
    assert cancelled["comment"] == told.result.comment


async def test_the_attempt_of_a_displaced_run_is_announced(stage: SlotStage) -> None:
    await stage.publish(waits("b", f"{EVERY_10_S}, overlap: cancel_other"))
    await stage.tick_for(10)
    [run_id] = await stage.start()
    why = RunFailure("workflow_terminated", "")
    await stage.ledger.close(run_id, RunStatus.FAILED, why, stage.clock.now(), [])
    await stage.retry(run_id)
    stage.wait(10)
    await stage.tick()
    task_id = stage.tasks_of(run_id)["t"].task.task_id
    expected = {
        ids.announcement_id("activity-core.task.cancelled.v1", task_id, 2),
        ids.announcement_id("activity-core.run.failed.v1", run_id, 2),
    }
    assert expected <= stage.state.tables.outbox.keys()
    [ended] = [row for row in stage.state.tables.outbox.values() if row.type.endswith("failed.v1")]
    assert json.loads(ended.body)["data"]["attempt"] == 2


async def test_nobody_locks_runs_that_stay(
    stage: SlotStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def locked(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(MemoryOpenCursors, "open_work", locked)
    await stage.publish(
        beat("all", f"{EVERY_10_S}, overlap: allow_all"),
        beat("first", f"{EVERY_10_S}, overlap: cancel_other"),
    )
    await stage.tick_for(10)
    await stage.registry.pause("first", "ann")
    await stage.tick_for(10)
    assert len(stage.runs("all")) == 2
    assert len(stage.runs("first")) == 1


async def test_nothing_is_settled_while_the_store_is_away(
    stage: SlotStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.publish(beat("b", EVERY_10_S))
    stage.wait(10)

    async def away(*_: object) -> None:
        raise UnavailableError("away")

    with monkeypatch.context() as patch:
        patch.setattr(stage.slots, "due", away)
        with pytest.raises(UnavailableError):
            await stage.tick()
    assert await stage.tick() == 1


async def test_the_delay_is_known_although_the_store_was_long_in_answering(
    stage: SlotStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.publish(beat("b", f"{EVERY_10_S}, misfire: {{policy: compress}}"))
    due = stage.slots.due

    async def slow(instant: datetime, limit: int) -> Mapping[str, datetime]:
        if instant == at("12:00:10"):
            stage.wait(30)
        return await due(instant, limit)

    monkeypatch.setattr(stage.slots, "due", slow)
    stage.wait(10)
    await stage.tick()
    assert stage.outcomes("b") == ["3 compressed", "1 fired"]
