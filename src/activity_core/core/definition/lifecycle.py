"""Ongoing definitions: one long-lived case per correlation key, instead of a run per event alone.

Part of a `definition` with `lifecycle: ongoing`. The runs of a case are carried out one after
another over a common state; see `core.case`.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from activity_core.core.definition.duration import Duration
from activity_core.core.definition.model import Expression, Model

Lifecycle = Literal["run", "ongoing"]
Migrate = Literal["pinned", "newest"]

CASE_VARIABLES = frozenset({"state", "timer"})
"""What rules of ongoing definitions see besides all else; `timer` is empty unless one fired."""
STATE_VARIABLES = CASE_VARIABLES | {"event"}
"""What `state.update` and `ends_when` see."""


MOST_STATE_BYTES = 65_536
"""How long a state may be, as JSON."""


class StateConfig(Model):
    """What a case remembers: begins as `initial`; after each event it is what `update` gives.

    `update` sees `state`, `event` and `timer`, and gives the whole new state, a map.
    """

    initial: dict[str, Any] = Field(default_factory=dict)
    update: Expression | None = None


class CaseTimer(Model):
    """Makes a run of its own, in which `timer` is its name, when that much time has passed."""

    after: Annotated[Duration, Field(ge=timedelta(seconds=1))]
    since: Literal["opened", "last_event"] = "last_event"
    repeat: StrictBool = False
