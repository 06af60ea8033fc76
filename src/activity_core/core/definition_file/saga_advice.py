"""Advice about sagas: what is allowed, but hardly meant. Called by `review`."""

from collections.abc import Iterator

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.expression.template import Path


def advise_on_sagas(definition: ActivityDefinition) -> Iterator[tuple[Path, str]]:
    """Warnings, each as a key path in YAML's spelling and a sentence."""
    for number, rule in enumerate(definition.rules):
        if any(rule.on_failure(task) == "compensate" for task in rule.tasks):
            continue
        for index, task in enumerate(rule.tasks):
            if task.compensate:
                yield (
                    ("rules", number, "tasks", index, "compensate"),
                    "no failure undoes it: no task of the rule has `on_failure: compensate`",
                )
