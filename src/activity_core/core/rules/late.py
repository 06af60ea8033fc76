"""Late tasks: words that see what other tasks came to, rendered when their turn has come.

In: a recorded task without words, and everything that its template may look at (`tasks` besides
what rules see). Out: `LateWords`, which are stored with it. Called by `services.task_preparer`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from activity_core.core.jsontext import JsonValue
from activity_core.core.run.task import TIMELESS, TaskClock


@dataclass(frozen=True, slots=True)
class LateWords:
    """What a late task lacked: see `TaskSpec`. `clock` counts from now; machines have none."""

    title: str
    inputs: Mapping[str, JsonValue]
    assignee: str | None = None
    groups: tuple[str, ...] = ()
    clock: TaskClock = TIMELESS
