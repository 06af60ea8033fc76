"""Rollouts: a new version for a part, then for all, or back to an older one.

In: a definition with its share from the API, or the word to promote it or to go back. Out: a new
immutable version that is not in force yet, and a line of the registry's log. What decides about
single runs is `core.rollout`; what stops a rollout by itself is `services.rollout_keeper`.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition_file.bundle import Bundle
from activity_core.core.errors import BadInputError, ConflictError, ExpressionError
from activity_core.core.expression.condition import compile_expression
from activity_core.core.matching.conjuncts import EVENT_VARIABLES
from activity_core.core.rollout import Rollout
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.entrances import Change
from activity_core.ports.registry import LogLine, RegistryEdit, RegistryEntry, RegistryStore
from activity_core.services.publication import publish
from activity_core.services.registry import Registry, entry_of


@dataclass(frozen=True, slots=True)
class Share:
    """Who gets a candidate, and when it stops; see `core.rollout.Rollout`."""

    percent: float
    key: str | None = None
    stop_at: float = 0.2
    min_runs: int = 20


class RolloutDesk:
    """Rollouts of one tenant.

    All of it raises NotFoundError (no such definition or version) and ConflictError (its state does
    not allow it).
    """

    def __init__(
        self, registry: Registry, store: RegistryStore, clock: Clock, doorbell: Doorbell
    ) -> None:
        self._registry = registry
        self._store = store
        self._clock = clock
        self._doorbell = doorbell

    async def start(
        self, definition: ActivityDefinition, share: Share, actor: str, reason: str = ""
    ) -> None:
        """Give a new version to a part of what happens; once more with the same changes the share.

        Raises:
            BadInputError: what must be equal differs from the version in force, or the key is none.
            InvalidDefinitionError: with every issue found.
        """
        _check_key(definition, share.key)
        async with self._store.edit(actor, self._clock.now) as edit:
            entry = entry_of(edit.current.entries, definition.id)
            _refuse_unless_candidate(entry, definition)
            bundle = Bundle(definitions=(definition,))
            await self._registry.review(bundle, edit.current, edit.entrances)
            rollout = await self._candidate(edit, entry, definition, share)
            await edit.log([_line(entry, Change.ROLLOUT_STARTED, rollout, reason)])

    async def _candidate(
        self,
        edit: RegistryEdit,
        entry: RegistryEntry,
        definition: ActivityDefinition,
        share: Share,
    ) -> Rollout:
        digest, before = definition.digest.hex(), entry.rollout
        known = before is not None and before.digest == digest
        version = entry.published if known else entry.published + 1
        if not known:
            await edit.publish(definition, version)
        goes_on = known and before is not None and before.goes_on
        since = before.since if goes_on and before else self._clock.now()
        return Rollout(
            version, digest, share.percent, since, share.key, share.stop_at, share.min_runs
        )

    async def promote(self, definition_id: str, actor: str, reason: str = "") -> None:
        """Put the candidate in force for all."""
        async with self._store.edit(actor, self._clock.now) as edit:
            entry = entry_of(edit.current.entries, definition_id)
            if entry.rollout is None or entry.rollout.stopped:
                raise _no_rollout(entry)
            version = entry.rollout.version
            line = replace(_line(entry, Change.PROMOTED, None, reason), version=version)
            await edit.log([line])
        self._doorbell.ring(Topic.RECONCILER)

    async def roll_back(
        self, definition_id: str, actor: str, reason: str = "", *, to: int | None = None
    ) -> None:
        """Stop the rollout that is under way; else publish an older document as the newest version.

        `to`: the version to go back to, rollout or not; default: the one that was in force before.

        Raises:
            InvalidDefinitionError: it does not fit what it refers to any more.
        """
        entry = entry_of((await self._store.snapshot()).entries, definition_id)
        _refuse_retired(entry)
        if to is None and entry.rollout is not None and entry.rollout.goes_on:
            why = f"by {actor}" + (f": {reason}" if reason else "")
            await stop_rollout(self._store, self._clock, entry, actor=actor, why=why)
            return
        version = await self._before(entry) if to is None else to
        older = await self._store.version(definition_id, version)
        bundle = Bundle(definitions=(older,))
        async with self._store.edit(actor, self._clock.now) as edit:
            if entry_of(edit.current.entries, definition_id).revision != entry.revision:
                raise ConflictError(
                    "it changed at this very moment",
                    subject=f"definition {definition_id}",
                    hint="look at it, and try again",
                )
            warnings = await self._registry.review(bundle, edit.current, edit.entrances)
            why = f"rolled back to version {version}" + (f": {reason}" if reason else "")
            await publish(edit, bundle, warnings, reason=why)
        self._doorbell.ring(Topic.RECONCILER)

    async def _before(self, entry: RegistryEntry) -> int:
        id_ = entry.definition.id
        lines = (await self._store.history({id_: datetime.min.replace(tzinfo=UTC)}))[id_]
        others = [line.version for line in lines if line.version != entry.version]
        if not others:
            raise ConflictError(
                "no other version was ever in force", subject=f"definition {id_}", hint="name one"
            )
        return others[-1]


async def stop_rollout(
    store: RegistryStore, clock: Clock, found: RegistryEntry, *, actor: str, why: str
) -> bool:
    """Give a candidate to nobody any more; False if its rollout is not as it was `found`."""
    async with store.edit(actor, clock.now) as edit:
        entry = entry_of(edit.current.entries, found.definition.id)
        rollout = entry.rollout
        if rollout is None or rollout.stopped or rollout != found.rollout:
            return False
        stopped = replace(rollout, stopped=why)
        await edit.log([_line(entry, Change.ROLLOUT_STOPPED, stopped, why)])
    return True


def _line(entry: RegistryEntry, change: Change, rollout: Rollout | None, reason: str) -> LogLine:
    return LogLine(
        entry.definition.id,
        change,
        entry.version,
        paused=entry.paused,
        retired=entry.retired,
        reason=reason,
        rollout=rollout,
    )


def _no_rollout(entry: RegistryEntry) -> ConflictError:
    stopped = entry.rollout.stopped if entry.rollout else ""
    return ConflictError(
        f"its rollout stopped: {stopped}" if stopped else "no rollout of it is under way",
        subject=f"definition {entry.definition.id}",
        hint="start one, or apply its file",
    )


def _check_key(definition: ActivityDefinition, key: str | None) -> None:
    if key is None:
        return
    subject = f"definition {definition.id}"
    if definition.trigger.event is None and definition.trigger.composite is None:
        raise BadInputError(
            "the key of a rollout is asked of events, and it has no event trigger",
            subject=subject,
            hint="leave the key out: each slot or request counts by itself",
        )
    try:
        compile_expression(key, variables=EVENT_VARIABLES)
    except ExpressionError as error:
        raise BadInputError(f"the key of the rollout: {error}", subject=subject) from None


def _refuse_retired(entry: RegistryEntry) -> None:
    """Whoever retired it meant all of its versions."""
    if entry.retired:
        subject = f"definition {entry.definition.id}"
        raise ConflictError("it is retired", subject=subject, hint="apply its file again")


def _refuse_unless_candidate(entry: RegistryEntry, definition: ActivityDefinition) -> None:
    subject, current = f"definition {definition.id}", entry.definition
    _refuse_retired(entry)
    if definition.digest == current.digest:
        raise ConflictError(
            "it is the version in force", subject=subject, hint="change what follows from it"
        )
    for name in ("trigger", "lifecycle"):
        if getattr(definition, name) != getattr(current, name):
            raise BadInputError(
                f"its {name} differs from that of version {entry.version}, which is in force",
                subject=subject,
                hint=f"a rollout is for what follows; apply the new {name} to all at once",
            )
    if current.lifecycle == "ongoing":
        raise BadInputError(
            "cases pin their version when they open, so that no part of them can be had",
            subject=subject,
            hint="apply it; `migrate` says which cases take it",
        )
