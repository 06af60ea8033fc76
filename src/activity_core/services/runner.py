"""The runner: carries out the runs of one execution as far as goes without waiting.

In: an execution; called by the steps of the workflow. Out: a `Progress`
that says what the workflow does next. Every step may be repeated: what is recorded or closed
stays as it is, and the answer is what is stored.
"""

from collections import Counter
from collections.abc import Sequence

from activity_core.core.run.progress import Progress, ProgressState, TaskStep
from activity_core.core.run.run import OPEN, ClaimedRun, RunFailure, RunRecord
from activity_core.core.run.task_steps import as_decided, steps_of
from activity_core.core.run.window import MOST_STEPS, first_window, group_of
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.run_ledger import RunLedger
from activity_core.ports.task_ledger import TaskLedger
from activity_core.services.catalogue import Catalogue
from activity_core.services.run_closer import RunCloser
from activity_core.services.run_context import ContextReader
from activity_core.services.run_recorder import Recorded, RunRecorder


class Runner:
    """Runs of one tenant."""

    def __init__(
        self,
        ledger: RunLedger,
        tasks: TaskLedger,
        catalogue: Catalogue,
        *,
        reader: ContextReader,
        recorder: RunRecorder,
        closer: RunCloser,
        clock: Clock,
        doorbell: Doorbell,
    ) -> None:
        self._ledger = ledger
        self._tasks = tasks
        self._catalogue = catalogue
        self._reader = reader
        self._recorder = recorder
        self._closer = closer
        self._clock = clock
        self._doorbell = doorbell

    async def advance(self, execution_id: str) -> Progress:
        """Decide and record what can be, and say what is left.

        Raises:
            NotFoundError: no such execution.
            UnavailableError: the store cannot be reached; some or none of the runs are recorded.
        """
        await self._catalogue.refresh()
        return await self._progress(execution_id, await self._recorder.record(execution_id))

    async def gather(self, execution_id: str, run_id: str, source: str) -> None:
        """Ask one source of one run and keep its answer.

        Raises:
            ContextUnavailableError: it did not answer.
        """
        run = await self._claimed(execution_id, run_id)
        if run is None or run.recorded or source in run.gathered:
            return
        await self._catalogue.refresh()
        definition = await self._catalogue.definition((run.definition_id, run.version))
        answer = await self._reader.fetch(run, definition, source)
        await self._ledger.keep_gathered(run_id, source, answer)

    async def fail(self, execution_id: str, run_id: str, failure: RunFailure) -> Progress:
        """Record that a run cannot be decided, and go on with the others of its execution."""
        await self._catalogue.refresh()
        refused = await self._recorder.refuse(execution_id, run_id, failure)
        others = await self._recorder.record(execution_id)
        return await self._progress(execution_id, [*refused, *others])

    async def next_tasks(self, execution_id: str, run_id: str, after: str) -> Progress:
        """The tasks of a run that come after a group; none if it is closed meanwhile."""
        run = await self._claimed(execution_id, run_id)
        if run is None:
            return Progress(ProgressState.PERFORM, execution_id, run_id=run_id)
        return await self._window(execution_id, run, after, {})

    async def close(self, execution_id: str, run_id: str) -> Progress:
        """Close a run of which nothing is left, and go on with the others of its execution."""
        run = await self._claimed(execution_id, run_id)
        counts = Counter[str]()
        if run is not None:
            counts[await self._closer.close(run)] += 1
        await self._catalogue.refresh()
        others = await self._recorder.record(execution_id)
        return await self._progress(execution_id, others, counts)

    async def _claimed(self, execution_id: str, run_id: str) -> ClaimedRun | None:
        now = self._clock.now()
        async with self._ledger.open(execution_id, now, only=[run_id]) as execution:
            return next(iter(execution.runs), None)

    async def _progress(
        self, execution_id: str, found: Sequence[Recorded], closed: Counter[str] | None = None
    ) -> Progress:
        """What is left of the first run of which something is left; the next step finds others."""
        counts = Counter(closed)
        left = None
        for each in found:
            if isinstance(each.outcome, RunRecord) and each.outcome.status not in OPEN:
                counts[each.outcome.status] += 1
            elif left is None:
                left = each
        self._doorbell.ring(Topic.RELAY)
        self._doorbell.ring(Topic.FLOW)  # some may wait for a run that is over now
        if left is None:
            return Progress(ProgressState.DONE, execution_id, dict(counts))
        return await self._left(execution_id, left, dict(counts))

    async def _left(self, execution_id: str, left: Recorded, counts: dict[str, int]) -> Progress:
        run, outcome = left.run, left.outcome
        if outcome is None:
            return await self._window(execution_id, run, "", counts)
        if isinstance(outcome, list):
            state = ProgressState.GATHER
            return Progress(state, execution_id, counts, run.run_id, run.attempt, outcome)
        tasks, following = first_window(steps_of(outcome.tasks))
        return _perform(execution_id, run, counts, tasks, following)

    async def _window(
        self, execution_id: str, run: ClaimedRun, after: str, counts: dict[str, int]
    ) -> Progress:
        """The next groups that are recorded, as far as something of them is left."""
        definition = await self._catalogue.definition((run.definition_id, run.version))
        while found := await self._tasks.window(run.run_id, after, MOST_STEPS):
            tasks = steps_of([as_decided(definition, task) for task in found])
            after = group_of(found[-1].rule, found[-1].item)
            following = after if len(found) >= MOST_STEPS else ""
            if tasks or not following:
                return _perform(execution_id, run, counts, tasks, following)
        return _perform(execution_id, run, counts, [], "")


def _perform(
    execution_id: str,
    run: ClaimedRun,
    counts: dict[str, int],
    tasks: list[TaskStep],
    following: str,
) -> Progress:
    return Progress(
        ProgressState.PERFORM,
        execution_id,
        counts,
        run.run_id,
        run.attempt,
        tasks=tasks,
        following=following,
        stop=run.stop,
    )
