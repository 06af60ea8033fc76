"""Task specs: the kinds are those of the templates."""

from activity_core.core.definition.task_template import TaskTemplate
from activity_core.core.rules.task_spec import TaskKind


def test_every_kind_of_template_is_a_kind_of_task() -> None:
    assert {kind.value for kind in TaskKind} == set(TaskTemplate.kinds)
