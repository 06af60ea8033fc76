"""The case desk: what people may look at and do about cases."""

from activity_core.ports.cases import CaseStore
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.reading import Page, Query, Row


class CaseDesk:
    """Cases of one tenant."""

    def __init__(self, cases: CaseStore, clock: Clock, doorbell: Doorbell) -> None:
        self._cases = cases
        self._clock = clock
        self._doorbell = doorbell

    async def page(self, query: Query) -> Page:
        """See `CaseStore.page`."""
        return await self._cases.page(query)

    async def show(self, case_id: str) -> Row:
        """See `CaseStore.show`."""
        return await self._cases.show(case_id)

    async def close(self, case_id: str, actor: str) -> Row:
        """Close a case now, whatever its definition says; a closed one stays as it is.

        Raises:
            NotFoundError: no such case.
            ConflictError: runs wait for their turn in it.
        """
        await self._cases.close(case_id, actor, self._clock.now())
        self._doorbell.ring(Topic.STARTER)
        return await self._cases.show(case_id)
