"""Control of runs in memory."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.decisions import decide, enqueue, queue_for_case
from activity_core.adapters.memory.ending import end_runs, open_work
from activity_core.adapters.memory.outbox import announce
from activity_core.adapters.memory.reopening import reopen
from activity_core.adapters.memory.rows import DecisionRow, RunLogRow, RunRow
from activity_core.adapters.memory.state import State, Tables
from activity_core.adapters.memory.task_rows import end
from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.errors import NotFoundError
from activity_core.core.jsontext import JsonValue, parse_json
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.ending import Ending, OpenWork
from activity_core.core.run.run import COMPENSATE, PendingRun, RunStatus
from activity_core.core.run.task import TaskInstance, TaskResult
from activity_core.ports.run_control import HeldRun, Rerun, RunLine, RunStanding
from activity_core.ports.run_queue import Signal, SignalKind, Submission


class MemoryRunControl:
    """See `ports.run_control.RunControl`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def hold(self, run_id: str) -> AbstractAsyncContextManager[HeldRun]:
        """See `RunControl.hold`."""
        return self._hold(run_id)

    @asynccontextmanager
    async def _hold(self, run_id: str) -> AsyncIterator[HeldRun]:
        async with self._state.transaction() as tables:
            if run_id not in tables.runs:
                raise NotFoundError("no such run", subject=f"run {run_id}")
            yield MemoryHeldRun(self._state, tables, run_id)


class MemoryHeldRun:
    """See `ports.run_control.HeldRun`."""

    def __init__(self, state: State, tables: Tables, run_id: str) -> None:
        self._state = state
        self._tables = tables
        row = tables.runs[run_id]
        answers = _answers(row)
        self.run = RunStanding(
            row.run_id,
            row.definition_id,
            row.version,
            row.attempt,
            row.status,
            row.recorded,
            row.stop,
            None if answers is None else list(answers),
        )

    @property
    def _row(self) -> RunRow:
        return self._tables.runs[self.run.run_id]

    async def work(self) -> OpenWork:
        """See `HeldRun.work`."""
        [work] = open_work(self._tables, [self.run.run_id])
        return work

    async def task(self, task_id: str) -> TaskInstance:
        """See `HeldRun.task`."""
        row = self._tables.tasks.get(task_id)
        if row is None or row.task.run_id != self.run.run_id:
            raise NotFoundError("no such task", subject=f"task {task_id}")
        return row.task

    async def end(
        self, ending: Ending, kind: SignalKind, told: Sequence[Announcement], at: datetime
    ) -> None:
        """See `HeldRun.end`."""
        end_runs(self._state, self._tables, ending, kind, {self.run.run_id: told}, at=at)

    async def compensate(self) -> None:
        """See `HeldRun.compensate`."""
        self._tables.runs[self.run.run_id] = replace(self._row, stop=COMPENSATE)
        self._ring()

    async def retry(self, at: datetime) -> PendingRun:
        """See `HeldRun.retry`."""
        again = reopen(self._tables, self._row, at)
        case = self._tables.cases.get(again.case_id or "")
        if case is None or again.recorded:
            enqueue(self._state, self._tables, again)
        else:  # it is decided anew, over the state as its case has it then
            queue_for_case(self._state, self._tables, again, case.case.key)
        return PendingRun(
            again.run_id,
            again.definition_id,
            again.version,
            again.occurrence.key,
            again.attempt,
            again.priority,
        )

    async def skip(
        self, task_id: str, result: TaskResult, told: Sequence[Announcement], at: datetime
    ) -> None:
        """See `HeldRun.skip`."""
        end(self._tables, self._tables.tasks[task_id], result, at)
        announce(self._state, self._tables, told, at)
        self._ring()

    async def rerun(self, wanted: Rerun, at: datetime) -> Submission:
        """See `HeldRun.rerun`."""
        row, tables = self._row, self._tables
        new = ids.run_id(self._state.tenant, row.definition_id, wanted.occurrence_key)
        if new in tables.runs:
            return Submission(new, created=False)
        answers = _answers(row) or {}
        again = RunRow(
            new,
            row.definition_id,
            wanted.version,
            replace(row.occurrence, key=wanted.occurrence_key),
            at,
            at,
            row.events,
            priority=row.priority,
            gathered={name: answers[name] for name in answers.keys() & set(wanted.sources)},
            rerun_of=row.run_id,
        )
        decide(
            tables,
            DecisionRow(
                definition_id=row.definition_id,
                input_key=wanted.occurrence_key,
                version=wanted.version,
                outcome=Outcome.FIRED,
                reason=wanted.reason,
                occurrence_key=wanted.occurrence_key,
                decided_at=at,
                run_id=new,
            ),
        )
        enqueue(self._state, tables, again)
        return Submission(new, created=True)

    async def note(self, line: RunLine, at: datetime) -> None:
        """See `HeldRun.note`."""
        row = RunLogRow(self.run.run_id, line, at)
        self._tables.run_log[self._state.next_position()] = row

    def _ring(self) -> None:
        row = self._row
        if row.status is RunStatus.RUNNING and row.execution_id is not None:
            position = self._state.next_position()
            workflow_id = self._tables.executions[row.execution_id].workflow_id
            self._tables.pending_signals[position] = Signal(position, workflow_id)


def _answers(row: RunRow) -> dict[str, JsonValue] | None:
    """What the sources of a run said, if it came so far."""
    snapshot = parse_json(row.snapshot) if row.snapshot is not None else None
    found = snapshot.get("context") if isinstance(snapshot, dict) else None
    return found if isinstance(found, dict) else None
