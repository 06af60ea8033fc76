"""Who performs automated tasks, by kind, and what tasks may use."""

from collections.abc import Mapping, Sequence

import httpx

from activity_core.adapters.http.performer import HttpPerformer
from activity_core.adapters.plugins import SOURCES, TASKS, PythonPerformer, installed
from activity_core.adapters.postgres.sql_performer import SqlPerformer
from activity_core.adapters.postgres.sql_pools import SqlPools
from activity_core.adapters.smtp.performer import SmtpPerformer
from activity_core.core.definition_file.known import Installation
from activity_core.core.rules.task_spec import TaskKind
from activity_core.ports.clock import Clock
from activity_core.ports.task_performer import TaskPerformer
from activity_core.services.callbacks import CallbackAddresses
from activity_core.services.catalogue import Catalogue
from activity_core.settings import RUNS_QUEUE, Settings


def installation_of(settings: Settings) -> Installation:
    """What tasks may use here, as far as this process can tell.

    The plug-ins are those of its own environment: it must be that of the workers.
    """
    return Installation(
        plugins=installed(TASKS),
        source_plugins=installed(SOURCES),
        queues={RUNS_QUEUE, *settings.task_queues, *settings.external_task_queues},
        callbacks=bool(settings.callback_key and settings.public_url),
    )


def performers(
    catalogue: Catalogue,
    http: httpx.AsyncClient,
    sql: SqlPools,
    addresses: CallbackAddresses,
    *,
    allowed: Sequence[str],
    clock: Clock,
) -> Mapping[TaskKind, TaskPerformer]:
    """One for each kind but emit, which is done by being recorded.

    `sql`: the pools of connections that may write; `allowed`: private hosts that mail may reach.
    """
    return {
        TaskKind.HTTP: HttpPerformer(http, catalogue.connection, addresses.of),
        TaskKind.PYTHON: PythonPerformer(),
        TaskKind.SQL: SqlPerformer(catalogue.connection, sql),
        TaskKind.MAIL: SmtpPerformer(catalogue.connection, allowed, clock),
    }
