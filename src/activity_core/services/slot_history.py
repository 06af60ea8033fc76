"""The past of schedules: what was in force when, for whoever must know which slots there were.

In: the registry's log. Out: `SlotHistory` per definition, from which `core.schedule.expected`
computes slots. Asked by the settler, the auditor and `explain`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.rollout import Rollout
from activity_core.core.schedule.expected import Reign
from activity_core.core.schedule.spec import ScheduleSpec, schedule_of
from activity_core.ports.registry import HistoryLine, RegistryStore
from activity_core.services.catalogue import Catalogue

MOST_COMPILED = 20_000


@dataclass(frozen=True, slots=True)
class SlotHistory:
    """One definition: all its reigns, and the newest of them in detail."""

    reigns: Sequence[Reign]
    definition: ActivityDefinition
    version: int
    rollout: Rollout | None = None

    @property
    def spec(self) -> ScheduleSpec | None:
        """The schedule in force now; None if there is none (any more)."""
        return self.reigns[-1].spec

    @property
    def idle(self) -> str:
        """Why nothing of it may run now, else empty."""
        return self.reigns[-1].idle if self.spec else "retired: it has no schedule any more"


class SlotHistories:
    """The histories of one tenant's definitions; compiled schedules are kept at hand."""

    def __init__(self, registry: RegistryStore, catalogue: Catalogue) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._compiled: dict[tuple[str, int], ScheduleSpec | None] = {}
        self._calendars: Mapping[str, Calendar] = {}

    async def since(self, instants: Mapping[str, datetime]) -> Mapping[str, SlotHistory]:
        """By definition id, from what was in force at its instant on.

        Raises:
            UnavailableError: the store cannot be reached.
        """
        await self._catalogue.refresh()
        if self._calendars is not self._catalogue.calendars:
            self._calendars = self._catalogue.calendars
            self._compiled.clear()
        lines = await self._registry.history(instants)
        versions = {(id_, line.version) for id_, found in lines.items() for line in found}
        await self._catalogue.learn(self._catalogue.unknown(sorted(versions)))
        return {id_: self._history(id_, found) for id_, found in lines.items() if found}

    def _history(self, definition_id: str, lines: Sequence[HistoryLine]) -> SlotHistory:
        version = lines[-1].version
        definition = self._catalogue.get((definition_id, version))
        return SlotHistory(
            [self._reign(definition_id, line) for line in lines],
            definition,
            version,
            lines[-1].rollout,
        )

    def _reign(self, definition_id: str, line: HistoryLine) -> Reign:
        definition = self._catalogue.get((definition_id, line.version))
        if line.retired:
            return Reign(line.at, None)
        return Reign(line.at, self._spec(definition, line.version), _idle(definition, line))

    def _spec(self, definition: ActivityDefinition, version: int) -> ScheduleSpec | None:
        key = (definition.id, version)
        if key not in self._compiled:
            if len(self._compiled) >= MOST_COMPILED:
                self._compiled.clear()
            self._compiled[key] = schedule_of(definition, self._calendars)
        return self._compiled[key]


def _idle(definition: ActivityDefinition, line: HistoryLine) -> str:
    if line.paused:
        return f"paused: by {line.actor}" + (f", {line.reason}" if line.reason else "")
    return "" if definition.enabled else "paused: the definition says enabled: false"
