"""Cases: what an ongoing definition knows about one correlation key, from its first event on.

Opened by the store when the first run of a key is queued, carried on turn by turn by
`services.case_keeper`, closed when `ends_when` holds or an operator says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from activity_core.core.jsontext import JsonValue

State = Mapping[str, JsonValue]


class CaseStatus(StrEnum):
    """Where a case stands. What comes for the key of a closed one opens the next number."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Case:
    """One lifetime of an ongoing definition for one correlation key.

    Attributes:
        key: canonical JSON text of what `correlation` gave.
        number: counts the cases of the key, from 1.
        version: of the definition that its next turn is taken by.
        opened_at: when its first event was routed; `last_event_at`: when its last one was.
        state: None until its first turn, which begins with the definition's `initial`.
        is_ending: whether `ends_when` held after the last turn.
        fired: by name of a timer, the instant that it fired for last.
        taken: how many turns it has taken.
    """

    case_id: str
    definition_id: str
    key: str
    number: int
    version: int
    opened_at: datetime
    last_event_at: datetime
    status: CaseStatus = CaseStatus.OPEN
    state: State | None = None
    is_ending: bool = False
    fired: Mapping[str, datetime] = field(default_factory=dict)
    taken: int = 0
    closed_at: datetime | None = None
