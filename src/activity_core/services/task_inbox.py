"""The inbox of human tasks: what people do with them.

In: requests from the API. Out: the task's new state and its line in the log; when it is over, also
what is announced, who is told, and a doorbell for the workflow of its run: one transaction.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from activity_core.core.expression.condition import rfc3339
from activity_core.core.human import answering, handling
from activity_core.core.human.answering import Answer
from activity_core.core.human.dossier import Change, Dossier, Request
from activity_core.core.human.errors import StaleError
from activity_core.core.human.handling import Recipient
from activity_core.core.human.log import LogEntry
from activity_core.core.human.notices import Told, notifications
from activity_core.core.run.announcing import task_added, task_ended
from activity_core.core.run.task import FINAL, NewTask, TaskInstance, TaskStatus
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.task_desk import OpenTask, TaskDesk
from activity_core.services.catalogue import Catalogue
from activity_core.services.known_task import open_known

Doing = Callable[[Dossier, datetime], Change | None]
"""What a person wants, of a task as it is at that time; None: it is so already."""


class TaskInbox:
    """Human tasks of one tenant.

    What people do answers the task as it is then; repeated, it answers the same and changes
    nothing. All of it raises NotFoundError (no such task), ConflictError (somebody else has it, or
    its state does not allow it; the error says who and which) and StaleError (it is not the
    revision that the request names).
    """

    def __init__(
        self,
        desk: TaskDesk,
        catalogue: Catalogue,
        doorbell: Doorbell,
        clock: Clock,
        *,
        deployment: str,
    ) -> None:
        self._desk = desk
        self._catalogue = catalogue
        self._doorbell = doorbell
        self._clock = clock
        self._deployment = deployment

    async def claim(self, task_id: str, request: Request) -> TaskInstance:
        """It is one person's; FourEyesError if that person may not do it."""
        return await self._do(task_id, lambda found, at: handling.claim(found, request, at))

    async def unclaim(self, task_id: str, request: Request) -> TaskInstance:
        """Nobody has it any more."""
        return await self._do(task_id, lambda found, at: handling.unclaim(found, request, at))

    async def delegate(self, task_id: str, request: Request, to: Recipient) -> TaskInstance:
        """It is for somebody else; BadInputError unless that is either a person or groups."""
        return await self._do(task_id, lambda found, at: handling.delegate(found, request, to, at))

    async def give_back(self, task_id: str, request: Request) -> TaskInstance:
        """It is for its groups again; BadInputError without a reason."""
        return await self._do(task_id, lambda found, at: handling.give_back(found, request, at))

    async def comment(self, task_id: str, request: Request) -> TaskInstance:
        """A word about it; BadInputError if there is none."""
        return await self._do(task_id, lambda found, at: handling.comment(found, request, at))

    async def complete(self, task_id: str, request: Request, answer: Answer) -> TaskInstance:
        """It is done; see `core.human.answering.complete` for what may not fit."""
        return await self._do(
            task_id, lambda found, at: answering.complete(found, request, answer, at)
        )

    async def reject(self, task_id: str, request: Request) -> TaskInstance:
        """It will not be done: it failed; BadInputError without a reason."""
        return await self._do(task_id, lambda found, at: answering.reject(found, request, at))

    async def log(self, task_id: str) -> Sequence[LogEntry]:
        """What was done to it, oldest first: the newest 1,000 lines.

        Raises:
            NotFoundError: no such task.
        """
        return await self._desk.log(task_id)

    async def _do(self, task_id: str, doing: Doing) -> TaskInstance:
        try:
            async with open_known(self._desk, self._catalogue, task_id) as (opened, human):
                dossier = Dossier(opened.task, human, opened.group)
                change = doing(dossier, self._clock.now())
                if change is None:
                    return opened.task
                await self._write(opened, dossier, change)
        except StaleError as error:
            raise await self._told(task_id, error) from None
        if change.task.status in FINAL:
            self._doorbell.ring(Topic.RELAY)
            self._doorbell.ring(Topic.STARTER)
        return change.task

    async def _write(self, opened: OpenTask, dossier: Dossier, change: Change) -> None:
        """What ends it is announced, once; a comment on what is over is not."""
        task, result = change.task, change.task.result
        if result is None or dossier.task.status in FINAL:
            await opened.write(task, change.entry, [])
            return
        ended = task_ended(
            task,
            result,
            deployment=self._deployment,
            at=change.entry.at,
            attempt=task.run_attempt,
        )
        told: list[NewTask] = []
        if task.status is TaskStatus.COMPLETED:
            told = notifications(dossier.human, Told.of(task), "completed")
        said = [
            task_added(task, new, deployment=self._deployment, at=change.entry.at) for new in told
        ]
        await opened.write(task, change.entry, [ended, *said], added=told)

    async def _told(self, task_id: str, error: StaleError) -> StaleError:
        """Also what came last."""
        log = await self._desk.log(task_id, 1)
        if not log:
            return error
        [last] = log
        return StaleError(
            f"{error.message}: {last.action} by {last.by} at {rfc3339(last.at)}",
            subject=error.subject,
            hint=error.hint,
        )
