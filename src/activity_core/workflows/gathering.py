"""Remote sources of a run that cannot be decided without them.

Used by `run_activity` and `ongoing_case`. In: the sources, and what the Temporal activity is asked
about each. Out: nothing, since what they answer is kept in the database; or why one has no answer.
"""

import asyncio
from collections.abc import Callable, Sequence

from temporalio.exceptions import ActivityError

from activity_core.core.run.progress import SourceStep
from activity_core.workflows.calls import remote
from activity_core.workflows.failures import reason


async def gather(
    name: str, sources: Sequence[SourceStep], question: Callable[[str], object]
) -> tuple[str, str] | None:
    """Ask all of them at once; type and sentence of the first failure, if there is one."""

    async def ask(step: SourceStep) -> tuple[str, str] | None:
        try:
            await remote(name, question(step.name), step.patience, type(None))
        except ActivityError as error:
            return reason(error, step.patience)
        return None

    answers = await asyncio.gather(*(ask(step) for step in sources))
    return next((answer for answer in answers if answer), None)
