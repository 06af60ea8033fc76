"""The scheduler over a Temporal client: Temporal Schedules that start `SlotTick`.

A schedule is only a doorbell with a clock: which slots are due is found out by the workflow that it
starts. What a schedule follows is read from what Temporal lists, so that one that somebody changed
by hand is seen, whatever its note says. Not listed, and so not seen, is how it starts its workflow.
"""

from collections.abc import Mapping
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleListActionStartWorkflow,
    ScheduleListSchedule,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from activity_core.adapters.temporal.client import unavailable
from activity_core.adapters.temporal.clock import as_listed, clock_of_listed, temporal_spec
from activity_core.adapters.temporal.engine import TASK_TIMEOUT
from activity_core.core import ids
from activity_core.core.schedule.clock import ClockSpec
from activity_core.ports.scheduler import ExistingSchedule, SchedulePage, WantedSchedule
from activity_core.workflows.messages import SLOT_TICK

CATCHUP_WINDOW = timedelta(seconds=60)
"""Ticks that Temporal itself missed for longer than this it drops (its default is a year)."""

PAGE = 1_000
"""Schedules that Temporal lists at once, at most; it takes half a second for them."""

ANSWERS_WITHIN = timedelta(seconds=1)
"""A schedule is looked up by a query to its workflow, which waits behind many that are new."""

_NOTE = "activity-core clock "
_UNLIKE_ANY = ""
_STARTS = (ScheduleActionStartWorkflow, ScheduleListActionStartWorkflow)


class TemporalScheduler:
    """Schedules named `activity-schedule-…` of one namespace, and the task queue of their ticks."""

    def __init__(self, client: Client, queue: str) -> None:
        self._client = client
        self._queue = queue

    async def existing(self) -> Mapping[str, ExistingSchedule]:
        """By schedule id; schedules of others are left out. Temporal's list lags a little.

        Raises:
            UnavailableError: Temporal does not answer.
        """
        page = await self.page()
        found = dict(page.schedules)
        while page.following:
            page = await self.page(page.following)
            found.update(page.schedules)
        return found

    async def page(self, token: bytes = b"") -> SchedulePage:
        """The first schedules, or those that follow a page.

        Raises:
            UnavailableError: Temporal does not answer.
        """
        try:
            listing = await self._client.list_schedules(page_size=PAGE, next_page_token=token)
            await listing.fetch_next_page()
        except RPCError as error:
            raise unavailable(error, "listing schedules") from error
        found = {
            listed.id: _existing(listed.id, listed.schedule)
            for listed in listing.current_page or ()
            if listed.schedule is not None and listed.id.startswith(ids.SCHEDULE_PREFIX)
        }
        return SchedulePage(found, listing.next_page_token or b"")

    async def find(self, schedule_id: str) -> ExistingSchedule | None:
        """One of them as it is now; None if it is not there.

        Raises:
            UnavailableError: Temporal does not answer, or not soon.
        """
        try:
            handle = self._client.get_schedule_handle(schedule_id)
            described = await handle.describe(rpc_timeout=ANSWERS_WITHIN)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise unavailable(error, f"looking up {schedule_id}") from error
        return _existing(schedule_id, described.schedule)

    async def put(self, wanted: WantedSchedule) -> None:
        """Create it, or change the existing one; a change never ticks for a past slot.

        Raises:
            UnavailableError: unknown whether it was done; do it again.
        """
        schedule = self._schedule(wanted)

        async def replace(_: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(schedule)

        try:
            await self._client.create_schedule(wanted.schedule_id, schedule)
        except ScheduleAlreadyRunningError:
            try:
                await self._client.get_schedule_handle(wanted.schedule_id).update(replace)
            except RPCError as error:
                raise unavailable(error, f"changing {wanted.schedule_id}") from error
        except RPCError as error:
            raise unavailable(error, f"creating {wanted.schedule_id}") from error

    async def delete(self, schedule_id: str) -> None:
        """Remove it; fine if it is gone already.

        Raises:
            UnavailableError: unknown whether it was done; do it again.
        """
        try:
            await self._client.get_schedule_handle(schedule_id).delete()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise unavailable(error, f"deleting {schedule_id}") from error

    def _schedule(self, wanted: WantedSchedule) -> Schedule:
        return Schedule(
            action=ScheduleActionStartWorkflow(
                SLOT_TICK,
                id=ids.tick_workflow_id(wanted.schedule_id),
                task_queue=self._queue,
                task_timeout=TASK_TIMEOUT,
            ),
            spec=temporal_spec(wanted.clock),
            policy=SchedulePolicy(
                overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=CATCHUP_WINDOW
            ),
            state=ScheduleState(note=_note(wanted.clock), paused=wanted.paused),
        )


def _note(clock: ClockSpec) -> str:
    """The fingerprint of the clock, and that of what Temporal's list shows of it."""
    return f"{_NOTE}{clock.fingerprint}, listed {as_listed(clock).fingerprint}"


def _existing(schedule_id: str, found: Schedule | ScheduleListSchedule) -> ExistingSchedule:
    ours = isinstance(found.action, _STARTS) and found.action.workflow == SLOT_TICK
    clock = clock_of_listed(found.spec) if ours else None
    fingerprint = _fingerprint(clock, found.state.note or "") if clock else _UNLIKE_ANY
    return ExistingSchedule(schedule_id, fingerprint, found.state.paused)


def _fingerprint(clock: ClockSpec, note: str) -> str:
    """That of what the schedule follows; the note speaks for what the list leaves out."""
    whole, _, shown = note.removeprefix(_NOTE).partition(", listed ")
    return whole if clock.fingerprint == shown else clock.fingerprint
