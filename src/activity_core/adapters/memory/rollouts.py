"""What became of the runs of candidates, in memory."""

from datetime import datetime

from activity_core.adapters.memory.state import State
from activity_core.core.run.run import OPEN, RunStatus
from activity_core.ports.rollouts import LOOKED_AT, RunTally


class MemoryRollouts:
    """See `ports.rollouts.Rollouts`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def tally(self, definition_id: str, version: int, since: datetime) -> RunTally:
        """See `Rollouts.tally`."""
        mine = [
            run
            for run in self._state.tables.runs.values()
            if run.definition_id == definition_id and run.fired_at >= since
        ]
        mine.sort(key=lambda run: (run.fired_at, run.run_id))
        over = [
            run.status
            for run in mine[-LOOKED_AT:]
            if run.version == version and run.status not in {*OPEN, RunStatus.CANCELLED}
        ]
        return RunTally(len(over), sum(status is not RunStatus.COMPLETED for status in over))
