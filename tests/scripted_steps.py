"""The steps of our workflows by name, played from a script: no database, no services."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activity_core.core.run.progress import Patience, Progress, ProgressState, SourceStep, TaskStep
from activity_core.workflows import messages as m

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


@dataclass
class ScriptedSteps:
    """`advances` are answered in order; `errors` are raised first, by step or task or source."""

    advances: Sequence[Progress | Exception]
    errors: dict[str, list[Exception]] = field(default_factory=dict)
    final: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    ready: defaultdict[str, asyncio.Event] = field(
        default_factory=lambda: defaultdict(asyncio.Event)
    )
    hold: asyncio.Event | None = None

    def __post_init__(self) -> None:
        self._advances = iter(self.advances)

    @property
    def all(self) -> Sequence[Callable[..., Any]]:
        return (
            self.advance,
            self.gather_source,
            self.fail_run,
            self.perform_task,
            self.fail_task,
            self.make_ready,
            self.task_states,
            self.close_run,
        )

    def _note(self, call: str, *keys: str) -> None:
        self.calls.append(call)
        for key in keys:
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

    @activity.defn(name=m.PERFORM_TASK)
    async def perform_task(self, task: m.PerformTask) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.hold:
                await self.hold.wait()
            self._note(f"perform {task.task_id}", task.task_id)
        finally:
            self.at_once -= 1

    @activity.defn(name=m.FAIL_TASK)
    async def fail_task(self, verdict: m.FailTask) -> None:
        self._note(f"fail_task {verdict.task_id}: {verdict.message}")

    @activity.defn(name=m.MAKE_READY)
    async def make_ready(self, order: m.MakeReady) -> None:
        for task_id in order.task_ids:
            self._note(f"ready {task_id}")
            self.ready[task_id].set()

    @activity.defn(name=m.TASK_STATES)
    async def task_states(self, question: m.TaskQuestion) -> m.TaskAnswer:
        self._note(f"states {' '.join(question.task_ids)}", "states")
        self.ready["asked"].set()
        return m.TaskAnswer({k: self.final[k] for k in question.task_ids if k in self.final})

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
