"""Rules: what follows from an occurrence and its context: 0..N tasks.

In: a definition and everything it may look at. Out: rendered task specs and a trace per rule. The
same input gives the same output, and the same task ids. Evaluated rule by rule and expression by
expression over all items at once, see `rows`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activity_core.core.definition.definition import MOST_TASKS, ActivityDefinition
from activity_core.core.errors import ExpressionError
from activity_core.core.expression.condition import Bindings
from activity_core.core.expression.rows import Column, Rows
from activity_core.core.expression.template import located
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.occurrence import Occurrence
from activity_core.core.rules.plan import RulePlan, TaskPlan, rule_plans
from activity_core.core.rules.task_rendering import Rendering
from activity_core.core.rules.task_spec import TaskSpec
from activity_core.core.rules.task_words import CALLBACK
from activity_core.core.run.errors import LimitExceededError

MAX_ITEMS = 10_000
MAX_INPUT_BYTES = 8 * 1_048_576
"""All inputs of a run together, as JSON."""


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """How often a rule's `when` was evaluated, how often it held, how many tasks followed."""

    rule: str
    evaluated: int
    matched: int
    tasks: int


@dataclass(frozen=True, slots=True)
class Decided:
    """What a run decided, in the order of the rules, their items and their templates."""

    tasks: tuple[TaskSpec, ...]
    rules: tuple[RuleTrace, ...]


def decide(
    definition: ActivityDefinition,
    occurrence: Occurrence,
    run_id: str,
    context: Mapping[str, JsonValue],
    config: Mapping[str, JsonValue],
    *,
    case: Mapping[str, JsonValue] | None = None,
    max_items: int = MAX_ITEMS,
    max_input_bytes: int = MAX_INPUT_BYTES,
) -> Decided:
    """Evaluate every rule.

    Args:
        definition: the pinned version.
        occurrence: what the run is for.
        run_id: its id, which the ids of its tasks derive from.
        context: the answers of the sources by name.
        config: the deployment's map.
        case: of ongoing definitions, the `state` after the event and the `timer` that fired;
            None: a new case.
        max_items: how many items one `for_each` may give.
        max_input_bytes: how long all inputs together may be, as JSON.

    Raises:
        ExpressionError: an expression failed; the subject names rule, place and, in a loop, item.
        LimitExceededError: more tasks, items or bytes than allowed.
    """
    values: dict[str, JsonValue] = {
        **occurrence.variables(),
        "context": dict(context),
        "config": dict(config),
        "run": {"id": run_id, "definition_id": definition.id},
        **CALLBACK,
    }
    if definition.lifecycle == "ongoing":
        values |= case or {"state": definition.state.initial, "timer": ""}
    most = definition.limits.tasks
    tasks: list[TaskSpec] = []
    traces = []
    rendering = Rendering(run_id, max_input_bytes)
    for plan in rule_plans(definition):
        try:
            evaluated, matching = _matching(plan, values, max_items)
            spawned = _spawned(plan, matching)
            count = sum(map(sum, spawned))
            if len(tasks) + count > most:
                raise LimitExceededError(
                    f"{count} tasks, with {len(tasks)} of rules before it, are over the limit of "
                    f"{most} tasks for one run",
                    hint=f"`limits.tasks` may say up to {MOST_TASKS}",
                )
            tasks += _tasks(plan, matching, spawned, rendering)
        except ExpressionError as error:
            raise located(error, (f"rule {plan.rule.id}",)) from None
        except LimitExceededError as error:
            error.subject = f"rule {plan.rule.id}"
            raise
        traces.append(RuleTrace(plan.rule.id, evaluated, len(matching), count))
    return Decided(tuple(tasks), tuple(traces))


def _matching(plan: RulePlan, values: Mapping[str, JsonValue], max_items: int) -> tuple[int, Rows]:
    """How many items there are, and those for which `when` holds."""
    items: JsonValue = [None]
    if plan.for_each is not None:
        items = plan.for_each.evaluate(Bindings(values))
    if not isinstance(items, list):
        raise ExpressionError(f"for_each must be a list, is {type(items).__name__}")
    if len(items) > max_items:
        raise LimitExceededError(
            f"for_each gives {len(items)} items, over the limit of {max_items}"
        )
    rows = Rows(values, items, range(len(items)))
    return len(items), rows.only(_holding(rows, plan.when, "when"))


def _spawned(plan: RulePlan, rows: Rows) -> list[list[bool]]:
    """Per template, for which of the rows it makes a task."""
    return [
        [True] * len(rows)
        if task.when is None
        else _holding(rows, task.when, f"task {task.template.id}, when")
        for task in plan.tasks
    ]


def _holding(rows: Rows, column: Column, place: str) -> list[bool]:
    try:
        return rows.holds(column)
    except ExpressionError as error:
        raise located(error, (place,)) from None


def _tasks(
    plan: RulePlan, rows: Rows, spawned: Sequence[Sequence[bool]], rendering: Rendering
) -> list[TaskSpec]:
    """The specs of one rule, item by item."""
    words = [
        iter(_words(task, rows.only(chosen)))
        for task, chosen in zip(plan.tasks, spawned, strict=True)
    ]
    specs = []
    for place, item in enumerate(rows.indexes):
        here = {task.template.id: spawned[number][place] for number, task in enumerate(plan.tasks)}
        for task, remaining in zip(plan.tasks, words, strict=True):
            if here[task.template.id]:
                specs.append(rendering.spec(plan.rule, task.template, item, next(remaining), here))
    return specs


def _words(task: TaskPlan, rows: Rows) -> list[JsonValue]:
    """The rendered structure of one template for each row; None if it is late."""
    if task.words is None:
        return [None] * len(rows)
    columns, build = [], task.words.build
    for placeholder, column in zip(task.words.placeholders, task.words.columns, strict=True):
        try:
            columns.append(rows.evaluate(column))
        except ExpressionError as error:
            raise located(error, (f"task {task.template.id}", *placeholder.path)) from None
    if not columns:
        return [build(())] * len(rows)
    return [build(results) for results in zip(*columns, strict=True)]
