"""What ends outside of the workflow: people's tasks, callbacks, tasks that operators take away.

Used by `task_graph`. A payload-free signal rings; then the database is asked what became of the
tasks, and whether the run is to stop. It is asked anyway whenever somebody begins to wait, so no
signal is needed to learn of what came first.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow

from activity_core.core.run.progress import TaskEnd
from activity_core.workflows.calls import local
from activity_core.workflows.messages import TASK_STATES, TaskAnswer, TaskQuestion

LOOK_AGAIN = timedelta(hours=1)
"""After this long without a signal the database is asked anyway."""

TAKEN_AWAY = frozenset({"cancelled", "skipped"})
"""How a task ends that machines do and somebody else ends."""

EVERY_RING_IS_HEARD = "every-ring-is-heard"
"""Before this patch a signal was of no consequence while nobody waited for a person."""


@dataclass(slots=True)
class Doorbell:
    """Whether it rang since somebody looked; there before anybody listens, so no ring is lost."""

    rung: bool = False


class Outside:
    """Waits for ends from outside. `taken_away` and `stopped` are told what else is learnt."""

    def __init__(
        self,
        doorbell: Doorbell,
        taken_away: Callable[[str, TaskEnd], None],
        stopped: Callable[[], None],
    ) -> None:
        self._doorbell = doorbell
        self._taken_away = taken_away
        self._stopped = stopped
        self._over = False
        self._expected: dict[str, asyncio.Future[TaskEnd]] = {}
        self._machines: dict[str, None] = {}

    @property
    def expected(self) -> int:
        """How many tasks somebody waits for here."""
        return len(self._expected)

    def close(self) -> None:
        """Nobody waits any more: `watch` returns when its last question is answered."""
        self._over = True

    def expect(self, task_id: str) -> asyncio.Future[TaskEnd]:
        """Listen for the end of a task, from before it can be done."""
        future = self._expected[task_id] = asyncio.get_running_loop().create_future()
        return future

    def look(self) -> None:
        """Ask again, for what came before somebody listened."""
        self._doorbell.rung = True

    def settle(self, task_id: str, end: TaskEnd) -> bool:
        """The end of a task that is expected; False if it is not."""
        future = self._expected.pop(task_id, None)
        if future is not None and not future.done():
            future.set_result(end)
        return future is not None

    def look_after(self, task_id: str) -> None:
        """A machine does it: somebody may take it away."""
        self._machines[task_id] = None

    def leave(self, task_id: str) -> None:
        """No machine does it any more."""
        self._machines.pop(task_id, None)

    async def watch(self, run_id: str, looked: Callable[[], None]) -> None:
        """Look whenever it rings or somebody begins to wait, until closed; tell `looked`."""
        while True:
            await workflow.wait_condition(
                lambda: self._over or self._doorbell.rung or bool(self._expected)
            )
            if self._over:
                return
            self._doorbell.rung = False
            if not self._expected and not workflow.patched(EVERY_RING_IS_HEARD):
                continue
            await self._look(run_id)
            looked()
            if self._expected:
                with suppress(TimeoutError):
                    await workflow.wait_condition(
                        lambda: self._doorbell.rung or self._over, timeout=LOOK_AGAIN
                    )

    async def _look(self, run_id: str) -> None:
        asked = [*self._expected, *self._machines]
        answer = await local(TASK_STATES, TaskQuestion(run_id, asked), TaskAnswer)
        for task_id, status in answer.final.items():
            end = TaskEnd(status, answer.outcomes.get(task_id, ""))
            if not self.settle(task_id, end) and status in TAKEN_AWAY:
                self._taken_away(task_id, end)
        if answer.stop:
            self._stopped()
