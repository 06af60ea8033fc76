"""Rollouts: what became of the runs of a candidate version. `services.rollout_keeper` asks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

LOOKED_AT = 10_000
"""Runs of a definition that one tally looks at, so that it costs the same after months."""


@dataclass(frozen=True, slots=True)
class RunTally:
    """How many runs of a version are over (cancelled ones do not count), and failed.

    A run that had to undo what it did counts as failed.
    """

    over: int = 0
    failed: int = 0


class Rollouts(Protocol):
    """Runs of one tenant, counted."""

    async def tally(self, definition_id: str, version: int, since: datetime) -> RunTally:
        """Of the runs that fired at `since` or later; of the newest `LOOKED_AT` of all versions."""
        ...
