"""Task templates: what a rule makes tasks of.

Part of a `definition`; rendered by `core.rules`, carried out by the `RunActivity` workflow.
"""

from typing import ClassVar, Literal

from pydantic import Field

from activity_core.core.definition.human_task import HumanTask
from activity_core.core.definition.model import Expression, Slug, Text
from activity_core.core.definition.work import Work

Join = Literal["all_succeeded", "any_succeeded", "all_done", "any_failed"]
"""When a task may start, said of what it needs. `all_done` also waits for what failed."""

OnFailure = Literal["fail", "continue", "compensate"]


class TaskTemplate(Work):
    """One task per match; `needs` names templates of the same rule that must be done before.

    Attributes:
        on_failure: of this task for good: `fail` the run (others go on), `continue` as if it had
            succeeded, or `compensate` what is completed of the same rule and item. Without it:
            `compensate` in rules with compensations, else `fail`.
        compensate: how to undo it once it is completed; its texts see `tasks`, itself included.
    """

    kinds: ClassVar[tuple[str, ...]] = (*Work.kinds, "human")

    id: Slug
    title: Text | None = None
    needs: tuple[Slug, ...] = ()
    join: Join = "all_succeeded"
    when: Expression | None = None
    human_: HumanTask | None = Field(default=None, alias="human")
    on_failure: OnFailure | None = None
    compensate: Work | None = None
