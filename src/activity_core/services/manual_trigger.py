"""Manual triggers: somebody wants a run now.

In: a request with its id from the API. Out: decision and pending run in one transaction; the
same request id again finds the same run.
"""

from collections.abc import Mapping

from activity_core.core import ids
from activity_core.core.definition.json_schema import mismatches
from activity_core.core.errors import BadInputError, ConflictError
from activity_core.core.jsontext import JsonValue
from activity_core.core.rollout import version_for
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.registry import RegistryEntry, RegistryStore
from activity_core.ports.run_queue import ManualRequest, RunQueue, Submission
from activity_core.services.registry import entry_of, refuse_idle

_NO_INPUT = {"type": "object", "maxProperties": 0}
"""Of schedules: their rules cannot ask for an input."""


class ManualTrigger:
    """Fires definitions that have a manual trigger, or a schedule that somebody cannot await."""

    def __init__(
        self, registry: RegistryStore, queue: RunQueue, doorbell: Doorbell, clock: Clock
    ) -> None:
        self._registry = registry
        self._queue = queue
        self._doorbell = doorbell
        self._clock = clock

    async def fire(
        self, definition_id: str, request_id: str, data: Mapping[str, JsonValue], actor: str
    ) -> Submission:
        """Decide the request once.

        Raises:
            NotFoundError: no such definition.
            ConflictError: it is paused, disabled, retired, or has neither a manual trigger nor
                a schedule.
            BadInputError: the input does not fit its schema, or the request id is no id.
        """
        snapshot = await self._registry.snapshot()
        entry = entry_of(snapshot.entries, definition_id)
        _refuse_unless_ready(entry)
        _check_input(entry, data)
        key = ids.occurrence_of_request(request_id)
        submission = await self._queue.submit(
            ManualRequest(
                definition_id,
                version_for(entry.rollout, definition_id, entry.version, key),
                key,
                dict(data),
                actor,
            ),
            self._clock.now(),
        )
        self._doorbell.ring(Topic.STARTER)
        return submission


def _refuse_unless_ready(entry: RegistryEntry) -> None:
    refuse_idle(entry)
    trigger = entry.definition.trigger
    if trigger.manual is None and not trigger.slot_triggers:
        raise ConflictError(
            "it has no manual trigger",
            subject=f"definition {entry.definition.id}",
            hint="add `manual:` to its triggers",
        )


def _check_input(entry: RegistryEntry, data: Mapping[str, JsonValue]) -> None:
    manual = entry.definition.trigger.manual
    schema = manual.input if manual else _NO_INPUT
    problems = mismatches(schema, dict(data), "input") if schema else []
    if problems:
        raise BadInputError(
            "the input does not fit the trigger's schema: " + "; ".join(problems),
            subject=f"definition {entry.definition.id}",
        )
