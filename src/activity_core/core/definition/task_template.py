"""Task templates: what a rule makes of a match. Part of a `definition`; rendered by `rules`."""

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, StrictBool, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from activity_core.core.definition.duration import Duration
from activity_core.core.definition.json_schema import JsonSchema
from activity_core.core.definition.model import Expression, Model, OneOf, Slug, Text
from activity_core.core.definition.retry import Retry

Rendered = Annotated[str, Field(min_length=1, max_length=4_000, strict=True)]
"""Text that may hold `${…}` with CEL inside."""


FORM_OR_FILE = {
    "anyOf": [
        {"type": "object"},
        {"type": "string", "examples": ["call-outcome.schema.json"]},
        {"type": "null"},
    ]
}
"""In a file, a form is a JSON Schema or the name of a file with one."""


class HttpTask(Model):
    """One request; any 2xx is success, 408/425/429/5xx are tried again, the rest fail at once.

    An `Idempotency-Key` header with the task id goes along with every attempt.
    """

    connection: Slug | None = None
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    url: Rendered
    headers: dict[str, str] = Field(default_factory=dict, max_length=50)
    json_: Any = Field(default=None, alias="json")


class PythonTask(Model):
    """A plug-in of the entry point group `activity_core.tasks`."""

    plugin: Annotated[str, Field(min_length=1, max_length=200, strict=True)]
    args: dict[str, Any] = Field(default_factory=dict)


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


class Assignment(Model):
    """Who may do a human task: one person, or groups."""

    user: Rendered | None = None
    group: Rendered | None = None
    groups: tuple[Rendered, ...] = ()

    @property
    def all_groups(self) -> tuple[str, ...]:
        """The groups, however they were spelled."""
        return self.groups or ((self.group,) if self.group else ())


class HumanTask(Model):
    """Work for a person: a row in the inbox until somebody completes it."""

    not_built_yet: ClassVar[frozenset[str]] = frozenset({"remind", "escalate"})

    title: Rendered
    description: Annotated[str, Field(max_length=20_000)] = ""
    assign: Assignment = Assignment()
    form: Annotated[JsonSchema | None, WithJsonSchema(FORM_OR_FILE)] = None
    due: Duration | None = None
    wait: StrictBool = False

    @field_validator("form", mode="before")
    @classmethod
    def _form_is_a_schema(cls, value: Any) -> Any:
        """A file name is replaced by its content where files are read, not here."""
        if isinstance(value, str):
            raise PydanticCustomError(
                "form_file",
                "`form` names a file, which only `activity-core validate` and `apply` can read; "
                "give the JSON Schema itself",
            )
        return value


class TaskTemplate(OneOf):
    """One task per match; `needs` names templates of the same rule that must be done before."""

    not_built_yet: ClassVar[frozenset[str]] = frozenset({"compensate", "workflow", "subflow"})
    kinds: ClassVar[tuple[str, ...]] = ("http", "python", "emit", "human")

    id: Slug
    title: Text | None = None
    needs: tuple[Slug, ...] = ()
    when: Expression | None = None
    http_: HttpTask | None = Field(default=None, alias="http")
    python_: PythonTask | None = Field(default=None, alias="python")
    emit_: EmitTask | None = Field(default=None, alias="emit")
    human_: HumanTask | None = Field(default=None, alias="human")
    queue: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,200}$")] | None = None
    retry: Retry = Retry()
    timeout: Annotated[Duration, Field(gt=timedelta(), le=timedelta(hours=24))] = timedelta(
        seconds=30
    )

    @property
    def kind(self) -> str:
        """Which of `kinds` it is."""
        return self.given
