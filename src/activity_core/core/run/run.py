"""Runs: one execution of one definition version for one occurrence.

Written pending by the router, composed into executions by the starter, carried out and recorded
by the runner, closed by the workflow or the auditor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from activity_core.core.definition.flow_control import DEFAULT_PRIORITY
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.decide import RuleTrace
from activity_core.core.rules.occurrence import Occurrence
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.task import NewTask


class RunStatus(StrEnum):
    """Where a run stands; the last four are final (an operator's retry reopens `failed`)."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    COMPENSATED = "compensated"


OPEN = frozenset({RunStatus.PENDING, RunStatus.RUNNING})

COMPENSATE = "compensate"
"""What a running run may be asked to do instead of going on."""


@dataclass(frozen=True, slots=True)
class PendingRun:
    """A decided run that no execution carries out yet.

    Attributes:
        attempt: counts from 1.
        priority: 1 (first) to 5 (last).
        size: bytes of the events or the input that it is for, as far as the queue knows.
    """

    run_id: str
    definition_id: str
    version: int
    occurrence_key: str
    attempt: int
    priority: int = DEFAULT_PRIORITY
    size: int = 0


@dataclass(frozen=True, slots=True)
class Execution:
    """One Temporal workflow and the committed runs that it carries out.

    `priority` is that of the most urgent one. The rest is what they are found by, each sorted:
    ids of definitions, `id@version`, occurrence keys, owners of definitions.
    """

    execution_id: str
    workflow_id: str
    runs: tuple[str, ...]
    definitions: tuple[str, ...] = ()
    priority: int = DEFAULT_PRIORITY
    versions: tuple[str, ...] = ()
    occurrences: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFailure:
    """Why a run failed: a stable code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run as its execution finds it, locked for recording.

    Attributes:
        recorded: its tasks are written; only what is left of them may still be done.
        gathered: what its remote sources answered so far, by source name.
        stop: `COMPENSATE` if it is to undo what it did and end, else empty.
    """

    run_id: str
    definition_id: str
    version: int
    occurrence: Occurrence
    attempt: int
    status: RunStatus
    recorded: bool
    gathered: Mapping[str, JsonValue] = field(default_factory=dict)
    stop: str = ""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run decided, to be written in one transaction with its announcements.

    `status` is `completed` (nothing left to do), `running` (tasks are to be performed or waited
    for) or `failed` (with `failure`, and no tasks). `notifications` are tasks as well, but no run
    carries them out: they wait for the starter.
    """

    run_id: str
    status: RunStatus
    snapshot: bytes
    context_hash: str
    rules: Sequence[RuleTrace] = ()
    tasks: Sequence[NewTask] = ()
    failure: RunFailure | None = None
    announcements: Sequence[Announcement] = ()
    notifications: Sequence[NewTask] = ()
