"""Requests about one workflow, with errors of ours and answers that repeating does not change."""

from collections.abc import Awaitable

from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activity_core.adapters.temporal.client import start_refused, unavailable


async def once(workflow_id: str, start: Awaitable[object]) -> None:
    """What was started before counts as started."""
    try:
        await start
    except WorkflowAlreadyStartedError:
        return
    except RPCError as error:
        if refused := start_refused(error, workflow_id):
            raise refused from error
        raise unavailable(error, f"starting {workflow_id}") from error


async def reaches(request: Awaitable[None], doing: str) -> bool:
    """Whether there was a running workflow to do it to."""
    try:
        await request
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise unavailable(error, doing) from error
    return True
