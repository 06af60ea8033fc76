"""Tallies: what became of many tasks, counted instead of listed."""

from collections.abc import Sequence
from dataclasses import dataclass

from activity_core.core.rules.task_spec import TaskRole
from activity_core.core.run.task import TaskStatus

MOST_NAMED = 3
"""Ids that a tally has, and that the failure of a run names."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many tasks of one template and role came to the same.

    Attributes:
        undone: whether they are of groups that have compensations.
        some: ids of the first of them, in order of items.
    """

    rule: str
    spec_id: str
    role: TaskRole
    status: TaskStatus
    outcome: str
    undone: bool
    count: int
    some: Sequence[str] = ()
