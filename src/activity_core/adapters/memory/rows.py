"""Rows of the in-memory tables: immutable, replaced as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from activity_core.core.decision import Outcome
from activity_core.core.definition.flow_control import DEFAULT_PRIORITY
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.decide import RuleTrace
from activity_core.core.rules.occurrence import Occurrence
from activity_core.core.run.run import RunFailure, RunStatus
from activity_core.core.run.task import TaskInstance
from activity_core.ports.backfills import BackfillRequest, BackfillStatus
from activity_core.ports.entrances import EntranceLine
from activity_core.ports.event_replays import EventReplay, EventReplayStatus
from activity_core.ports.registry import LogLine
from activity_core.ports.run_control import RunLine
from activity_core.ports.slot_ledger import SlotCursor

LineT = TypeVar("LineT", LogLine, EntranceLine)


@dataclass(frozen=True, slots=True)
class EventRow:
    """An accepted event."""

    key: bytes
    envelope: EventEnvelope
    digest: bytes
    received_at: datetime
    via: str


@dataclass(frozen=True, slots=True)
class RoutingRow:
    """What became of an event in total."""

    revision: int
    listened: int
    counts: Mapping[str, int]
    routed_at: datetime


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What became of one input for one definition."""

    definition_id: str
    input_key: str
    version: int
    outcome: Outcome
    reason: str
    occurrence_key: str
    decided_at: datetime
    run_id: str | None = None
    event_key: bytes | None = None
    trace: JsonValue = None


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run; `events` are the keys of those it is for, `gathered` what remote sources answered."""

    run_id: str
    definition_id: str
    version: int
    occurrence: Occurrence
    fired_at: datetime
    touched_at: datetime
    events: tuple[bytes, ...] = ()
    priority: int = DEFAULT_PRIORITY
    status: RunStatus = RunStatus.PENDING
    attempt: int = 1
    execution_id: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    recorded: bool = False
    gathered: Mapping[str, JsonValue] = field(default_factory=dict)
    snapshot: bytes | None = None
    context_hash: str | None = None
    rules: tuple[RuleTrace, ...] | None = None
    failure: RunFailure | None = None
    case_id: str | None = None
    stop: str = ""
    rerun_of: str | None = None


@dataclass(frozen=True, slots=True)
class RunLogRow:
    """What somebody did to a run."""

    run_id: str
    line: RunLine
    at: datetime


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A run in the queue of the starter; without `start_at` it waits no longer than it must."""

    run_id: str
    start_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CursorRow:
    """Where the slots of a definition stand, up to where they were audited, and since when."""

    cursor: SlotCursor
    audited_until: datetime
    since: datetime


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """A workflow; with `lease_until` it is not known to be started."""

    execution_id: str
    workflow_id: str
    lease_until: datetime | None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task with its times; `attempts` is the newest attempt that began."""

    task: TaskInstance
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class OutgoingRow:
    """An event that goes out, and how often that failed; it stays when it was sent."""

    position: int
    event_id: str
    key: str
    type: str
    subject: str
    body: bytes
    created_at: datetime
    sent: bool = False
    attempts: int = 0
    retry_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class LogRow(Generic[LineT]):
    """A line of one of the registry's logs, as it was appended."""

    line: LineT
    revision: int
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BackfillRow:
    """A backfill; `runs` by slot, those in `existing` are not its own."""

    request: BackfillRequest
    requested_at: datetime
    runs: Mapping[datetime, str]
    existing: frozenset[datetime]
    status: BackfillStatus = BackfillStatus.RUNNING
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventReplayRow:
    """A replay of recorded events; no page of it before `next_at`."""

    replay: EventReplay
    next_at: datetime

    def is_due(self, at: datetime) -> bool:
        """Whether its next page may be taken."""
        return self.replay.status is EventReplayStatus.RUNNING and self.next_at <= at
