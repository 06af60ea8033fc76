"""Running again: a new run for what an earlier one was for.

In: a run that is over and a request, from the API. Out: another run for the same events, slot or
input, decided and queued in one transaction; the same request id again finds the same run. With the
context of then it decides by the answers that are on record; else its sources are asked anew.
"""

from dataclasses import dataclass
from typing import Literal

from activity_core.core import ids
from activity_core.core.errors import ConflictError
from activity_core.core.run.run import OPEN
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.registry import RegistryEntry, RegistryStore
from activity_core.ports.run_control import Rerun, RunAction, RunControl, RunLine, RunStanding
from activity_core.ports.run_queue import Submission
from activity_core.services.registry import entry_of, refuse_idle


@dataclass(frozen=True, slots=True)
class RerunRequest:
    """Who wants a run again, why, with which context and of which version of the definition."""

    request_id: str
    actor: str
    reason: str = ""
    context: Literal["same", "fresh"] = "same"
    version: Literal["same", "newest"] = "same"


class Rerunner:
    """Runs of one tenant, once more."""

    def __init__(
        self, control: RunControl, registry: RegistryStore, clock: Clock, doorbell: Doorbell
    ) -> None:
        self._control = control
        self._registry = registry
        self._clock = clock
        self._doorbell = doorbell

    async def rerun(self, run_id: str, request: RerunRequest) -> Submission:
        """Decide it once.

        Raises:
            NotFoundError: no such run.
            ConflictError: it is open, of a case, or has no context on record; its definition is
                paused, disabled or retired; its events are gone.
            BadInputError: the request id is no id.
        """
        key = ids.occurrence_of_rerun(run_id, request.request_id)
        entries = (await self._registry.snapshot()).entries
        async with self._control.hold(run_id) as held:
            entry = entry_of(entries, held.run.definition_id)
            _refuse(held.run, entry, request)
            wanted = Rerun(
                key,
                entry.version if request.version == "newest" else held.run.version,
                _reason(run_id, request),
                (held.run.sources or ()) if request.context == "same" else (),
            )
            at = self._clock.now()
            submission = await held.rerun(wanted, at)
            if submission.created:
                about = submission.run_id
                line = RunLine(RunAction.RERUN, request.actor, request.reason, about)
                await held.note(line, at)
        self._doorbell.ring(Topic.STARTER)
        return submission


def _reason(run_id: str, request: RerunRequest) -> str:
    with_context = "with the context of then" if request.context == "same" else "with fresh context"
    because = f": {request.reason}" if request.reason else ""
    return f"run again of {run_id} {with_context}, asked by {request.actor}{because}"


def _refuse(run: RunStanding, entry: RegistryEntry, request: RerunRequest) -> None:
    subject = f"run {run.run_id}"
    if run.status in OPEN:
        raise ConflictError(f"it is {run.status}", subject=subject, hint="wait until it is over")
    refuse_idle(entry)
    if entry.definition.lifecycle == "ongoing":
        raise ConflictError(
            "it is of a case, whose state has moved on",
            subject=subject,
            hint="send an event to the case instead",
        )
    if request.context == "same" and run.sources is None:
        raise ConflictError(
            "it never had a context", subject=subject, hint="run it again with fresh context"
        )
