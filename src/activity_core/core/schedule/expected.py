"""Expected slots: which instants a definition asked for, version by version.

In: what was in force when (`Reign`s), from the registry's log. Out: every slot of a stretch of
time, with what stood against it then: a pause, a day without runs. The same slots come out however
late somebody asks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from activity_core.core.schedule.settlement import ExpectedSlot
from activity_core.core.schedule.slots import slots_between
from activity_core.core.schedule.spec import ScheduleSpec


@dataclass(frozen=True, slots=True)
class Reign:
    """What was in force from `at` on, until the next one.

    Attributes:
        spec: the schedule; None: no slots (retired, or no slot trigger).
        idle: why nothing ran although there were slots (`paused: …`), else empty.
    """

    at: datetime
    spec: ScheduleSpec | None
    idle: str = ""


def expected_slots(
    reigns: Sequence[Reign], after: datetime, until: datetime
) -> Iterator[ExpectedSlot]:
    """The slots in (after, until], ascending; before the first reign there are none.

    A slot at the very instant of a change belongs to what was in force before it: editing never
    fires a slot of the new schedule that is not in the future.
    """
    for number, reign in enumerate(reigns):
        ends = min(until, reigns[number + 1].at) if number + 1 < len(reigns) else until
        if reign.spec is None:
            continue
        for slot in slots_between(reign.spec, max(after, reign.at), ends):
            excluded = f"outside_validity: excluded, {slot.excluded}" if slot.excluded else ""
            yield ExpectedSlot(slot.at, reign.idle or excluded)
