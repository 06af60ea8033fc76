"""Who performs automated tasks, by kind; emit tasks are done by being recorded."""

from collections.abc import Mapping

import httpx

from activity_core.adapters.http.performer import HttpPerformer
from activity_core.adapters.plugins import PythonPerformer
from activity_core.adapters.postgres.sql_performer import SqlPerformer
from activity_core.adapters.postgres.sql_pools import SqlPools
from activity_core.core.rules.task_spec import TaskKind
from activity_core.ports.task_performer import TaskPerformer
from activity_core.services.callbacks import CallbackAddresses
from activity_core.services.catalogue import Catalogue


def performers(
    catalogue: Catalogue, http: httpx.AsyncClient, sql: SqlPools, addresses: CallbackAddresses
) -> Mapping[TaskKind, TaskPerformer]:
    """One for each kind; `sql` are the pools of connections that may write."""
    return {
        TaskKind.HTTP: HttpPerformer(http, catalogue.connection, addresses.of),
        TaskKind.PYTHON: PythonPerformer(),
        TaskKind.SQL: SqlPerformer(catalogue.connection, sql),
    }
