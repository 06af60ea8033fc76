"""The steps of our workflows by name, played from a script: no database, no services."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from activity_core.core.run.progress import (
    Call,
    Patience,
    Progress,
    ProgressState,
    SourceStep,
    TaskEnd,
    TaskStep,
)
from activity_core.workflows import messages as m
from activity_core.workflows.answers import outputs_of
from activity_core.workflows.codes import stable_codes

DONE = Progress(ProgressState.DONE, counts={"completed": 1})
QUICK = Patience(attempts=2, first_backoff=0.05, longest_backoff=0.05, timeout=5)
EXECUTION, RUN = "exec-1", "run-1"


def gather(*names: str) -> Progress:
    sources = [SourceStep(name, QUICK) for name in names]
    return Progress(ProgressState.GATHER, EXECUTION, run_id=RUN, sources=sources)


def perform(*tasks: TaskStep) -> Progress:
    return Progress(ProgressState.PERFORM, EXECUTION, run_id=RUN, tasks=list(tasks))


def auto(task_id: str, *needs: str, queue: str = "") -> TaskStep:
    return TaskStep(task_id, list(needs), QUICK, queue=queue)


def human(task_id: str, *needs: str, awaited: bool = True) -> TaskStep:
    return TaskStep(
        task_id, list(needs), QUICK, by_person=True, awaited=awaited, hidden=bool(needs)
    )


def fatal(code: str = "task_failed") -> ApplicationError:
    return ApplicationError("no", type=code, non_retryable=True)


COMPLETED, FAILED = TaskEnd("completed", "done"), TaskEnd("failed", "failed")


@dataclass
class ScriptedSteps:
    """`advances` are answered in order; `errors` are raised first, by step or task or source.

    Attributes:
        ends: what performing, calling and showing answers, by task; else it is completed.
        final: what became of tasks outside, by task, as `status` or `status/outcome`.
        windows: further ones, by what they come after.
        undo: compensations by group; those that are over are not answered again.
        called: what the workflow calls, by task; `answers` holds what came of it.
        hold: performing waits for it, of all tasks or of those that are `held`.
    """

    advances: Sequence[Progress | Exception]
    errors: dict[str, list[Exception]] = field(default_factory=dict)
    ends: dict[str, TaskEnd] = field(default_factory=dict)
    final: dict[str, str] = field(default_factory=dict)
    windows: dict[str, Progress] = field(default_factory=dict)
    undo: dict[str, list[TaskStep]] = field(default_factory=dict)
    called: dict[str, Call] = field(default_factory=dict)
    answers: dict[str, object] = field(default_factory=dict)
    stop: str = ""
    calls: list[str] = field(default_factory=list)
    over: set[str] = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0
    ready: defaultdict[str, asyncio.Event] = field(
        default_factory=lambda: defaultdict(asyncio.Event)
    )
    hold: asyncio.Event | None = None
    held: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._advances = iter(self.advances)

    @property
    def all(self) -> Sequence[Callable[..., Any]]:
        return (
            self.advance,
            self.gather_source,
            self.fail_run,
            self.next_tasks,
            self.perform_task,
            self.call_task,
            self.end_task,
            self.fail_task,
            self.skip_tasks,
            self.make_ready,
            self.task_states,
            self.begin_compensation,
            self.compensation_failed,
            self.close_run,
        )

    def _note(self, call: str, *keys: str) -> None:
        self.calls.append(call)
        for key in keys:
            self.ready[f"asked {key}"].set()
            if errors := self.errors.get(key):
                raise errors.pop(0)

    @activity.defn(name=m.ADVANCE)
    async def advance(self, request: m.RunRequest) -> Progress:
        self._note(f"advance {request.execution_id}", "advance")
        answer = next(self._advances)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @activity.defn(name=m.GATHER_SOURCE)
    async def gather_source(self, question: m.GatherSource) -> None:
        self._note(f"gather {question.source}", question.source)

    @activity.defn(name=m.FAIL_RUN)
    async def fail_run(self, verdict: m.FailRun) -> Progress:
        self._note(f"fail_run {verdict.code}: {verdict.message}")
        return Progress(ProgressState.DONE, counts={"failed": 1})

    @activity.defn(name=m.NEXT_TASKS)
    async def next_tasks(self, question: m.NextTasks) -> Progress:
        self._note(f"next {question.after}", "next")
        return self.windows[question.after]

    @activity.defn(name=m.PERFORM_TASK)
    async def perform_task(self, task: m.PerformTask) -> TaskEnd:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.ready[f"begun {task.task_id}"].set()
        try:
            if self.hold and (not self.held or task.task_id in self.held):
                await self._held(self.hold)
            self._note(f"perform {task.task_id}", task.task_id)
        except asyncio.CancelledError:
            self._note(f"cancelled {task.task_id}")
            raise
        finally:
            self.at_once -= 1
        end = self.ends.get(task.task_id, COMPLETED)
        if end.status != "running":
            self.over.add(task.task_id)
        return end

    async def _held(self, hold: asyncio.Event) -> None:
        """Wait for the test, with signs of life, so that a cancellation arrives."""
        while not hold.is_set():
            activity.heartbeat()
            with suppress(TimeoutError):
                await asyncio.wait_for(hold.wait(), timeout=0.1)

    @activity.defn(name=m.CALL_TASK)
    async def call_task(self, task: m.CallTask) -> Call:
        self._note(f"call {task.task_id}", f"call {task.task_id}")
        return self.called[task.task_id]

    @activity.defn(name=m.END_TASK)
    async def end_task(self, task: m.EndTask, answer: RawValue) -> TaskEnd:
        self._note(f"end {task.task_id}", f"end {task.task_id}")
        with stable_codes():
            self.answers[task.task_id] = outputs_of(answer)
        return COMPLETED

    @activity.defn(name=m.FAIL_TASK)
    async def fail_task(self, verdict: m.FailTask) -> TaskEnd:
        self._note(f"fail_task {verdict.task_id}: {verdict.error_type}: {verdict.message}")
        self.over.add(verdict.task_id)
        return self.ends.get(f"fail {verdict.task_id}", FAILED)

    @activity.defn(name=m.SKIP_TASKS)
    async def skip_tasks(self, order: m.SkipTasks) -> None:
        self._note(f"skip {' '.join(order.task_ids)}")

    @activity.defn(name=m.MAKE_READY)
    async def make_ready(self, order: m.MakeReady) -> m.TaskAnswer:
        for task_id in order.task_ids:
            self._note(f"ready {task_id}")
            self.ready[task_id].set()
        ends = {id_: self.ends[id_] for id_ in order.task_ids if id_ in self.ends}
        return m.TaskAnswer(
            {id_: end.status for id_, end in ends.items()},
            {id_: end.outcome for id_, end in ends.items()},
        )

    @activity.defn(name=m.TASK_STATES)
    async def task_states(self, question: m.TaskQuestion) -> m.TaskAnswer:
        self._note(f"states {' '.join(question.task_ids)}", "states")
        self.ready["asked"].set()
        ends = {id_: self.final[id_].split("/") for id_ in question.task_ids if id_ in self.final}
        return m.TaskAnswer(
            {id_: end[0] for id_, end in ends.items()},
            {id_: end[1] for id_, end in ends.items() if len(end) > 1},
            self.stop,
        )

    @activity.defn(name=m.BEGIN_COMPENSATION)
    async def begin_compensation(self, order: m.BeginCompensation) -> m.Compensations:
        self._note(f"undo {order.group or 'all'}")
        steps = self.undo.get(order.group, [])
        return m.Compensations([step for step in steps if step.task_id not in self.over][:2])

    @activity.defn(name=m.COMPENSATION_FAILED)
    async def compensation_failed(self, failure: m.CompensationFailed) -> None:
        self._note(f"help {failure.task_id}")

    @activity.defn(name=m.CLOSE_RUN)
    async def close_run(self, closing: m.CloseRun) -> Progress:
        self._note(f"close {closing.run_id}")
        return DONE


@dataclass
class ScriptedSettler:
    """Raises `errors` first; `asked` holds the ids of the workflows that ticked."""

    runs: int = 1
    errors: list[Exception] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @activity.defn(name=m.SETTLE_SLOTS)
    async def settle_slots(self, _: None) -> int:
        self.asked.append(activity.info().workflow_id or "")
        if self.errors:
            raise self.errors.pop(0)
        return self.runs
