"""Context sources: one fetch of one source for one run.

`services.runner` asks for the local ones inside a run's step, a Temporal activity for the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from activity_core.core.definition.connection import Connection
from activity_core.core.definition.source import ContextSourceConfig
from activity_core.core.jsontext import JsonValue


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """What to fetch. `variables` is what expressions see: event, input, slot, config, run."""

    name: str
    config: ContextSourceConfig
    connection: Connection | None
    variables: Mapping[str, JsonValue]


class ContextSource(Protocol):
    """Fetches sources of one kind (sql, http, python)."""

    async def fetch(self, request: SourceRequest) -> JsonValue:
        """The answer as JSON, bounded in size.

        Raises:
            ContextUnavailableError: it did not answer, or nothing that can be used.
        """
        ...
