"""What runs are decided by: the readers of their context, and the decider."""

from collections.abc import Mapping

from activity_core.adapters.http.source import HttpSource
from activity_core.adapters.plugins import PythonSource
from activity_core.adapters.postgres.sql_source import SqlSource
from activity_core.ports.context_source import ContextSource
from activity_core.services.catalogue import Catalogue
from activity_core.services.run_context import ContextReader
from activity_core.services.run_decider import RunDecider
from activity_core.settings import Settings


def deciding(
    settings: Settings, catalogue: Catalogue, sql: SqlSource, http: HttpSource
) -> tuple[ContextReader, RunDecider]:
    """Of one deployment, with all kinds of sources."""
    sources: Mapping[str, ContextSource] = {"sql": sql, "http": http, "python": PythonSource()}
    reader = ContextReader(sources, catalogue, settings.config)
    return reader, RunDecider(reader, config=settings.config, deployment=settings.deployment)
