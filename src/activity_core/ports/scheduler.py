"""The scheduler: Temporal Schedules, the on-time clock for slots.

`services.reconciler` makes what is there equal to what the registry says. A schedule carries no
meaning: each of its ticks has all slots settled that are due, whosever they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from activity_core.core.schedule.clock import ClockSpec


@dataclass(frozen=True, slots=True)
class WantedSchedule:
    """A schedule that should be there, for one definition or for all that tick alike."""

    schedule_id: str
    clock: ClockSpec
    paused: bool


@dataclass(frozen=True, slots=True)
class ExistingSchedule:
    """A schedule of ours that is there; `fingerprint` is that of the clock that it follows now."""

    schedule_id: str
    fingerprint: str
    paused: bool


@dataclass(frozen=True, slots=True)
class SchedulePage:
    """Some of the schedules, by id, and how to ask for those that follow (empty: none do)."""

    schedules: Mapping[str, ExistingSchedule]
    following: bytes = b""


class Scheduler(Protocol):
    """Schedules named `activity-schedule-…` of one namespace."""

    async def existing(self) -> Mapping[str, ExistingSchedule]:
        """All of them, by schedule id; those of others are left out.

        Like `page` it may lag behind changes; `find` does not.
        """
        ...

    async def page(self, token: bytes = b"") -> SchedulePage:
        """The first of them, or those that follow a page: all of them at once take their time."""
        ...

    async def find(self, schedule_id: str) -> ExistingSchedule | None:
        """One of them as it is now; None if it is not there.

        Raises:
            UnavailableError: no answer for now.
        """
        ...

    async def put(self, wanted: WantedSchedule) -> None:
        """Create it, or change the existing one; a change never ticks for a past slot."""
        ...

    async def delete(self, schedule_id: str) -> None:
        """Remove it; fine if it is gone already."""
        ...
