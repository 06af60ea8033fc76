"""The range of a backfill: which past slots somebody means, and whether they can be run.

In: what was asked for, the definition as it is in force. Out: slots in the order of their turns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from activity_core.core.definition.calendar import Calendar
from activity_core.core.errors import BadInputError, ConflictError
from activity_core.core.schedule.slots import slots_between
from activity_core.core.schedule.spec import ScheduleSpec, schedule_of
from activity_core.ports.backfills import BackfillOrder
from activity_core.ports.registry import RegistryEntry, RegistryStore
from activity_core.services.registry import refuse_idle

MOST_SLOTS = 10_000

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_TINY = timedelta(microseconds=1)  # so that a slot at the very beginning counts


@dataclass(frozen=True, slots=True)
class BackfillRange:
    """Which slots of a definition: from `first` to `last`, both inclusive."""

    definition_id: str
    first: datetime
    last: datetime
    order: BackfillOrder = BackfillOrder.OLDEST

    @property
    def subject(self) -> str:
        """Of errors."""
        return f"definition {self.definition_id}"


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """All slots of a range in the order of their turns; `existing` have a run → its id."""

    slots: Sequence[datetime]
    existing: Mapping[datetime, str]

    @property
    def to_run(self) -> Sequence[datetime]:
        """Those without a run."""
        return [slot for slot in self.slots if slot not in self.existing]


async def paused_since(registry: RegistryStore, entry: RegistryEntry) -> datetime | None:
    """When the pause began that lasts until now; None if it is not paused."""
    since, id_ = None, entry.definition.id
    for line in (await registry.history({id_: _EARLIEST})).get(id_, []):
        since = (since or line.at) if line.paused else None
    return since


def check_range(wanted: BackfillRange, now: datetime) -> None:
    """Refuse what is no range of the past.

    Raises:
        BadInputError: naming the end that is wrong.
    """
    if wanted.first < _EARLIEST:
        raise BadInputError("from: must not be before 1970")
    if wanted.first > wanted.last:
        raise BadInputError("from: must not be later than `to`")
    if wanted.last > now:
        raise BadInputError(
            "to: must not be in the future", hint="the schedule itself runs what is to come"
        )


def schedule_to_backfill(entry: RegistryEntry, calendars: Mapping[str, Calendar]) -> ScheduleSpec:
    """The schedule of a definition that may run.

    Raises:
        ConflictError: it is paused, disabled, retired, or has none.
    """
    refuse_idle(entry)
    spec = schedule_of(entry.definition, calendars)
    if spec is None:
        raise ConflictError(
            "it has no schedule",
            subject=f"definition {entry.definition.id}",
            hint="trigger it by hand",
        )
    return spec


def slots_in(wanted: BackfillRange, spec: ScheduleSpec) -> list[datetime]:
    """The slots in the order of their turns; days without runs have none.

    Raises:
        BadInputError: too many.
    """
    found = list(islice(slots_between(spec, wanted.first - _TINY, wanted.last), MOST_SLOTS + 1))
    if len(found) > MOST_SLOTS:
        raise BadInputError(
            f"more than {MOST_SLOTS:,} slots are in that range",
            subject=wanted.subject,
            hint="backfill it in parts",
        )
    slots = [slot.at for slot in found if not slot.excluded]
    return slots if wanted.order is BackfillOrder.OLDEST else slots[::-1]
