"""The attempt that a performer is told of: the Temporal activity that is under way.

Built by `task_steps` inside of it; asked by performers and plug-ins, from whatever thread.
"""

import asyncio
import contextvars
import threading
from functools import partial

from temporalio import activity

from activity_core.core.jsontext import JsonValue


class ActivityAttempt:
    """`ports.task_performer.Attempt` over the Temporal activity in whose task it is made."""

    def __init__(self) -> None:
        info = activity.info()
        self.number = info.attempt
        self.last_heartbeat: JsonValue = next(iter(info.heartbeat_details), None)
        self._context = contextvars.copy_context()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants the result any more."""
        return self._context.copy().run(activity.is_cancelled)

    def heartbeat(self, detail: JsonValue = None) -> None:
        """Tell that it still works; the SDK sends only the newest, and not too often."""
        if threading.get_ident() == self._thread:
            self._context.copy().run(activity.heartbeat, detail)
        else:
            beat = partial(activity.heartbeat, detail)
            self._loop.call_soon_threadsafe(beat, context=self._context.copy())
