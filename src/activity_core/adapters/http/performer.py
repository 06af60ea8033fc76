"""Tasks of kind `http`: one request per attempt, the task id as idempotency key."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import httpx

from activity_core.adapters.http.exchange import Answer, Ask, exchange
from activity_core.core.definition.connection import Connection
from activity_core.core.errors import BadInputError
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.task import TaskInstance

RETRYABLE = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
"""And every 5xx: the other side may do better next time."""
TIMEOUT = 30.0
"""Seconds without a byte; the whole attempt is bounded by the task's own timeout."""


class HttpPerformer:
    """Performs http tasks; `connection` finds a connection by id."""

    def __init__(
        self, client: httpx.AsyncClient, connection: Callable[[str], Awaitable[Connection]]
    ) -> None:
        self._client = client
        self._connection = connection

    async def perform(self, task: TaskInstance) -> JsonValue:
        """Send it; the outputs are `{"status", "body"}`.

        Raises:
            TaskFailedError: retryable after 408, 425, 429, 5xx and broken exchanges.
        """
        subject = f"task {task.task_id}"
        name = task.inputs.get("connection")
        try:
            connection = await self._connection(str(name)) if name else None
            answer = await exchange(self._client, _ask(task), connection, TIMEOUT)
        except BadInputError as error:
            raise TaskFailedError(str(error), subject=subject, retryable=False) from error
        except httpx.HTTPError as error:
            raise TaskFailedError(str(error) or type(error).__name__, subject=subject) from error
        if not answer.ok:
            raise _refused(answer, subject)
        return {"status": answer.status, "body": answer.json_or_text()}


def _ask(task: TaskInstance) -> Ask:
    given = task.inputs.get("headers")
    headers = {str(k): str(v) for k, v in given.items()} if isinstance(given, dict) else {}
    headers["idempotency-key"] = task.task_id
    if task.traceparent:
        headers.setdefault("traceparent", task.traceparent)
    return Ask(
        str(task.inputs["method"]), str(task.inputs["url"]), headers, task.inputs.get("json")
    )


def _refused(answer: Answer, subject: str) -> TaskFailedError:
    retryable = answer.status in RETRYABLE or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    text = answer.body[:200].decode(errors="replace")
    return TaskFailedError(
        f"it answered {answer.status}: {text}", subject=subject, retryable=retryable
    )
