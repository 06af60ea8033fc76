"""What goes into the `OngoingCase` workflow and its Temporal activities.

Names are part of recorded histories: a changed name breaks the replay of what is running. Imported
by the workflow sandbox, so standard library only.
"""

from dataclasses import dataclass

ONGOING_CASE = "OngoingCase"
RING = "ring"
SETTLE = "settle"
STATE = "state"
WAITING_FOR = "waiting_for"

TAKE_TURNS = "take_turns"
GATHER_FOR_TURN = "gather_for_turn"
REFUSE_TURN = "refuse_turn"

MOST_STEPS = 500
"""Steps of one workflow run before it continues as new: some 2,000 events of history."""


@dataclass(frozen=True, slots=True)
class CaseRequest:
    """A case that was opened; after so many steps its workflow continues as new."""

    case_id: str
    most_steps: int = MOST_STEPS


@dataclass(frozen=True, slots=True)
class TakeTurns:
    """Take what is queued and due."""

    case_id: str


@dataclass(frozen=True, slots=True)
class GatherForTurn:
    """Ask one remote source of the run whose turn is next."""

    run_id: str
    source: str


@dataclass(frozen=True, slots=True)
class RefuseTurn:
    """The next run cannot be decided: a source did not answer."""

    case_id: str
    run_id: str
    code: str
    message: str
