"""Tasks of kind `http`: one request per attempt, the task id as idempotency key.

In: rendered tasks. Out: what the answer comes to, by the conditions that the task may have.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from http import HTTPStatus

import httpx

from activity_core.adapters.heartbeats import beating
from activity_core.adapters.http.exchange import Answer, AnswerTooLongError, Ask, exchange
from activity_core.core.definition.connection import Connection
from activity_core.core.definition.duration import parse_duration
from activity_core.core.errors import (
    BadInputError,
    ConfigurationError,
    ExpressionError,
    NotFoundError,
)
from activity_core.core.expression.condition import compile_expression
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.task import TaskInstance
from activity_core.core.run.task_outputs import TOO_LARGE, storable
from activity_core.ports.task_performer import Attempt, Performed

RETRYABLE = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
"""And every 5xx: the other side may do better next time."""
PATIENCE = httpx.Timeout(None, connect=10.0)
"""An attempt as a whole is bounded by the task's own timeout."""
CALLBACK_URL = "${callback_url}"
_RESPONSE = frozenset({"response"})


class HttpPerformer:
    """Performs http tasks; `connection` finds a connection by id.

    `callback_url`: where the other side tells how a task ended that it answers later.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        connection: Callable[[str], Awaitable[Connection]],
        callback_url: Callable[[str], str],
    ) -> None:
        self._client = client
        self._connection = connection
        self._callback_url = callback_url

    async def perform(self, task: TaskInstance, attempt: Attempt) -> Performed:
        """Send it; the outputs are `{"status", "body"}` unless the task says otherwise.

        Raises:
            TaskFailedError: `http_404` and so on after an answer that is none, `unreachable` and
                `timeout` without one, `too_large` after one that is too long.
        """
        subject = f"task {task.task_id}"
        async with beating(attempt):
            answer = await self._ask(task, subject)
        _judge(task, answer, subject)
        if (callback := task.inputs.get("callback")) is not None:
            return Performed(waits=_within(callback))
        return Performed(storable(_outputs(task, answer, subject), subject))

    async def _ask(self, task: TaskInstance, subject: str) -> Answer:
        name = task.inputs.get("connection")
        try:
            connection = await self._connection(str(name)) if name else None
            return await exchange(self._client, self._words(task), connection, PATIENCE)
        except AnswerTooLongError as error:
            raise TaskFailedError(
                str(error), subject=subject, type=TOO_LARGE, retryable=False
            ) from None
        except (BadInputError, ConfigurationError, NotFoundError) as error:
            raise TaskFailedError(
                str(error), subject=subject, type=error.code, retryable=False
            ) from None
        except httpx.HTTPError as error:
            late = isinstance(error, httpx.TimeoutException)
            raise TaskFailedError(
                f"{_other_side(task)}: {str(error) or type(error).__name__}",
                subject=subject,
                type="timeout" if late else "unreachable",
            ) from None

    def _words(self, task: TaskInstance) -> Ask:
        inputs: Mapping[str, JsonValue] = task.inputs
        if inputs.get("callback") is not None:
            address = self._callback_url(task.task_id)
            inputs = {name: _replaced(value, address) for name, value in inputs.items()}
        headers = {name.lower(): value for name, value in _texts(inputs.get("headers")).items()}
        headers["idempotency-key"] = task.task_id
        if task.traceparent:
            headers.setdefault("traceparent", task.traceparent)
        return Ask(
            str(inputs["method"]),
            str(inputs["url"]),
            headers,
            inputs.get("json"),
            _texts(inputs.get("form")),
        )


def _other_side(task: TaskInstance) -> str:
    """Who does not answer; the whole address may hold what is nobody's business."""
    if name := task.inputs.get("connection"):
        return f"connection {name}"
    return httpx.URL(str(task.inputs["url"])).host


def _judge(task: TaskInstance, answer: Answer, subject: str) -> None:
    """Raise unless it is a success. A condition that cannot be evaluated decides nothing."""
    why = ""
    success = answer.ok
    if (condition := task.inputs.get("success")) is not None:
        try:
            success = _holds(str(condition), answer)
            why = "" if success else ", which is no success here"
        except ExpressionError as error:
            success, why = False, f", of which `success` cannot be told ({error.message})"
    if success:
        return
    retryable = answer.status in RETRYABLE or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if (condition := task.inputs.get("retry_when")) is not None:
        try:
            retryable = _holds(str(condition), answer)
        except ExpressionError as error:
            why += f", of which `retry_when` cannot be told ({error.message})"
    text = answer.body[:200].decode(errors="replace")
    raise TaskFailedError(
        f"it answered {answer.status}{why}: {text}",
        subject=subject,
        type=f"http_{answer.status}",
        retryable=retryable,
        retry_after=_retry_after(answer.headers.get("retry-after", "")),
    )


def _outputs(task: TaskInstance, answer: Answer, subject: str) -> JsonValue:
    text = task.inputs.get("outputs")
    if text is None:
        return {"status": answer.status, "body": answer.json_or_text()}
    try:
        return compile_expression(str(text), variables=_RESPONSE).evaluate(_seen(answer))
    except ExpressionError as error:
        raise TaskFailedError(
            f"`outputs` cannot be told: {error.message}",
            subject=subject,
            type=error.code,
            retryable=False,
        ) from None


def _holds(condition: str, answer: Answer) -> bool:
    return compile_expression(condition, variables=_RESPONSE).holds(_seen(answer))


def _seen(answer: Answer) -> Mapping[str, JsonValue]:
    return {
        "response": {
            "status": answer.status,
            "headers": dict(answer.headers),
            "body": answer.json_or_text(),
        }
    }


def _retry_after(header: str) -> timedelta | None:
    """The delay that the other side asks for; its other spelling, a date, needs equal clocks."""
    seconds = int(header[:9]) if header.isdecimal() else 0
    return timedelta(seconds=seconds) if seconds else None


def _within(callback: JsonValue) -> timedelta:
    assert isinstance(callback, dict)  # noqa: S101 - rendered by us
    return parse_duration(str(callback["within"]))


def _texts(value: JsonValue) -> dict[str, str]:
    return {name: str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _replaced(value: JsonValue, address: str) -> JsonValue:
    """With the address wherever the placeholder stands."""
    match value:
        case str():
            return value.replace(CALLBACK_URL, address)
        case dict():
            return {name: _replaced(part, address) for name, part in value.items()}
        case list():
            return [_replaced(part, address) for part in value]
        case _:
            return value
