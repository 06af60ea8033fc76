"""The Activity Definition: trigger + context + rules + task templates, as teams write it.

Comes from `definition_file` (YAML or JSON) or from the store, goes to `matching` (which events),
`schedule` (which slots), `context` and `rules` (what follows).
"""

from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, field_validator, model_validator
from pydantic_core import PydanticCustomError

from activity_core.core.definition.lifecycle import (
    CASE_VARIABLES,
    CaseTimer,
    Lifecycle,
    Migrate,
    StateConfig,
)
from activity_core.core.definition.model import Expression, Model, Name, Slug, Text, Versioned
from activity_core.core.definition.source import ContextSourceConfig
from activity_core.core.definition.task_template import OnFailure, TaskTemplate
from activity_core.core.definition.trigger import TriggerSet

MOST_TASKS = 10_000
"""What `limits.tasks` may say."""

SLOT_VARIABLES = frozenset({"slot", "gap_start", "gap_end", "missed_count", "slots"})
"""What a slot is for, see `rules.occurrence`."""

RESERVED_NAMES = (
    frozenset({"event", "events", "context", "config", "run", "input"}) | SLOT_VARIABLES
)
"""Variables that every expression sees; `as` may not hide them."""


class Rule(Model):
    """When `when` holds (for each item of `for_each`, if given), its tasks follow."""

    id: Slug
    for_each: Expression | None = None
    as_: Name | None = Field(default=None, alias="as")
    when: Expression = "true"
    parallel: Annotated[int, Field(ge=1, le=100, strict=True)] = 10
    """How many of its tasks machines do at the same time, over all items."""
    tasks: Annotated[tuple[TaskTemplate, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _loop_is_whole(self) -> "Rule":
        if (self.for_each is None) != (self.as_ is None):
            raise PydanticCustomError("loop", "`for_each` and `as` belong together")
        if self.as_ in RESERVED_NAMES:
            raise PydanticCustomError("loop", "`as: {name}` is a reserved name", {"name": self.as_})
        return self

    @field_validator("tasks")
    @classmethod
    def _is_a_dag(cls, tasks: tuple[TaskTemplate, ...]) -> tuple[TaskTemplate, ...]:
        _unique("task", [task.id for task in tasks])
        known = {task.id for task in tasks}
        for task in tasks:
            for need in task.needs:
                if need not in known:
                    raise PydanticCustomError(
                        "needs",
                        "task `{task}` needs `{need}`, which is no task of this rule",
                        {"task": task.id, "need": need},
                    )
        try:
            TopologicalSorter({task.id: task.needs for task in tasks}).prepare()
        except CycleError as error:
            raise PydanticCustomError(
                "needs", "tasks wait for each other: {cycle}", {"cycle": " -> ".join(error.args[1])}
            ) from error
        return tasks

    def on_failure(self, task: TaskTemplate) -> OnFailure:
        """What a failure of that task for good means for the run."""
        undoes = any(other.compensate for other in self.tasks)
        return task.on_failure or ("compensate" if undoes else "fail")

    def all_needs(self, task: TaskTemplate) -> frozenset[str]:
        """Ids of the tasks that come before that one, directly or through others."""
        needs_of = {other.id: other.needs for other in self.tasks}
        found: set[str] = set()
        open_ = list(task.needs)
        while open_:
            need = open_.pop()
            if need not in found:
                found.add(need)
                open_ += needs_of[need]
        return frozenset(found)

    def waits_for(self, task: TaskTemplate) -> bool:
        """Whether a run stays open until that human task is done: it says so, or is needed."""
        waits = task.human_ is not None and task.human_.wait
        return waits or any(task.id in other.needs for other in self.tasks)


class Limits(Model):
    """Bounds of one run; above them it fails before anything is created."""

    tasks: Annotated[int, Field(ge=1, le=MOST_TASKS, strict=True)] = 1_000


class ActivityDefinition(Versioned):
    """One entry of the registry."""

    kind: Literal["definition"] = "definition"
    id: Slug
    title: Text | None = None
    description: Annotated[str, Field(max_length=20_000)] = ""
    owner: Text | None = None
    labels: dict[str, str] = Field(default_factory=dict, max_length=50)
    enabled: StrictBool = True
    coalesce: StrictBool = True
    """Whether its runs may share a Temporal workflow with others when many are due."""
    limits: Limits = Limits()
    lifecycle: Lifecycle = "run"
    correlation: Expression | None = None
    """What the events of one case have in common."""
    state: StateConfig = StateConfig()
    timers: dict[Name, CaseTimer] = Field(default_factory=dict, max_length=20)
    ends_when: Expression | None = None
    migrate: Migrate = "pinned"
    """Whether an open case stays on its version, or its next event brings it to the newest."""
    trigger: TriggerSet
    context: dict[Name, ContextSourceConfig] = Field(default_factory=dict, max_length=50)
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=100)]

    @field_validator("rules")
    @classmethod
    def _rule_ids_differ(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        _unique("rule", [rule.id for rule in rules])
        return rules

    @property
    def variables(self) -> frozenset[str]:
        """What all expressions of its rules see."""
        return RESERVED_NAMES | CASE_VARIABLES if self.lifecycle == "ongoing" else RESERVED_NAMES

    def remote_sources(self, local_connections: Collection[str]) -> tuple[str, ...]:
        """Names of the sources that need a Temporal activity of their own."""
        return tuple(
            name
            for name, source in self.context.items()
            if source.kind in {"http", "python"}
            or (source.sql_ is not None and source.sql_.connection not in local_connections)
        )

    @property
    def connections(self) -> frozenset[str]:
        """Ids of all connections that its sources and tasks name."""
        sources = [source.sql_ or source.http_ for source in self.context.values()]
        named = [part.connection for part in sources if part]
        return frozenset(name for name in (*named, *_of_work(self.rules)) if name)

    def is_fused(self, local_connections: Collection[str]) -> bool:
        """Whether a run of it is one local activity: local sources, nothing to wait for."""
        return not self.remote_sources(local_connections) and all(
            task.kind == "emit" or (task.human_ is not None and not rule.waits_for(task))
            for rule in self.rules
            for task in rule.tasks
        )


def _of_work(rules: tuple[Rule, ...]) -> Iterator[str | None]:
    """Connections of tasks, what undoes them, and what tells of them."""
    for task in (task for rule in rules for task in rule.tasks):
        yield task.connection
        if task.compensate:
            yield task.compensate.connection
        for notification in task.human_.notify if task.human_ else ():
            yield notification.connection


def definition_from_document(document: Mapping[str, Any]) -> ActivityDefinition:
    """A stored document back as a definition; stored documents were valid when published."""
    return ActivityDefinition.model_validate(document)


def _unique(noun: str, ids: list[str]) -> None:
    for name in ids:
        if ids.count(name) > 1:
            raise PydanticCustomError(
                "duplicate", "two {noun}s are called `{name}`", {"noun": noun, "name": name}
            )
