"""Work for machines: the kinds of automated tasks, and how patiently they are tried.

A task template, its compensation and a notification are each one piece of work. Texts may hold
`${…}` with CEL inside.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from activity_core.core.definition.duration import Duration
from activity_core.core.definition.model import Expression, Model, OneOf, Slug
from activity_core.core.definition.retry import Retry
from activity_core.core.definition.timeouts import Timeouts

Rendered = Annotated[str, Field(min_length=1, max_length=4_000, strict=True)]
"""Text that may hold `${…}` with CEL inside."""
TypeName = Annotated[str, Field(min_length=1, max_length=200, strict=True)]
"""A Temporal activity or workflow type, as its worker registered it."""
QueueName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,200}$", strict=True)]


class Callback(Model):
    """The other side answers later, by `POST` to the address that it gets (`${callback_url}`)."""

    within: Duration


class HttpTask(Model):
    """One request per attempt, with the task id as `Idempotency-Key`.

    Without the conditions any 2xx is success, 408/425/429/5xx are tried again, the rest fail at
    once. `success`, `retry_when` and `outputs` see `response` {status, headers, body}.
    """

    connection: Slug | None = None
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    url: Rendered
    headers: dict[str, str] = Field(default_factory=dict, max_length=50)
    json_: Any = Field(default=None, alias="json")
    form: dict[str, Rendered] | None = Field(default=None, max_length=200)
    success: Expression | None = None
    retry_when: Expression | None = None
    outputs: Expression | None = None
    callback: Callback | None = None

    @model_validator(mode="after")
    def _one_body(self) -> "HttpTask":
        if self.json_ is not None and self.form is not None:
            raise PydanticCustomError("body", "`json` and `form` exclude each other")
        return self


class PythonTask(Model):
    """A plug-in of the entry point group `activity_core.tasks`."""

    plugin: Annotated[str, Field(min_length=1, max_length=200, strict=True)]
    args: dict[str, Any] = Field(default_factory=dict)


class TemporalActivityTask(Model):
    """A Temporal activity of the team's own worker, in whatever language, on the task's queue."""

    type: TypeName
    args: tuple[Any, ...] = Field(default=(), max_length=20)


class TemporalWorkflowTask(Model):
    """A child workflow of the team's own worker, on the task's queue."""

    type: TypeName
    args: tuple[Any, ...] = Field(default=(), max_length=20)
    parent_close: Literal["terminate", "abandon", "request_cancel"] = "request_cancel"


class SqlTask(Model):
    """One statement on a connection with `write: true`; `:task_id` is bound for idempotency.

    Outputs: `row_count`, and `rows` of a `returning` clause.
    """

    connection: Slug
    statement: Annotated[str, Field(min_length=1, max_length=20_000, strict=True)]
    params: dict[str, Expression] = Field(default_factory=dict, max_length=100)


OURS = "activity-core."
"""Event types that only this system may send."""


def _not_ours(event_type: str) -> str:
    if event_type.startswith(OURS):
        raise PydanticCustomError(
            "reserved", "types beginning with `{prefix}` are sent by the system", {"prefix": OURS}
        )
    return event_type


EventType = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_:/-]+(\.[A-Za-z0-9_:/-]+)*$", max_length=255, strict=True),
    AfterValidator(_not_ours),
]
"""Segments between single dots: it becomes a subject or routing key of the broker."""


class EmitTask(Model):
    """An event of the team's own, published through the outbox."""

    type: EventType
    subject: Rendered | None = None
    data: Any = None


class MailTask(Model):
    """A message by SMTP; its Message-ID derives from the task, so that readers can dedupe."""

    connection: Slug
    to: Annotated[tuple[Rendered, ...], Field(min_length=1, max_length=50)]
    subject: Rendered
    text: Annotated[str, Field(min_length=1, max_length=20_000, strict=True)]


class Work(OneOf):
    """What a machine does, on which queue, how often and for how long it is tried."""

    kinds: ClassVar[tuple[str, ...]] = (
        "http",
        "python",
        "activity",
        "workflow",
        "sql",
        "emit",
        "mail",
    )

    http_: HttpTask | None = Field(default=None, alias="http")
    python_: PythonTask | None = Field(default=None, alias="python")
    activity_: TemporalActivityTask | None = Field(default=None, alias="activity")
    workflow_: TemporalWorkflowTask | None = Field(default=None, alias="workflow")
    sql_: SqlTask | None = Field(default=None, alias="sql")
    emit_: EmitTask | None = Field(default=None, alias="emit")
    mail_: MailTask | None = Field(default=None, alias="mail")
    queue: QueueName | None = None
    retry: Retry = Retry()
    timeout: Timeouts = Timeouts()
    priority: Annotated[int, Field(ge=1, le=5, strict=True)] | None = None

    @property
    def kind(self) -> str:
        """Which of `kinds` it is."""
        return self.given

    @property
    def connection(self) -> str | None:
        """Id of the connection that it names, if it names one."""
        part = self.http_ or self.sql_ or self.mail_
        return part.connection if part else None
