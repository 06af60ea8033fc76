"""`SlotTick`: slots are due; have them settled.

A Temporal Schedule starts it at the instant of a slot, the slot auditor when nobody did. It says
nothing about which slots: the one step settles whatever is due, of whatever definition, where runs
can be carried out as well. So while Temporal or all workers are away nothing is decided, and
afterwards everything is, with the delay known.
"""

from temporalio import workflow

from activity_core.workflows.calls import local
from activity_core.workflows.messages import SETTLE_SLOTS, SLOT_TICK


@workflow.defn(name=SLOT_TICK)
class SlotTick:
    """One look at the slots that are due. Its result: how many runs followed."""

    @workflow.run
    async def run(self) -> int:
        """Settle them."""
        return await local(SETTLE_SLOTS, None, int)
