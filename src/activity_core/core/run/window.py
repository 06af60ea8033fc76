"""Windows: a run of many tasks is a stream of groups, of which the workflow gets some at a time.

A group is the tasks of one rule and item; needs stay within it, so groups are whole and do not
wait for each other. They are in order of rule (by code points) and item. Pure.
"""

from collections.abc import Sequence
from itertools import groupby

from activity_core.core.run.progress import TaskStep

MOST_STEPS = 200
"""Of one window, unless its last group has more: some 100 kB of Temporal's history."""

BEFORE_ALL = ("", -1)
"""Before the first group."""


def group_of(rule: str, item: int) -> str:
    """How a group is spelled: `overdue#12`."""
    return f"{rule}#{item}"


def parse_group(group: str) -> tuple[str, int]:
    """Rule and item; the reverse of `group_of`."""
    rule, _, item = group.rpartition("#")
    return rule, int(item)


def first_window(steps: Sequence[TaskStep], most: int = MOST_STEPS) -> tuple[list[TaskStep], str]:
    """The first groups, and the last one of them if others follow, else empty."""
    chosen: list[TaskStep] = []
    last = ""
    in_order = sorted(steps, key=lambda step: parse_group(step.group))
    for group, members in groupby(in_order, key=lambda step: step.group):
        if len(chosen) >= most:
            return chosen, last
        chosen += members
        last = group
    return chosen, ""
