"""Task rendering: a template's rendered words become a task spec that can be stored.

In: `rules`, per template and item. Out: specs whose inputs together are bounded; late ones have
none yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from activity_core.core import ids
from activity_core.core.definition.definition import Rule
from activity_core.core.definition.task_template import TaskTemplate
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.human_words import people_of
from activity_core.core.rules.patience import patience_of
from activity_core.core.rules.task_spec import TaskKind, TaskSpec
from activity_core.core.rules.task_words import inputs_of, storable, title_of
from activity_core.core.run.errors import LimitExceededError


@dataclass(slots=True)
class Rendering:
    """Makes the specs of one run; `bytes_left` is what their inputs may still take."""

    run_id: str
    bytes_left: int

    def spec(
        self,
        rule: Rule,
        template: TaskTemplate,
        item: int,
        words: Any,
        spawned: Mapping[str, bool],
    ) -> TaskSpec:
        """One task of one item.

        Args:
            rule: where it comes from.
            template: what it is made of.
            item: index in the loop.
            words: `task_words.templated`, rendered; None: it is late.
            spawned: which templates make a task for this item.

        Raises:
            LimitExceededError: inputs of the run, or a name, are too long.
        """
        late = words is None
        inputs = {} if late else self._bounded(inputs_of(template, words))
        people = people_of(words or {})
        human = template.human_
        return TaskSpec(
            task_id=self._task_id(rule, template.id, item),
            rule=rule.id,
            spec_id=template.id,
            item=item,
            kind=TaskKind(template.kind),
            title=title_of(words or {}, inputs, template.id),
            inputs=inputs,
            needs=tuple(
                self._task_id(rule, need, item) for need in _needs(rule, template, spawned)
            ),
            queue=template.queue,
            patience=patience_of(template),
            assignee=people.assignee,
            groups=people.groups,
            wait=human.wait if human else False,
            human=human,
            late=late,
            join=template.join,
            on_failure=rule.on_failure(template),
            parallel=rule.parallel,
            undo=template.compensate is not None,
        )

    def _task_id(self, rule: Rule, spec_id: str, item: int) -> str:
        return ids.task_id(self.run_id, rule.id, spec_id, item)

    def _bounded(self, inputs: dict[str, JsonValue]) -> dict[str, JsonValue]:
        clean, size = storable(inputs)
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise LimitExceededError(
                f"the inputs of all tasks together are {-self.bytes_left} bytes too long",
                hint="hand over ids instead of whole rows",
            )
        return clean


def _needs(rule: Rule, template: TaskTemplate, spawned: Mapping[str, bool]) -> list[str]:
    """Ids of the templates that it waits for.

    In place of one that makes no task stand those which that one needs: leaving out the middle of
    a chain must not let its end begin too early.
    """
    needs_of = {other.id: other.needs for other in rule.tasks}
    found: dict[str, None] = {}
    open_ = list(template.needs)
    seen = set(open_)
    while open_:
        need = open_.pop(0)
        if spawned[need]:
            found[need] = None
        else:
            more = [other for other in needs_of[need] if other not in seen]
            seen.update(more)
            open_ += more
    return list(found)
