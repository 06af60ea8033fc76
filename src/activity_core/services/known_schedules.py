"""The known schedules: what is on Temporal, as far as this process read and wrote it.

A look reads all schedules the first time, afterwards one page and then the next, so that looking
costs little however many there are. Temporal's list lags, so a difference counts only when it is
confirmed by asking for that very schedule.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

from activity_core.core.errors import UnavailableError
from activity_core.ports.scheduler import ExistingSchedule, Scheduler, WantedSchedule

AT_ONCE = 32
"""Requests to Temporal under way: enough to keep a server busy."""

Found = Mapping[str, ExistingSchedule | None]
T = TypeVar("T")


class Difference(StrEnum):
    """What must be done to a schedule to make it what it should be."""

    CREATED = "created"
    UPDATED = "updated"
    PAUSED = "paused"
    RESUMED = "resumed"
    DELETED = "deleted"


class KnownSchedules:
    """One namespace, as one process knows it."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._there: dict[str, ExistingSchedule] | None = None
        self._left: dict[str, ExistingSchedule | None] = {}
        self._following = b""
        self._unseen: set[str] = set()

    async def look(self) -> Found:
        """Those that are not what is known of them, as they are now (None: not there).

        Raises:
            UnavailableError: Temporal does not answer.
        """
        if self._there is None:
            return await self._scheduler.existing()
        if not self._following:
            self._unseen = {*self._there, *self._left}
        page = await self._scheduler.page(self._following)
        self._following = page.following
        self._unseen -= page.schedules.keys()
        found: dict[str, ExistingSchedule | None] = dict(page.schedules)
        if not page.following:
            found.update(dict.fromkeys(self._unseen))
        return await self._confirmed(
            [id_ for id_, listed in found.items() if listed != self._last(id_)]
        )

    async def _confirmed(self, suspects: Sequence[str]) -> Found:
        """As they are now; the rest is left to the next time if it seems that the list is behind.

        So is a schedule about which Temporal is silent: after many were created it is that busy.
        """
        now: dict[str, ExistingSchedule | None] = {}

        async def find(schedule_id: str) -> None:
            with suppress(UnavailableError):
                now[schedule_id] = await self._scheduler.find(schedule_id)

        for start in range(0, len(suspects), AT_ONCE):
            some = suspects[start : start + AT_ONCE]
            await _each(some, find)
            if not any(id_ in now and now[id_] != self._last(id_) for id_ in some):
                break
        return now

    def _last(self, schedule_id: str) -> ExistingSchedule | None:
        there = self._there or {}
        return self._left.get(schedule_id, there.get(schedule_id))

    def learn(
        self, found: Found, wanted: Mapping[str, WantedSchedule], *, leave: bool
    ) -> dict[str, Difference]:
        """Take in what was found; returns drift: what was right, and is not any more.

        With `leave` drift is left as it is until something else is wanted; it is returned again
        only when it has changed.
        """
        if self._there is None:
            self._there = {id_: there for id_, there in found.items() if there}
            return {}
        drift: dict[str, Difference] = {}
        for id_, there in found.items():
            if there == self._last(id_):
                continue  # only the list was behind
            want = wanted.get(id_)
            change = difference(want, there)
            drifted = change is not None and difference(want, self._there.get(id_)) is None
            if change and drifted:
                drift[id_] = change
            if drifted and leave:
                self._left[id_] = there
            else:
                self._know(id_, there)
        return drift

    def differences(self, wanted: Mapping[str, WantedSchedule]) -> dict[str, Difference]:
        """By schedule id, in order, what must be done."""
        there = self._there or {}
        found = {
            id_: difference(wanted.get(id_), there.get(id_)) for id_ in sorted({*wanted, *there})
        }
        return {id_: change for id_, change in found.items() if change}

    async def put(self, schedules: Iterable[WantedSchedule]) -> None:
        """Create or change them.

        Raises:
            UnavailableError: some may be done; those are put again the next time.
        """

        async def put(wanted: WantedSchedule) -> None:
            self._know(wanted.schedule_id, None)
            await self._scheduler.put(wanted)
            self._know(wanted.schedule_id, _as_put(wanted))

        await _each(schedules, put)

    async def delete(self, schedule_ids: Iterable[str]) -> None:
        """Delete them.

        Raises:
            UnavailableError: some may be done; those are deleted again the next time.
        """

        async def delete(schedule_id: str) -> None:
            await self._scheduler.delete(schedule_id)
            self._know(schedule_id, None)

        await _each(schedule_ids, delete)

    def _know(self, schedule_id: str, there: ExistingSchedule | None) -> None:
        self._left.pop(schedule_id, None)
        known = self._there = {} if self._there is None else self._there
        if there is None:
            known.pop(schedule_id, None)
        else:
            known[schedule_id] = there


def difference(wanted: WantedSchedule | None, there: ExistingSchedule | None) -> Difference | None:
    """What must be done to a schedule, if anything."""
    if wanted is None:
        return Difference.DELETED if there else None
    if there is None:
        return Difference.CREATED
    if there.fingerprint != wanted.clock.fingerprint:
        return Difference.UPDATED
    if there.paused != wanted.paused:
        return Difference.PAUSED if wanted.paused else Difference.RESUMED
    return None


def _as_put(wanted: WantedSchedule) -> ExistingSchedule:
    return ExistingSchedule(wanted.schedule_id, wanted.clock.fingerprint, wanted.paused)


async def _each(items: Iterable[T], do: Callable[[T], Awaitable[None]]) -> None:
    """Do it for all of them, some at once; an error is raised when the others are done."""
    queue = iter(items)

    async def in_turn() -> None:
        for item in queue:
            await do(item)

    results = await asyncio.gather(*(in_turn() for _ in range(AT_ONCE)), return_exceptions=True)
    for error in results:
        if error is not None:
            raise error
