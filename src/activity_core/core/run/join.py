"""What the end of a task means to those that need it.

Asked by `graph` for each task that waits. Standard library only: the workflow sandbox imports it.
"""

from collections.abc import Sequence
from enum import StrEnum

from activity_core.core.run.progress import TaskStep

FAILED, EXPIRED = "failed", "expired"
_SUCCEEDED = frozenset({"completed", "ready"})
"""Ends that others go on after. `ready`: people see it now, and nobody waits for them."""
_NOT_WANTED = ("skipped", "not_wanted")


class Fate(StrEnum):
    """What a task means to those that need it.

    `passed_over` is as if it were not there, `blocked` never started or was taken away.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PASSED_OVER = "passed_over"
    BLOCKED = "blocked"


def fate_of(step: TaskStep, status: str, outcome: str) -> Fate:
    """What a final status and its outcome mean to others."""
    if status in _SUCCEEDED:
        return Fate.SUCCEEDED
    if (status, outcome) == _NOT_WANTED:
        return Fate.PASSED_OVER
    if is_failure(status, outcome):
        return Fate.SUCCEEDED if step.on_failure == "continue" else Fate.FAILED
    return Fate.SUCCEEDED if status == EXPIRED else Fate.BLOCKED


def is_failure(status: str, outcome: str) -> bool:
    """It failed for good, or expired without an outcome of its own."""
    return status == FAILED or (status == EXPIRED and outcome in {"", EXPIRED})


def join_holds(join: str, fates: Sequence[Fate | None]) -> bool | None:
    """Whether a task may start, by what became of its needs; None: that is not known yet."""
    if join == "all_succeeded" and not {Fate.FAILED, Fate.BLOCKED}.isdisjoint(fates):
        return False
    if join == "any_succeeded" and Fate.SUCCEEDED in fates:
        return True
    if join == "any_failed" and Fate.FAILED in fates:
        return True
    if None in fates:
        return None
    if join == "any_succeeded":  # none did: it has nothing to wait for, or nothing to hope for
        return {Fate.FAILED, Fate.BLOCKED}.isdisjoint(fates)
    return join != "any_failed"
