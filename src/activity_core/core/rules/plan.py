"""Rule plans: the expressions of a published definition, compiled once.

In: definitions, known by id and digest. Out: what `rules` evaluates: per rule its loop, condition
and task templates, each template as one structure with placeholders.
"""

from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from activity_core.core.definition.definition import RESERVED_NAMES, ActivityDefinition, Rule
from activity_core.core.definition.task_template import TaskTemplate
from activity_core.core.errors import ExpressionError
from activity_core.core.expression.condition import Program, compile_expression
from activity_core.core.expression.rows import Column, compile_column
from activity_core.core.expression.template import Build, Placeholder, located, parse_template
from activity_core.core.jsontext import JsonValue


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """One template: `build` makes its words of the results of `columns`."""

    template: TaskTemplate
    when: Column | None
    placeholders: tuple[Placeholder, ...]
    columns: tuple[Column, ...]
    build: Build


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


def templated(template: TaskTemplate) -> dict[str, Any]:
    """The parts of a task template that may hold `${…}`, under the names that they have in YAML."""
    words: dict[str, Any] = {"title": template.title} if template.title else {}
    if http := template.http_:
        words["http"] = {"url": http.url, "headers": dict(http.headers), "json": http.json_}
    elif python := template.python_:
        words["python"] = {"args": python.args}
    elif emit := template.emit_:
        words["emit"] = {"subject": emit.subject, "data": emit.data}
    elif human := template.human_:
        words["human"] = {
            "title": human.title,
            "description": human.description,
            "assign": {"user": human.assign.user, "groups": list(human.assign.all_groups)},
        }
    return words


@lru_cache(maxsize=2_048)
def _plans(published: _Published) -> tuple[RulePlan, ...]:
    return tuple(_rule_plan(rule) for rule in published.definition.rules)


def _rule_plan(rule: Rule) -> RulePlan:
    try:
        return RulePlan(
            rule,
            None
            if rule.for_each is None
            else compile_expression(rule.for_each, variables=RESERVED_NAMES),
            compile_column(rule.when, variables=RESERVED_NAMES, each=rule.as_),
            tuple(_task_plan(template, rule.as_) for template in rule.tasks),
        )
    except ExpressionError as error:
        raise located(error, (f"rule {rule.id}",)) from None


def _task_plan(template: TaskTemplate, each: str | None) -> TaskPlan:
    column = partial(compile_column, variables=RESERVED_NAMES, each=each)
    words: JsonValue = templated(template)
    placeholders, build = parse_template(words)
    return TaskPlan(
        template,
        None if template.when is None else column(template.when),
        placeholders,
        tuple(column(placeholder.text) for placeholder in placeholders),
        build,
    )
