"""The scheduler over a Temporal client: one Temporal Schedule per definition with slots.

A schedule is only the clock: it starts `RunActivity` with the definition id, and Temporal appends
the nominal slot to the workflow id. What a slot means is decided when the run claims it. The
fingerprint of the spec is kept in the note of the schedule, so that a schedule somebody changed
or paused by hand is made right again.
"""

from collections.abc import Mapping
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.client import ScheduleSpec as TemporalSpec
from temporalio.service import RPCError, RPCStatusCode

from activity_core.adapters.temporal.client import unavailable
from activity_core.adapters.temporal.engine import TASK_TIMEOUT
from activity_core.core import ids
from activity_core.core.definition.wall_calendar import CalendarSpec, Range
from activity_core.core.schedule import ScheduleSpec
from activity_core.ports.scheduler import ExistingSchedule, WantedSchedule
from activity_core.workflows.messages import RUN_ACTIVITY, RunRequest

CATCHUP_WINDOW = timedelta(seconds=60)
"""Slots that Temporal itself missed for longer than this it drops (its default is a year)."""

NOTE = "activity-core spec "


class TemporalScheduler:
    """Schedules named `activity-schedule-…` of one namespace."""

    def __init__(self, client: Client, queue: str) -> None:
        self._client = client
        self._queue = queue

    async def existing(self) -> Mapping[str, ExistingSchedule]:
        """By definition id; schedules of others are not touched. Temporal's list lags a little."""
        prefix = ids.schedule_id("")
        found = {}
        try:
            async for listed in await self._client.list_schedules(page_size=1_000):
                if listed.schedule is None or not listed.id.startswith(prefix):
                    continue
                state = listed.schedule.state
                definition_id = listed.id.removeprefix(prefix)
                fingerprint = (state.note or "").removeprefix(NOTE)
                found[definition_id] = ExistingSchedule(definition_id, fingerprint, state.paused)
        except RPCError as error:
            raise unavailable(error, "listing schedules") from error
        return found

    async def put(self, wanted: WantedSchedule) -> None:
        """Create it, or change the existing one; a change never fires a past slot."""
        schedule = self._schedule(wanted)
        schedule_id = ids.schedule_id(wanted.definition_id)

        async def replace(_: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(schedule)

        try:
            await self._client.create_schedule(schedule_id, schedule)
        except ScheduleAlreadyRunningError:
            try:
                await self._client.get_schedule_handle(schedule_id).update(replace)
            except RPCError as error:
                raise unavailable(error, f"changing {schedule_id}") from error
        except RPCError as error:
            raise unavailable(error, f"creating {schedule_id}") from error

    async def delete(self, definition_id: str) -> None:
        """Remove it; fine if it is gone already."""
        schedule_id = ids.schedule_id(definition_id)
        try:
            await self._client.get_schedule_handle(schedule_id).delete()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise unavailable(error, f"deleting {schedule_id}") from error

    def _schedule(self, wanted: WantedSchedule) -> Schedule:
        return Schedule(
            action=ScheduleActionStartWorkflow(
                RUN_ACTIVITY,
                RunRequest(definition_id=wanted.definition_id),
                id=f"activity-{wanted.definition_id}",
                task_queue=self._queue,
                task_timeout=TASK_TIMEOUT,
            ),
            spec=temporal_spec(wanted.spec),
            policy=SchedulePolicy(
                overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=CATCHUP_WINDOW
            ),
            state=ScheduleState(note=NOTE + wanted.spec.fingerprint, paused=wanted.paused),
        )


def temporal_spec(spec: ScheduleSpec) -> TemporalSpec:
    """The same slots in Temporal's words."""
    return TemporalSpec(
        calendars=[_calendar(calendar) for calendar in spec.calendars],
        intervals=[ScheduleIntervalSpec(spec.interval.every, spec.interval.offset)]
        if spec.interval
        else [],
        time_zone_name=spec.timezone,
        jitter=spec.jitter or None,
    )


def _calendar(calendar: CalendarSpec) -> ScheduleCalendarSpec:
    return ScheduleCalendarSpec(
        minute=_ranges(calendar.minute),
        hour=_ranges(calendar.hour),
        day_of_month=_ranges(calendar.day_of_month),
        month=_ranges(calendar.month),
        day_of_week=_ranges(calendar.day_of_week),
    )


def _ranges(ranges: tuple[Range, ...]) -> list[ScheduleRange]:
    return [ScheduleRange(part.start, part.end, part.step) for part in ranges]
