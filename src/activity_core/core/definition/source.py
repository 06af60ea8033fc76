"""Context sources: where a run gathers what is true now. Part of a `definition`.

Local sources (`static`, `event`, `config`, and `sql` on a connection marked `local: true`) are
read inside the one local activity of a run; the others by Temporal activities of their own.
"""

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from activity_core.core.definition.duration import Duration
from activity_core.core.definition.model import Expression, Model, OneOf, Slug
from activity_core.core.definition.retry import Retry

JsonObject = dict[str, Any]


class SqlSource(Model):
    """One read-only query; `:name` is a bind parameter, never spliced into the text.

    `:slot`, `:event_id`, `:run_id` and every key of `params` (CEL) can be bound. The result is a
    list of rows, each an object by column name.
    """

    connection: Slug
    query: Annotated[str, Field(min_length=1, max_length=20_000, strict=True)]
    params: dict[str, Expression] = Field(default_factory=dict, max_length=50)


class HttpSource(Model):
    """One GET (or POST for a query API); the result is the parsed JSON body."""

    connection: Slug | None = None
    method: Literal["GET", "POST"] = "GET"
    url: Annotated[str, Field(min_length=1, max_length=4_000, strict=True)]
    headers: dict[str, str] = Field(default_factory=dict, max_length=50)
    json_: Any = Field(default=None, alias="json")


class PythonSource(Model):
    """A plug-in of the entry point group `activity_core.context_sources`."""

    plugin: Annotated[str, Field(min_length=1, max_length=200, strict=True)]
    args: JsonObject = Field(default_factory=dict)


class ContextSourceConfig(OneOf):
    """One source: exactly one kind, with its own retry and time limit."""

    kinds: ClassVar[tuple[str, ...]] = ("static", "event", "config", "sql", "http", "python")

    static_: Any = Field(default=None, alias="static")
    event_: Expression | None = Field(default=None, alias="event")
    config_: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, alias="config"
    )
    sql_: SqlSource | None = Field(default=None, alias="sql")
    http_: HttpSource | None = Field(default=None, alias="http")
    python_: PythonSource | None = Field(default=None, alias="python")
    retry: Retry = Retry(max_attempts=3)
    timeout: Annotated[Duration, Field(gt=timedelta(), le=timedelta(minutes=10))] = timedelta(
        seconds=10
    )

    @property
    def kind(self) -> str:
        """Which of `kinds` it is."""
        return self.given
