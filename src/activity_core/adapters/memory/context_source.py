"""Context sources with answers that were laid out beforehand."""

from collections.abc import Mapping

from activity_core.adapters.memory.failures import Failures
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.errors import ContextUnavailableError
from activity_core.ports.context_source import SourceRequest


class MemoryContextSource:
    """`ports.context_source`: answers by source name; `requests` are what it was asked."""

    def __init__(self, answers: Mapping[str, JsonValue] | None = None) -> None:
        self.failures = Failures()
        self.answers = dict(answers or {})
        self.requests: list[SourceRequest] = []

    async def fetch(self, request: SourceRequest) -> JsonValue:
        """The answer laid out for the source.

        Raises:
            ContextUnavailableError: there is none.
        """
        self.requests.append(request)
        self.failures.raise_before()
        if request.name not in self.answers:
            raise ContextUnavailableError("no answer", subject=f"source {request.name}")
        return self.answers[request.name]
