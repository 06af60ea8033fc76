"""The range of an event replay: which recorded events somebody means, and whether they can be had.

In: what was asked for, the definition as it is in force. Out: the type patterns that it listens to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from activity_core.core.errors import BadInputError, ConflictError
from activity_core.ports.event_replays import Tally
from activity_core.ports.registry import RegistryEntry
from activity_core.services.registry import refuse_idle

MOST_RATE = 1_000.0

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EventReplayRange:
    """Events for a definition: received from `since` to `until` (both included; None: to now)."""

    definition_id: str
    since: datetime
    until: datetime | None = None

    @property
    def subject(self) -> str:
        """Of errors."""
        return f"definition {self.definition_id}"


@dataclass(frozen=True, slots=True)
class EventReplayPlan:
    """What a replay would find; `reached`: how far was looked, None if to the end."""

    tally: Tally
    reached: datetime | None


def last_of(wanted: EventReplayRange, now: datetime) -> datetime:
    """The end of a range of the past.

    Raises:
        BadInputError: it is none, naming the end that is wrong.
    """
    until = now if wanted.until is None else wanted.until
    if wanted.since < _EARLIEST:
        raise BadInputError("since: must not be before 1970")
    if wanted.since > until:
        raise BadInputError("since: must not be later than `until`")
    if until > now:
        raise BadInputError(
            "until: must not be in the future", hint="what is to come is judged as it comes"
        )
    return until


def check_rate(rate: float) -> None:
    """Refuse a pace that is none.

    Raises:
        BadInputError: out of bounds.
    """
    if not 0 < rate <= MOST_RATE:
        raise BadInputError(f"rate: must be above 0, at most {MOST_RATE:,.0f}")


def heard_by(entry: RegistryEntry) -> Sequence[str]:
    """The type patterns that a definition listens to."""
    return [type_ for part in entry.definition.trigger.heard for type_ in part.all_types]


def types_to_replay(entry: RegistryEntry) -> Sequence[str]:
    """The type patterns of a definition that may run.

    Raises:
        ConflictError: it is paused, disabled, retired, or listens to nothing.
    """
    refuse_idle(entry)
    if not entry.definition.trigger.heard:
        raise ConflictError(
            "it listens to no events",
            subject=f"definition {entry.definition.id}",
            hint="backfill its slots, or trigger it by hand",
        )
    return heard_by(entry)
