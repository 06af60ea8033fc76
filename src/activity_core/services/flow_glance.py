"""A glance at flow control: what it would decide now, without deciding it.

In: what was judged of an event that nobody sent. Out: what the router's own flow control makes of
it on the states as they are. Nothing is locked and nothing is written: the transaction is rolled
back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from activity_core.core.flow.group import FlowKey, FlowState
from activity_core.core.run.ending import OpenWork
from activity_core.ports.flow import Decided, FlowStore, OpenFlow
from activity_core.services.flow import Entries, FlowControl
from activity_core.services.listeners import Judged


@dataclass(slots=True)
class Glance:
    """See `OpenFlow`; `displaced` are the ids of runs that would have to end."""

    flow: OpenFlow
    displaced: list[str] = field(default_factory=list)

    async def lock(self, definition_ids: Sequence[str]) -> None:
        """Nobody has to wait for somebody who only looks."""

    async def states(self, keys: Sequence[FlowKey]) -> Mapping[FlowKey, FlowState]:
        """See `OpenFlow.states`."""
        return await self.flow.states(keys)

    async def finished(self, definition_id: str, occurrence_keys: Sequence[str]) -> Sequence[str]:
        """See `OpenFlow.finished`."""
        return await self.flow.finished(definition_id, occurrence_keys)

    async def open_work(self, run_ids: Sequence[str]) -> Sequence[OpenWork]:
        """None: they go on."""
        self.displaced += run_ids
        return ()

    async def write(self, decided: Decided, at: datetime) -> Mapping[str, int]:
        """Never.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError


class _RollBackError(Exception):
    """Ends the transaction."""


async def glanced(
    store: FlowStore, control: FlowControl, entries: Entries, judged: Judged, at: datetime
) -> tuple[Decided, Sequence[str]]:
    """What would be decided, and the ids of runs that would have to end for it."""
    try:
        async with store.open() as flow:
            glance = Glance(flow)
            decided, _ = await control.decide(glance, entries, [judged], lambda: at)
            raise _RollBackError
    except _RollBackError:
        return decided, glance.displaced
