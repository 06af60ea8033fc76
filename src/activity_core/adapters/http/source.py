"""Context from an HTTP API: one request, the JSON body is the answer."""

from collections.abc import Mapping

import httpx

from activity_core.adapters.http.exchange import Ask, exchange
from activity_core.core.definition.source import HttpSource as HttpSourceConfig
from activity_core.core.errors import ActivityCoreError
from activity_core.core.expression.template import compile_template
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.errors import ContextUnavailableError
from activity_core.ports.context_source import SourceRequest


class HttpSource:
    """Fetches sources of kind `http`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def fetch(self, request: SourceRequest) -> JsonValue:
        """Ask once.

        Raises:
            ContextUnavailableError: no answer, not 2xx, or no JSON.
        """
        config = request.config.http_
        if config is None:
            raise ContextUnavailableError("it is no http source", subject=request.name)
        subject = f"source {request.name}"
        try:
            answer = await exchange(
                self._client,
                _rendered(config, request.variables),
                request.connection,
                request.config.timeout.total_seconds(),
            )
            if not answer.ok:
                raise ContextUnavailableError(f"it answered {answer.status}", subject=subject)
            return answer.json()
        except httpx.HTTPError as error:
            text = str(error) or type(error).__name__
            raise ContextUnavailableError(text, subject=subject) from error
        except ContextUnavailableError:
            raise
        except ActivityCoreError as error:
            raise ContextUnavailableError(str(error), subject=subject) from error


def _rendered(config: HttpSourceConfig, variables: Mapping[str, JsonValue]) -> Ask:
    def render(words: JsonValue) -> JsonValue:
        return compile_template(words, frozenset(variables)).render(variables)

    headers = {name: str(render(value)) for name, value in config.headers.items()}
    return Ask(config.method, str(render(config.url)), headers, render(config.json_))
