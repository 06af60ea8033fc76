"""The timetable: which definitions have slots, and by which clocks Temporal shall tick for them.

In: the registry. Out: an entry per definition with a schedule, compiled once per version, and from
those the schedules that should be on Temporal.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from activity_core.core import ids
from activity_core.core.definition.calendar import Calendar
from activity_core.core.schedule.clock import ClockSpec, clock_of
from activity_core.core.schedule.plan import fingerprint_of
from activity_core.core.schedule.spec import ScheduleSpec, calendars_named, schedule_of
from activity_core.ports.registry import RegistryEntry, RegistryStore
from activity_core.ports.scheduler import WantedSchedule


@dataclass(frozen=True, slots=True)
class TimetableEntry:
    """A definition that has a schedule and is not retired.

    Attributes:
        calendars: those that it names, None for unknown ones: what it was compiled with.
        plan: fingerprint of `spec`.
    """

    entry: RegistryEntry
    calendars: tuple[Calendar | None, ...]
    spec: ScheduleSpec
    plan: str
    clock: ClockSpec


class Timetable:
    """The newest timetable of one tenant; costs one small question while nothing changes."""

    def __init__(self, registry: RegistryStore) -> None:
        self._registry = registry
        self._revision = -1
        self._calendars: Mapping[str, Calendar] = {}
        self._entries: Mapping[str, TimetableEntry] = {}

    async def newest(self) -> Mapping[str, TimetableEntry]:
        """By definition id, in order.

        Raises:
            UnavailableError: the store cannot be reached.
        """
        revision = await self._registry.revision()
        if revision != self._revision:
            snapshot = await self._registry.snapshot(revision)
            self._calendars = {
                id_: known if (known := self._calendars.get(id_)) == calendar else calendar
                for id_, calendar in snapshot.calendars.items()
            }
            compiled = (self._compiled(entry) for _, entry in sorted(snapshot.entries.items()))
            self._entries = {found.entry.definition.id: found for found in compiled if found}
            self._revision = snapshot.revision
        return self._entries

    def _compiled(self, entry: RegistryEntry) -> TimetableEntry | None:
        definition = entry.definition
        if entry.retired or not definition.trigger.slot_triggers:
            return None
        calendars = tuple(self._calendars.get(id_) for id_ in sorted(calendars_named(definition)))
        known = self._entries.get(definition.id)
        if known and (known.entry.version, known.calendars) == (entry.version, calendars):
            return replace(known, entry=entry)
        spec = schedule_of(definition, self._calendars)
        if spec is None:
            return None
        return TimetableEntry(entry, calendars, spec, fingerprint_of(spec), clock_of(spec))


def wanted_schedules(entries: Iterable[TimetableEntry]) -> dict[str, WantedSchedule]:
    """By schedule id: one for all definitions that tick alike.

    It is paused only if all of them are: what a tick is for is not its business.
    """
    alike: defaultdict[str, list[TimetableEntry]] = defaultdict(list)
    for found in entries:
        if found.clock.calendars or found.clock.intervals:
            alike[found.clock.fingerprint].append(found)
    wanted = {}
    for fingerprint, members in alike.items():
        if len(members) == 1:
            name = ids.schedule_id(members[0].entry.definition.id)
        else:
            name = ids.shared_schedule_id(fingerprint)
        paused = not any(member.entry.fires for member in members)
        wanted[name] = WantedSchedule(name, members[0].clock, paused)
    return wanted
