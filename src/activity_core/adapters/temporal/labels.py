"""Labels: what Temporal's own pages show of an execution, beside what it is found by.

Of executions of one run: nothing, the workflow id says it.
"""

from activity_core.core.run.run import Execution

MOST_NAMED = 20
"""Definitions named in a memo: the SDK warns of memos above 2 KiB."""


def memo(execution: Execution) -> dict[str, list[str]] | None:
    """Whose runs share a workflow."""
    if len(execution.runs) == 1:
        return None
    return {"definitions": list(execution.definitions[:MOST_NAMED])}


def summary(execution: Execution) -> str | None:
    """How many runs of whom, in a line."""
    if len(execution.runs) == 1:
        return None
    names = execution.definitions
    whose = names[0] if len(names) == 1 else f"{len(names)} definitions"
    return f"{len(execution.runs)} runs of {whose}"
