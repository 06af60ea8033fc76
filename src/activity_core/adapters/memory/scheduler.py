"""Temporal Schedules as a dictionary: no slot ever comes."""

from collections.abc import Mapping

from activity_core.adapters.memory.failures import Failures
from activity_core.ports.scheduler import ExistingSchedule, WantedSchedule


class MemoryScheduler:
    """`ports.scheduler`. `wanted` holds what was put, by definition id."""

    def __init__(self) -> None:
        self.failures = Failures()
        self.wanted: dict[str, WantedSchedule] = {}

    async def existing(self) -> Mapping[str, ExistingSchedule]:
        """What is there, by definition id."""
        self.failures.raise_before()
        return {
            id_: ExistingSchedule(id_, wanted.spec.fingerprint, wanted.paused)
            for id_, wanted in self.wanted.items()
        }

    async def put(self, wanted: WantedSchedule) -> None:
        """Create or replace it."""
        self.failures.raise_before()
        self.wanted[wanted.definition_id] = wanted
        self.failures.raise_after()

    async def delete(self, definition_id: str) -> None:
        """Remove it; fine if it is gone already."""
        self.failures.raise_before()
        self.wanted.pop(definition_id, None)
        self.failures.raise_after()
