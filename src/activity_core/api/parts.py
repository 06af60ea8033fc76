"""What the API stands on: services and ports from `bootstrap`, its limits, its keys.

`app.create_app` keeps the parts; every route asks for them with `Parts`, and for who is calling
with `Actor`.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Request

from activity_core.core.errors import ConfigurationError
from activity_core.ports.backfills import Backfills
from activity_core.ports.clock import Clock
from activity_core.ports.dead_letters import DeadLetters
from activity_core.ports.event_replays import EventReplays
from activity_core.ports.inbox import Inbox
from activity_core.ports.outbox import Outbox
from activity_core.ports.reading import Reading
from activity_core.ports.registry import RegistryStore
from activity_core.ports.rollouts import Rollouts
from activity_core.ports.run_queue import RunQueue
from activity_core.services.backfill import Backfiller
from activity_core.services.callbacks import Callbacks
from activity_core.services.case_desk import CaseDesk
from activity_core.services.dead_letters import DeadLetterDesk
from activity_core.services.entrances import EntranceDesk
from activity_core.services.event_replay_desk import EventReplayDesk
from activity_core.services.explain import Explain
from activity_core.services.explain_slot import ExplainSlot
from activity_core.services.manual_trigger import ManualTrigger
from activity_core.services.message_reader import MessageReader
from activity_core.services.reception import Reception
from activity_core.services.registry import Registry
from activity_core.services.rerun import Rerunner
from activity_core.services.rollout_desk import RolloutDesk
from activity_core.services.run_control import RunDesk
from activity_core.services.schedules import Schedules
from activity_core.services.simulation import Simulation
from activity_core.services.task_inbox import TaskInbox

ANONYMOUS = "anonymous"
"""Who calls while there are no keys."""

Probe = Callable[[], Awaitable[None]]
"""Returns if a part that we need answers, raises if it does not."""
Caution = Callable[[], Awaitable[str | None]]
"""What should be known of a part, though it works; None if there is nothing."""


@dataclass(frozen=True, slots=True)
class ApiParts:
    """Services and ports of one tenant.

    Attributes:
        readiness: what must answer for the API to be ready, by name.
        warnings: what operators should know of a part though it works, by name.
    """

    reception: Reception
    message_reader: MessageReader
    entrance_desk: EntranceDesk
    registry: Registry
    registry_store: RegistryStore
    manual_trigger: ManualTrigger
    backfiller: Backfiller
    event_replay_desk: EventReplayDesk
    task_inbox: TaskInbox
    callbacks: Callbacks
    case_desk: CaseDesk
    dead_letter_desk: DeadLetterDesk
    explain: Explain
    explain_slot: ExplainSlot
    simulation: Simulation
    schedules: Schedules
    run_desk: RunDesk
    rerunner: Rerunner
    rollout_desk: RolloutDesk
    rollouts: Rollouts
    reading: Reading
    inbox: Inbox
    run_queue: RunQueue
    backfills: Backfills
    event_replays: EventReplays
    outbox: Outbox
    dead_letters: DeadLetters
    clock: Clock
    readiness: Mapping[str, Probe]
    warnings: Mapping[str, Caution]


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """Bounds of one request: bytes of its body, levels of its JSON, events of a batch."""

    max_body_bytes: int = 1 << 20
    max_json_depth: int = 64
    max_batch_events: int = 1_000


class ApiKeys:
    """Static keys by name; only their hashes are kept. Without any, everybody is welcome.

    Raises:
        ConfigurationError: a name or a key is empty, or a key is not ASCII, as headers are.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        for name, key in keys.items():
            if not name or not key or not key.isascii():
                raise ConfigurationError(
                    "it, or its name, is empty, or it is not ASCII", subject=f"API key {name!r}"
                )
        self._hashes = {name: sha256(key.encode()).digest() for name, key in keys.items()}

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def owner(self, authorization: str) -> str | None:
        """The name of the key in an `Authorization: Bearer …` header, if it is one of ours."""
        scheme, _, key = authorization.partition(" ")
        presented = sha256(key.strip().encode()).digest()
        found = None
        for name, known in self._hashes.items():  # all of them: the time must not tell which
            if hmac.compare_digest(known, presented):
                found = name
        return found if scheme.lower() == "bearer" else None


async def _parts(request: Request) -> ApiParts:
    parts: ApiParts = request.app.state.parts
    return parts


async def _actor(request: Request) -> str:
    actor: str = request.state.actor
    return actor


Parts = Annotated[ApiParts, Depends(_parts)]
Actor = Annotated[str, Depends(_actor)]
