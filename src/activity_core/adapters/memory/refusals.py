"""Refusals in memory."""

from collections.abc import Sequence

from activity_core.adapters.memory.state import State
from activity_core.core.errors import RejectedError
from activity_core.ports.refusals import Refusal


class MemoryRefusals:
    """See `ports.refusals.Refusals`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def record(self, refusals: Sequence[Refusal]) -> None:
        """See `Refusals.record`."""
        async with self._state.transaction() as tables:
            for refusal in refusals:
                if not (refusal.via and refusal.code):
                    raise RejectedError("a refusal without a reason")
                tables.refusals[self._state.next_position()] = refusal.kept()
