"""Temporal Schedules as a dictionary: no slot ever comes."""

from collections.abc import Mapping

from activity_core.adapters.memory.failures import Failures
from activity_core.ports.scheduler import ExistingSchedule, SchedulePage, WantedSchedule


class MemoryScheduler:
    """`ports.scheduler`. `wanted` holds what was put, by schedule id; `puts` every put's id."""

    def __init__(self, page_size: int = 1_000) -> None:
        self.failures = Failures()
        self.wanted: dict[str, WantedSchedule] = {}
        self.puts: list[str] = []
        self._page_size = page_size

    async def existing(self) -> Mapping[str, ExistingSchedule]:
        """What is there, by schedule id."""
        self.failures.raise_before()
        return {id_: _existing(wanted) for id_, wanted in self.wanted.items()}

    async def page(self, token: bytes = b"") -> SchedulePage:
        """In order of ids; the token is the last id of the page before."""
        self.failures.raise_before()
        rest = sorted(id_ for id_ in self.wanted if id_.encode() > token)
        page = rest[: self._page_size]
        found = {id_: _existing(self.wanted[id_]) for id_ in page}
        return SchedulePage(found, page[-1].encode() if len(rest) > len(page) else b"")

    async def find(self, schedule_id: str) -> ExistingSchedule | None:
        """One of them; None if it is not there."""
        self.failures.raise_before()
        wanted = self.wanted.get(schedule_id)
        return _existing(wanted) if wanted else None

    async def put(self, wanted: WantedSchedule) -> None:
        """Create or replace it."""
        self.failures.raise_before()
        self.wanted[wanted.schedule_id] = wanted
        self.puts.append(wanted.schedule_id)
        self.failures.raise_after()

    async def delete(self, schedule_id: str) -> None:
        """Remove it; fine if it is gone already."""
        self.failures.raise_before()
        self.wanted.pop(schedule_id, None)
        self.failures.raise_after()


def _existing(wanted: WantedSchedule) -> ExistingSchedule:
    return ExistingSchedule(wanted.schedule_id, wanted.clock.fingerprint, wanted.paused)
