"""Rule plans: the expressions of a published definition, compiled once.

In: definitions, known by id and digest. Out: what `rules` evaluates: per rule its loop, condition
and task templates, each template as one structure with placeholders.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from activity_core.core.definition.definition import ActivityDefinition, Rule
from activity_core.core.definition.task_template import TaskTemplate
from activity_core.core.errors import ExpressionError
from activity_core.core.expression.condition import Program, compile_expression
from activity_core.core.expression.rows import Column, compile_column
from activity_core.core.expression.template import Build, Placeholder, located
from activity_core.core.rules.late import is_late, waits
from activity_core.core.rules.task_words import callback_variables, parse_words


@dataclass(frozen=True, slots=True)
class WordsPlan:
    """The words of one template: `build` makes them of the results of `columns`."""

    placeholders: tuple[Placeholder, ...]
    columns: tuple[Column, ...]
    build: Build


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """One template. `when` is None if it is not decided now, `words` if they are late."""

    template: TaskTemplate
    when: Column | None
    words: WordsPlan | None = None


@dataclass(frozen=True, slots=True)
class RulePlan:
    """One rule. `for_each` is None without a loop."""

    rule: Rule
    for_each: Program | None
    when: Column
    tasks: tuple[TaskPlan, ...]


@dataclass(frozen=True, slots=True)
class _Published:
    definition_id: str
    digest: bytes
    definition: ActivityDefinition = field(compare=False)


def rule_plans(definition: ActivityDefinition) -> tuple[RulePlan, ...]:
    """The plans of a definition's rules, in order.

    Raises:
        ExpressionError: one does not compile, which `definition_check` would have said.
    """
    return _plans(_Published(definition.id, definition.digest, definition))


@lru_cache(maxsize=2_048)
def _plans(published: _Published) -> tuple[RulePlan, ...]:
    definition = published.definition
    return tuple(_rule_plan(rule, definition.variables) for rule in definition.rules)


def _rule_plan(rule: Rule, variables: frozenset[str]) -> RulePlan:
    try:
        return RulePlan(
            rule,
            None
            if rule.for_each is None
            else compile_expression(rule.for_each, variables=variables),
            compile_column(rule.when, variables=variables, each=rule.as_),
            tuple(_task_plan(template, rule.as_, variables) for template in rule.tasks),
        )
    except ExpressionError as error:
        raise located(error, (f"rule {rule.id}",)) from None


def _task_plan(template: TaskTemplate, each: str | None, variables: frozenset[str]) -> TaskPlan:
    when = None
    if template.when is not None and not waits(template.when):
        when = compile_column(template.when, variables=variables, each=each)
    if is_late(template):
        return TaskPlan(template, when)
    placeholders, build = parse_words(template)
    seen = variables | callback_variables(template)
    columns = (compile_column(place.text, variables=seen, each=each) for place in placeholders)
    return TaskPlan(template, when, WordsPlan(placeholders, tuple(columns), build))
