"""All stores of one tenant, and short ways to bring them into a state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from activity_core.core import ids
from activity_core.core.decision import Outcome, PendingEvent, Routing
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.flow.group import Group, Member, Settled
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.decide import RuleTrace
from activity_core.core.rules.task_spec import TaskKind, TaskSpec
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.composition import compose
from activity_core.core.run.progress import Patience
from activity_core.core.run.run import (
    ClaimedRun,
    Execution,
    PendingRun,
    RunFailure,
    RunRecord,
    RunStatus,
)
from activity_core.core.run.task import NewTask, TaskStatus
from activity_core.ports.backfills import Backfills
from activity_core.ports.cases import CaseStore
from activity_core.ports.dead_letters import DeadLetters
from activity_core.ports.entrances import Change
from activity_core.ports.event_replays import EventReplays
from activity_core.ports.flow import Decided, FlowStore
from activity_core.ports.inbox import Acceptance, Arrival, Inbox, RoutingBatch
from activity_core.ports.outbox import Outbox
from activity_core.ports.reading import Reading
from activity_core.ports.refusals import Refusals
from activity_core.ports.registry import LogLine, RegistryStore
from activity_core.ports.rollouts import Rollouts
from activity_core.ports.run_control import RunControl
from activity_core.ports.run_ledger import RunLedger
from activity_core.ports.run_queue import RunQueue
from activity_core.ports.slot_ledger import SlotLedger
from activity_core.ports.task_desk import TaskDesk
from activity_core.ports.task_ledger import TaskLedger

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=30)
SECOND = timedelta(seconds=1)
ID = "triage"
RECOVERY_RATE = 2.0


class BoomError(Exception):
    """What goes wrong inside a transaction."""


@dataclass(frozen=True)
class Stores:
    """On one state."""

    tenant: str
    inbox: Inbox
    run_queue: RunQueue
    run_control: RunControl
    rollouts: Rollouts
    run_ledger: RunLedger
    task_ledger: TaskLedger
    task_desk: TaskDesk
    registry: RegistryStore
    outbox: Outbox
    dead_letters: DeadLetters
    reading: Reading
    slots: SlotLedger
    backfills: Backfills
    refusals: Refusals
    flow: FlowStore
    event_replays: EventReplays
    cases: CaseStore

    @classmethod
    def over(cls, tenant: str, own: Any) -> "Stores":
        """Of whatever has all of them by name."""
        names = (each.name for each in fields(cls) if each.name != "tenant")
        return cls(tenant, **{name: getattr(own, name) for name in names})

    def arrival(self, envelope: EventEnvelope, via: str = "http") -> Arrival:
        return Arrival(envelope, self.key(envelope), via)

    def key(self, envelope: EventEnvelope) -> bytes:
        return ids.event_key(self.tenant, envelope.source, envelope.id)

    def run_id(self, envelope: EventEnvelope, definition_id: str = ID) -> str:
        occurrence = ids.occurrence_of_event(envelope.source, envelope.id)
        return ids.run_id(self.tenant, definition_id, occurrence)

    async def accept(self, *envelopes: EventEnvelope, at: datetime = AT) -> list[Acceptance]:
        return await self.inbox.accept([self.arrival(envelope) for envelope in envelopes], at)

    async def publish(
        self,
        *definitions: ActivityDefinition,
        version: int = 1,
        paused: bool = False,
        retired: bool = False,
        at: datetime = AT,
    ) -> int:
        async with self.registry.edit("ann", lambda: at) as edit:
            for each in definitions:
                await edit.publish(each, version)
            return await edit.log(
                [
                    LogLine(
                        each.id,
                        Change.RETIRED if retired else Change.PUBLISHED,
                        version,
                        paused=paused,
                        retired=retired,
                    )
                    for each in definitions
                ]
            )

    async def route(self, *, at: datetime = AT, definition_id: str = ID) -> Mapping[str, int]:
        """Every pending event fires the definition."""
        async with self.inbox.take(1_000) as batch:
            return await record_batch(
                batch, *(fired(each, definition_id=definition_id) for each in batch.events), at=at
            )

    async def fire(self, *envelopes: EventEnvelope, at: datetime = AT) -> list[str]:
        """Pending runs for events; publishes the definition if it is not there."""
        if await self.registry.revision() == 0:
            await self.publish(definition())
        await self.accept(*envelopes, at=at)
        await self.route(at=at)
        return [self.run_id(envelope) for envelope in envelopes]

    async def compose(self, *, together: bool = False, at: datetime = AT) -> list[Execution]:
        def composer(pending: Sequence[PendingRun]) -> list[Execution]:
            return compose(pending, may_share=lambda _: together, max_runs=100)

        return await self.run_queue.compose(1_000, composer, at=at, lease=LEASE)

    async def execution(self, *envelopes: EventEnvelope, at: datetime = AT) -> Execution:
        """One started execution of the runs of some events (default: one event)."""
        await self.fire(*(envelopes or (event(),)), at=at)
        [execution] = await self.compose(together=True, at=at)
        await self.run_queue.mark_started([execution.execution_id])
        return execution

    async def recorded(self, *tasks: TaskSpec, status: TaskStatus = TaskStatus.READY) -> Execution:
        """One started execution of one run that is running, with its tasks recorded."""
        execution = await self.execution()
        async with self.run_ledger.open(execution.execution_id, AT) as opened:
            [run] = opened.runs
            new = [NewTask(each, status) for each in tasks or (spec(run.run_id),)]
            await opened.record([record(run, RunStatus.RUNNING, tasks=new)], AT)
        return execution

    async def retry(self, run_id: str, at: datetime = AT) -> PendingRun:
        """A failed run as its next attempt."""
        async with self.run_control.hold(run_id) as held:
            return await held.retry(at)

    async def outgoing(self, at: datetime = AT) -> list[str]:
        """Ids of the events that a relay would publish now, shard by shard, per key in order."""
        async with self.outbox.take(1_000, at) as batch:
            return [row.event_id for row in batch.rows]


def definition(id_: str = ID, *, enabled: bool = True, title: str = "Triage") -> ActivityDefinition:
    return ActivityDefinition.model_validate(
        {
            "id": id_,
            "title": title,
            "enabled": enabled,
            "trigger": {
                "event": {"type": "order.*"},
                "interval": {"every": "10s"},
                "manual": {"input": {"type": "object"}},
            },
            "rules": [{"id": "all", "tasks": [{"id": "look", "human": {"title": "Look"}}]}],
        }
    )


def event(
    id_: str = "1", *, source: str = "/shop", data: JsonValue = None, type_: str = "order.created"
) -> EventEnvelope:
    return EventEnvelope(id=id_, source=source, type=type_, data=data)


def member(pending: PendingEvent, *, occurrence: str | None = None, version: int = 1) -> Member:
    envelope = pending.envelope
    key = ids.occurrence_of_event(envelope.source, envelope.id)
    return Member(
        input_key=key,
        event_key=pending.key,
        received_at=pending.received_at,
        at=envelope.time or pending.received_at,
        version=version,
        occurrence_key=occurrence or key,
        size=pending.size,
        traceparent=envelope.traceparent,
        causation_depth=envelope.causation_depth,
    )


def fired(
    pending: PendingEvent,
    *,
    definition_id: str = ID,
    occurrence: str | None = None,
    version: int = 1,
) -> tuple[str, Group]:
    return definition_id, Group((member(pending, occurrence=occurrence, version=version),))


def said(
    pending: PendingEvent, outcome: Outcome, reason: str = "", *, definition_id: str = ID
) -> tuple[str, Settled]:
    return definition_id, Settled(Group((member(pending),)), outcome, reason)


def routing(pending: PendingEvent, decided: Decided, *, filtered: int = 0) -> Routing:
    """As many listened as say something about the event, and those that filtered it."""
    groups = [*decided.fired, *((id_, each.group) for id_, each in decided.settled)]
    mine = {id_ for id_, group in groups for each in group.members if each.event_key == pending.key}
    return Routing(pending, 1, len(mine) + filtered, filtered)


async def record_batch(
    batch: RoutingBatch,
    *fires: tuple[str, Group],
    settled: Sequence[tuple[str, Settled]] = (),
    at: datetime = AT,
) -> Mapping[str, int]:
    """Route all events of a batch."""
    decided = Decided(fires, settled)
    return await batch.record([routing(each, decided) for each in batch.events], decided, at)


def spec(
    run_id: str,
    spec_id: str = "look",
    *,
    kind: TaskKind = TaskKind.HUMAN,
    item: int = 0,
    wait: bool = True,
    groups: tuple[str, ...] = (),
    assignee: str | None = None,
    inputs: dict[str, JsonValue] | None = None,
) -> TaskSpec:
    return TaskSpec(
        task_id=ids.task_id(run_id, "all", spec_id, item),
        rule="all",
        spec_id=spec_id,
        item=item,
        kind=kind,
        title="Look",
        inputs=inputs or {},
        needs=(),
        queue=None,
        patience=Patience(1, 1.0, 1.0, 30.0),
        assignee=assignee,
        groups=groups,
        wait=wait,
    )


def record(
    run: ClaimedRun,
    status: RunStatus = RunStatus.COMPLETED,
    *,
    tasks: Sequence[NewTask] = (),
    announcements: Sequence[Announcement] = (),
    failure: RunFailure | None = None,
    snapshot: bytes = b'{"invoices":[]}',
) -> RunRecord:
    return RunRecord(
        run_id=run.run_id,
        status=status,
        snapshot=snapshot,
        context_hash="ab" * 32,
        rules=[RuleTrace("all", evaluated=1, matched=1, tasks=len(tasks))],
        tasks=tasks,
        failure=failure,
        announcements=announcements,
    )


def announcement(event_id: str, key: str = "run-1") -> Announcement:
    return Announcement(event_id, key, "activity-core.task.created.v1", "task-1", b'{"id":"x"}')
