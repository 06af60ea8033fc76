"""Reading the context of runs: one source, or all those that answer at once.

In: a claimed run with its definition. Out: answers by source name. A local source that does not
answer is left to be asked like a remote one, with its own retry and time limit.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activity_core.core.definition.connection import Connection
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.source import ContextSourceConfig
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.context import local_context
from activity_core.core.run.errors import ContextUnavailableError
from activity_core.core.run.record import run_variables
from activity_core.core.run.run import ClaimedRun
from activity_core.ports.context_source import ContextSource, SourceRequest
from activity_core.services.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Gathered:
    """The answers so far, and the names of the sources that must be asked one by one."""

    context: Mapping[str, JsonValue]
    missing: Sequence[str]


class ContextReader:
    """Reads sources; `kinds` are those that need an adapter (sql, http, python)."""

    def __init__(
        self,
        kinds: Mapping[str, ContextSource],
        catalogue: Catalogue,
        config: Mapping[str, JsonValue],
    ) -> None:
        self._kinds = kinds
        self._catalogue = catalogue
        self._config = config

    async def read_local(self, run: ClaimedRun, definition: ActivityDefinition) -> Gathered:
        """What can be known at once.

        Raises:
            ContextUnavailableError: the deployment's config lacks a key.
            ExpressionError: an `event` source fails on this occurrence.
        """
        context = {**local_context(definition, run.occurrence, self._config), **run.gathered}
        remote = definition.remote_sources(self._catalogue.local_connections)
        here = [name for name in definition.context if name not in context and name not in remote]
        answers = await asyncio.gather(*(self._try(run, definition, name) for name in here))
        for answer in answers:
            context |= answer
        missing = [name for name in definition.context if name not in context]
        return Gathered(context, missing)

    async def fetch(self, run: ClaimedRun, definition: ActivityDefinition, name: str) -> JsonValue:
        """Ask one source.

        Raises:
            ContextUnavailableError: it did not answer, or nobody here can ask it.
        """
        config = definition.context[name]
        kind = self._kinds.get(config.kind)
        if kind is None:
            raise ContextUnavailableError(
                f"nobody reads {config.kind} sources here", subject=f"source {name}"
            )
        variables = {
            **run.occurrence.variables(),
            "config": dict(self._config),
            "run": run_variables(run),
        }
        return await kind.fetch(SourceRequest(name, config, self._connection(config), variables))

    async def _try(
        self, run: ClaimedRun, definition: ActivityDefinition, name: str
    ) -> dict[str, JsonValue]:
        try:
            return {name: await self.fetch(run, definition, name)}
        except ContextUnavailableError:
            return {}

    def _connection(self, config: ContextSourceConfig) -> Connection | None:
        part = config.sql_ or config.http_
        return self._catalogue.connections.get(part.connection or "") if part else None
