"""The connection to Temporal that the engine, the scheduler and the workers of a process share."""

import asyncio
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from activity_core.core.errors import UnavailableError
from activity_core.core.run.errors import StartRefusedError

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds between tries while it does not answer."""


async def connect(
    address: str,
    namespace: str = "default",
    *,
    tls: TLSConfig | bool = False,
    api_key: str | None = None,
    patience: timedelta = timedelta(seconds=30),
) -> Client:
    """Connect to `host:port`, waiting up to `patience` for a server that is just starting.

    Raises:
        UnavailableError: nothing usable answers there, or not with this TLS and key.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience.total_seconds()
    pause = FIRST_PAUSE
    while True:
        try:
            return await Client.connect(address, namespace=namespace, tls=tls, api_key=api_key)
        except (RuntimeError, RPCError) as error:
            if loop.time() + pause > deadline:
                raise UnavailableError(
                    f"no connection: {error}",
                    subject=f"Temporal at {address}",
                    hint="is it running, and are address, TLS and key those of its frontend?",
                ) from error
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


_FOR_GOOD = frozenset({RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.OUT_OF_RANGE})
"""Answers about the request itself: the same request gets them again."""


def start_refused(error: RPCError, workflow_id: str) -> StartRefusedError | None:
    """The error of ours for a start that can never succeed; None if trying again may help."""
    if error.status not in _FOR_GOOD:
        return None
    return StartRefusedError(
        f"Temporal refuses it: {error.message}",
        subject=f"workflow {workflow_id}",
        hint="mend what it names, then replay the dead letter",
    )


def unavailable(error: RPCError, doing: str) -> UnavailableError:
    """What a failed request to Temporal means to a service: ask again later."""
    return UnavailableError(f"{doing}: {error.status.name}: {error.message}", subject="Temporal")
