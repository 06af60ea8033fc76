"""Callbacks: the other side of an http task tells later how it ended.

In: the address that it was given, and what it says there. Out: the task's end, told to its run. The
address is its own proof: it holds a signature of the task's id, and there is no other.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256

from activity_core.core.errors import (
    ConfigurationError,
    ConflictError,
    NotFoundError,
    PayloadTooLargeError,
)
from activity_core.core.jsontext import JsonValue, canonical_json
from activity_core.core.run.announcing import task_ended
from activity_core.core.run.task import FINAL, TaskInstance, TaskResult, TaskStatus
from activity_core.core.run.task_outputs import MAX_BYTES
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.task_ledger import Finish, TaskLedger
from activity_core.services.performer import DONE, FAILED
from activity_core.services.relief import relieved

REPORTED = "reported"
"""The type of a failure that the other side told by itself."""
UNSAID = "the other side said that it failed, and not why"
SHORTEST_KEY = 16


class CallbackAddresses:
    """Makes and knows addresses for callbacks; without a key or a base there are none.

    `public_url`: where the API is for others, like `https://tasks.example.com`.

    Raises:
        ConfigurationError: the key is too short to be one.
    """

    def __init__(self, key: str | None = None, public_url: str | None = None) -> None:
        if key is not None and len(key) < SHORTEST_KEY:
            raise ConfigurationError(
                f"it has fewer than {SHORTEST_KEY} characters", subject="the key of callbacks"
            )
        self._key = key.encode() if key and public_url else b""
        self._base = (public_url or "").rstrip("/")

    def __bool__(self) -> bool:
        return bool(self._key)

    def of(self, task_id: str) -> str:
        """Where to tell how a task ended.

        Raises:
            ConfigurationError: this installation has no callbacks.
        """
        if not self:
            raise ConfigurationError(
                "callbacks are not set up",
                hint="set ACTIVITY_CORE_CALLBACK_KEY and ACTIVITY_CORE_PUBLIC_URL",
            )
        return f"{self._base}/v1/callbacks/{task_id}/{self._token(task_id)}"

    def is_genuine(self, task_id: str, token: str) -> bool:
        """Whether the token is ours, and for this task."""
        genuine = hmac.compare_digest(self._token(task_id).encode(), token.encode())
        return bool(self) and genuine

    def _token(self, task_id: str) -> str:
        return hmac.digest(self._key, task_id.encode(), sha256).hex()


@dataclass(frozen=True, slots=True)
class Report:
    """What the other side says: `completed` with outputs, or failed with an error."""

    completed: bool
    outputs: JsonValue = None
    error: str = ""


class Callbacks:
    """Tasks of one tenant whose other side answers later."""

    def __init__(
        self,
        addresses: CallbackAddresses,
        tasks: TaskLedger,
        doorbell: Doorbell,
        clock: Clock,
        *,
        deployment: str,
    ) -> None:
        self._addresses = addresses
        self._tasks = tasks
        self._doorbell = doorbell
        self._clock = clock
        self._deployment = deployment

    async def end(self, task_id: str, token: str, report: Report) -> TaskInstance:
        """End a task once; the same report again answers the stored end.

        Raises:
            NotFoundError: it is no address of ours, whatever is wrong with it.
            PayloadTooLargeError: the outputs are too large.
            ConflictError: the task does not wait, or ended otherwise.
        """
        task = await self._waiting(task_id, token)
        size = len(canonical_json(report.outputs))
        if size > MAX_BYTES:
            raise PayloadTooLargeError(f"the outputs are {size} bytes, over {MAX_BYTES}")
        result = (
            TaskResult(TaskStatus.COMPLETED, DONE, report.outputs)
            if report.completed
            else TaskResult(
                TaskStatus.FAILED, FAILED, error=report.error or UNSAID, error_type=REPORTED
            )
        )
        if task.status is TaskStatus.RUNNING:
            task = await self._finish(task, result)
        if task.status not in FINAL:
            raise ConflictError(f"it does not wait: it is {task.status}", subject=f"task {task_id}")
        if task.result != result:
            raise ConflictError(f"it ended before: {task.status}", subject=f"task {task_id}")
        return task

    async def _waiting(self, task_id: str, token: str) -> TaskInstance:
        """The task. Who guesses learns nothing: not even which tasks there are."""
        if self._addresses.is_genuine(task_id, token):
            try:
                return await self._tasks.get(task_id)
            except NotFoundError:
                pass
        raise NotFoundError("no such callback")

    async def _finish(self, task: TaskInstance, result: TaskResult) -> TaskInstance:
        now = self._clock.now()
        announcement = task_ended(
            task, result, deployment=self._deployment, at=now, attempt=task.run_attempt
        )
        finish = Finish(task.task_id, result, now, [announcement], ring=True)
        finish = await relieved(self._tasks, task, finish, deployment=self._deployment)
        [stored] = await self._tasks.finish_all([finish])
        self._doorbell.ring(Topic.RELAY)
        self._doorbell.ring(Topic.STARTER)
        return stored
