"""Late tasks: words that see what other tasks came to, rendered when their turn has come.

In: a recorded task without words, and everything that its template may look at (`tasks` besides
what rules see). Out: `LateWords`, which are stored with it. Called by `services.task_preparer`;
`plan` asks which templates are late.

Derived tasks are found by their spec ids: `{id}/compensate` undoes `{id}`, and
`{id}/notify/{index}/{notice}-{n}` tells of it. Both are always late.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from activity_core.core.definition.definition import ActivityDefinition, Rule
from activity_core.core.definition.task_template import TaskTemplate
from activity_core.core.definition.work import Work
from activity_core.core.errors import ExpressionError
from activity_core.core.expression.condition import Bindings, compile_expression
from activity_core.core.expression.members import members_of
from activity_core.core.expression.template import Path, located
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.human_words import people_of
from activity_core.core.rules.task_words import (
    CALLBACK,
    callback_variables,
    inputs_of,
    parse_words,
    storable,
    title_of,
)
from activity_core.core.run.errors import LimitExceededError
from activity_core.core.run.task import TIMELESS, TaskClock

MAX_INPUT_BYTES = 2 * 1_048_576
"""Inputs of one late task, as JSON: as much as Temporal takes."""

TASKS = "tasks"
NOTICE_VARIABLES = frozenset({"task", "notice"})
"""What notifications see besides all else."""


@dataclass(frozen=True, slots=True)
class LateWords:
    """What a late task lacked: see `TaskSpec`. `clock` counts from now; machines have none."""

    title: str
    inputs: Mapping[str, JsonValue]
    assignee: str | None = None
    groups: tuple[str, ...] = ()
    clock: TaskClock = TIMELESS


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a task comes from: `work` is what its words are made of.

    Attributes:
        template: the one of its rule that it is of, or about.
        when: the condition that waits for its turn; None if there is none.
        place: for errors, the key path below the rule.
        notice: what a notification tells of; empty for all others.
    """

    rule: Rule
    template: TaskTemplate
    work: Work
    place: Path
    when: str | None = None
    notice: str = ""

    @property
    def visible(self) -> frozenset[str]:
        """The templates that `tasks` has: what it needs, and what a compensation undoes."""
        undone = {self.template.id} if self.work is self.template.compensate else set()
        return self.rule.all_needs(self.template) | undone


def is_late(template: TaskTemplate) -> bool:
    """Whether its words or its condition see what other tasks came to.

    Raises:
        ExpressionError: an expression cannot be parsed.
    """
    placeholders, _ = parse_words(template)
    return waits(template.when) or any(waits(placeholder.text) for placeholder in placeholders)


def waits(text: str | None) -> bool:
    """Whether an expression can only be told when the task's turn has come."""
    return text is not None and bool(members_of(text, TASKS))


def origin_of(definition: ActivityDefinition, rule_id: str, spec_id: str) -> Origin:
    """What a task of a definition was made of.

    Raises:
        KeyError: the definition has no such rule, template, compensation or notification.
    """
    template_id, *derived = spec_id.split("/")
    rule = {rule.id: rule for rule in definition.rules}[rule_id]
    template = {template.id: template for template in rule.tasks}[template_id]
    here: Path = (f"task {template_id}",)
    notify = template.human_.notify if template.human_ else ()
    match derived:
        case []:
            when = template.when if waits(template.when) else None
            return Origin(rule, template, template, here, when)
        case ["compensate"] if template.compensate:
            return Origin(rule, template, template.compensate, (*here, "compensate"))
        case ["notify", index, notice] if int(index) < len(notify):
            place: Path = (*here, "human", "notify", int(index))
            return Origin(
                rule, template, notify[int(index)], place, notice=notice.rpartition("-")[0]
            )
    raise KeyError(spec_id)


def render_late(
    definition: ActivityDefinition, origin: Origin, item: int, values: Mapping[str, JsonValue]
) -> LateWords | None:
    """The words of one task; None if its condition does not hold now.

    Args:
        definition: the pinned version.
        origin: what it is made of.
        item: index in the loop, 0 without one.
        values: what rules see, and `tasks`; for notifications `task` and `notice`.

    Raises:
        ExpressionError: an expression failed; the subject names rule and place.
        LimitExceededError: its inputs, or a name, are too long.
    """
    rule = origin.rule
    variables = definition.variables | {TASKS} | ({rule.as_} if rule.as_ else set())
    if origin.notice:
        variables |= NOTICE_VARIABLES
    try:
        bindings = Bindings({**values, **CALLBACK, **_item(definition, rule, item, values)})
        if origin.when is not None:
            program = compile_expression(origin.when, variables=variables)
            if not program.holds(bindings):
                return None
        return _words(origin, bindings, variables | callback_variables(origin.work))
    except ExpressionError as error:
        raise located(error, (f"rule {rule.id}",)) from None


def _item(
    definition: ActivityDefinition, rule: Rule, item: int, values: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    if rule.for_each is None or rule.as_ is None:
        return {}
    items = compile_expression(rule.for_each, variables=definition.variables).evaluate(values)
    if not isinstance(items, list) or item >= len(items):
        raise ExpressionError(f"for_each has no item {item} any more")
    return {rule.as_: items[item]}


def _words(origin: Origin, bindings: Bindings, variables: frozenset[str]) -> LateWords:
    placeholders, build = parse_words(origin.work)
    results = []
    for placeholder in placeholders:
        try:
            program = compile_expression(placeholder.text, variables=variables)
            results.append(program.evaluate(bindings))
        except ExpressionError as error:
            raise located(error, (*origin.place, *placeholder.path)) from None
    words: Any = build(results)
    inputs, size = storable(inputs_of(origin.work, words))
    if size > MAX_INPUT_BYTES:
        raise LimitExceededError(
            f"the inputs have {size} bytes, over the limit of {MAX_INPUT_BYTES}",
            hint="hand over ids instead of whole rows",
        )
    people = people_of(words)
    title = title_of(words, inputs, origin.template.id)
    return LateWords(title, inputs, people.assignee, people.groups)
