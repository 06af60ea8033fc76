"""The plan of a cursor: when the next slot is, and when somebody must have looked at it.

In: a schedule. Out: a `SchedulePlan`, kept with the cursor so that looking for due slots is one
indexed question to the store.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from json import dumps

from activity_core.core.schedule.settlement import ON_TIME
from activity_core.core.schedule.slots import next_slot
from activity_core.core.schedule.spec import ScheduleSpec


@dataclass(frozen=True, slots=True)
class SchedulePlan:
    """`fingerprint` is equal for equal schedules; the instants are None when no slot is left.

    `wake_at` is when a tick for `next_slot` is overdue: at once if none can be relied on.
    """

    fingerprint: str
    next_slot: datetime | None
    wake_at: datetime | None


def plan_of(spec: ScheduleSpec, after: datetime) -> SchedulePlan:
    """The plan from an instant on."""
    slot = next_slot(spec, after)
    if slot is None:
        return SchedulePlan(fingerprint_of(spec), None, None)
    wake_at = slot.at + ON_TIME if slot.ticks else slot.at
    return SchedulePlan(fingerprint_of(spec), slot.at, wake_at)


def fingerprint_of(spec: ScheduleSpec) -> str:
    """32 hex characters over everything that slots depend on, days without runs included."""
    document = [
        asdict(source)
        | {"excluded": sorted((str(day), why) for day, why in source.excluded.items())}
        for source in spec.sources
    ]
    text = dumps(document, default=str, sort_keys=True)
    return sha256(text.encode()).hexdigest()[:32]
