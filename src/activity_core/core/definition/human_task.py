"""Human tasks as teams write them: who, by when, what happens when nobody does it.

Part of a `task_template`. Deadlines count from the moment when the task can be done.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from activity_core.core.definition.day import WallTime
from activity_core.core.definition.duration import Duration
from activity_core.core.definition.json_schema import JsonSchema
from activity_core.core.definition.model import Model, Slug
from activity_core.core.definition.slot_trigger import TimeZone
from activity_core.core.definition.work import Rendered, Work

FORM_OR_FILE = {
    "anyOf": [
        {"type": "object"},
        {"type": "string", "examples": ["call-outcome.schema.json"]},
        {"type": "null"},
    ]
}
"""In a file, a form is a JSON Schema or the name of a file with one."""

MOST_STEPS = 20
"""Reminders, and hand-overs, of one task."""


class Assignment(Model):
    """Who may do a human task: one person, or groups."""

    user: Rendered | None = None
    group: Rendered | None = None
    groups: tuple[Rendered, ...] = Field(default=(), max_length=50)

    @property
    def all_groups(self) -> tuple[str, ...]:
        """The groups, however they were spelled."""
        return self.groups or ((self.group,) if self.group else ())


class Deadline(Model):
    """`P2D`: so much later. Or so many working days later, at a time of day.

    Working days are Monday to Friday, without the days of `calendar`.
    """

    after: Duration | None = None
    business_days: Annotated[int, Field(ge=0, le=366, strict=True)] | None = None
    calendar: Slug | None = None
    at: WallTime | None = None
    timezone: TimeZone = "UTC"

    @model_validator(mode="before")
    @classmethod
    def _spelled_as_duration(cls, value: Any) -> Any:
        return value if isinstance(value, dict | Deadline) else {"after": value}

    @model_validator(mode="after")
    def _one_way(self) -> "Deadline":
        if (self.after is None) == (self.business_days is None):
            raise PydanticCustomError(
                "deadline", "exactly one of after, business_days must be given"
            )
        if self.after is not None and (self.calendar or self.at):
            raise PydanticCustomError("deadline", "`calendar` and `at` belong to `business_days`")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        mapping = {key: schema.pop(key) for key in ("type", "properties", "additionalProperties")}
        schema["anyOf"] = [{"type": "string", "examples": ["P2D", "PT24H"]}, mapping]
        return schema


class Handover(Model):
    """Somebody else's turn when nobody has done it by then."""

    after: Deadline
    to: Assignment


class Expiry(Model):
    """Nobody did it. With an `outcome` the run goes on as if somebody had answered that."""

    after: Deadline
    outcome: Slug | None = None


Notice = Literal["created", "reminded", "reassigned", "escalated", "expired", "completed"]


class Notification(Work):
    """Work of a machine that tells people of a human task; its texts see `task` and `notice`.

    Nobody waits for it.
    """

    on: Annotated[tuple[Notice, ...], Field(min_length=1)] = ("created", "reminded", "escalated")


def _list(value: Any) -> Any:
    """One may stand for a list of one."""
    return value if isinstance(value, list | tuple) else [value]


class HumanTask(Model):
    """Work for a person: a row in the inbox until somebody completes it.

    Attributes:
        outcomes: the only ones that `complete` takes; empty: any.
        not_same_as: tasks of the same rule; whoever completed one of them may not do this one.
        wait: whether the run stays open until it is done.
    """

    lists: ClassVar[tuple[str, ...]] = ("remind", "reassign", "escalate", "not_same_as")

    title: Rendered
    description: Annotated[str, Field(max_length=20_000)] = ""
    assign: Assignment = Assignment()
    form: Annotated[JsonSchema | None, WithJsonSchema(FORM_OR_FILE)] = None
    outcomes: Annotated[tuple[Slug, ...], Field(max_length=50)] = ()
    due: Deadline | None = None
    follow_up: Deadline | None = None
    remind: Annotated[tuple[Deadline, ...], Field(max_length=MOST_STEPS)] = ()
    reassign: Annotated[tuple[Handover, ...], Field(max_length=MOST_STEPS)] = ()
    escalate: Annotated[tuple[Handover, ...], Field(max_length=MOST_STEPS)] = ()
    expire: Expiry | None = None
    not_same_as: Annotated[tuple[Slug, ...], Field(max_length=50)] = ()
    notify: Annotated[tuple[Notification, ...], Field(max_length=10)] = ()
    wait: StrictBool = False

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        for key in cls.lists:
            many = schema["properties"][key]
            only = many["items"]
            many["anyOf"] = [
                only,
                {word: many.pop(word) for word in ("type", "items", "maxItems") if word in many},
            ]
        return schema

    @field_validator(*lists, mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return _list(value)

    @model_validator(mode="after")
    def _expires_with_an_outcome_of_its_own(self) -> "HumanTask":
        outcome = self.expire.outcome if self.expire else None
        if outcome and self.outcomes and outcome not in self.outcomes:
            raise PydanticCustomError(
                "expire", "`expire.outcome` is none of `outcomes`: {outcome}", {"outcome": outcome}
            )
        return self

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
