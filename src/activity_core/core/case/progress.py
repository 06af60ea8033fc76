"""Case progress: how far a case is, as its workflow sees it.

`services.case_keeper` says it, the `OngoingCase` workflow acts on it. It travels through Temporal's
history as JSON. Standard library only: the workflow sandbox imports it.
"""

from dataclasses import dataclass, field

from activity_core.core.run.progress import SourceStep

LONGEST_SHOWN = 4_096
"""Bytes of a state that a workflow keeps at hand for queries."""


@dataclass(frozen=True, slots=True)
class CaseProgress:
    """What was taken, and what the case waits for.

    Attributes:
        taken: turns of this step.
        closed: the case is over; nothing of its key is queued.
        more: something can be taken at once.
        run_id: the run whose remote `sources` must be asked before it can be taken; else empty.
        wake_in: seconds until the next timer fires; None: it waits for events only.
        waiting_for: name of that timer and its instant, `reminder 2026-11-21T09:00:00Z`.
        state: as JSON text; empty when it is longer than LONGEST_SHOWN.
    """

    taken: int = 0
    closed: bool = False
    more: bool = False
    run_id: str = ""
    sources: list[SourceStep] = field(default_factory=list)
    wake_in: float | None = None
    waiting_for: str = ""
    state: str = ""
