"""The scheduler: Temporal Schedules, the on-time clock for slots.

`services.reconciler` makes what is there equal to what the registry says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from activity_core.core.schedule import ScheduleSpec


@dataclass(frozen=True, slots=True)
class WantedSchedule:
    """The schedule that a definition should have."""

    definition_id: str
    spec: ScheduleSpec
    paused: bool


@dataclass(frozen=True, slots=True)
class ExistingSchedule:
    """A schedule of ours that is there; `fingerprint` says which spec it was made from."""

    definition_id: str
    fingerprint: str
    paused: bool


class Scheduler(Protocol):
    """Schedules named `activity-schedule-…` of one namespace."""

    async def existing(self) -> Mapping[str, ExistingSchedule]:
        """By definition id; schedules of others are not touched."""
        ...

    async def put(self, wanted: WantedSchedule) -> None:
        """Create it, or change the existing one; a change never fires a past slot."""
        ...

    async def delete(self, definition_id: str) -> None:
        """Remove it; fine if it is gone already."""
        ...
