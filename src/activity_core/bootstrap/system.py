"""A system: everything that one process of an installation needs, made from its settings.

Links to Temporal and NATS are made when first needed, so that one being away does not stop the
others; PostgreSQL must be there.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import httpx
from temporalio.client import Client
from temporalio.service import RPCError, TLSConfig

from activity_core.adapters.http.guard import guarded_client
from activity_core.adapters.http.key_sets import HttpKeySets
from activity_core.adapters.http.vault import Vault, open_vault
from activity_core.adapters.kept_secrets import KeptSecrets
from activity_core.adapters.postgres.doorbell import PostgresDoorbell
from activity_core.adapters.postgres.housekeeping import PostgresHousekeeping
from activity_core.adapters.postgres.pool import Pool, connection, open_pool
from activity_core.adapters.postgres.sql_pools import SqlPools
from activity_core.adapters.postgres.sql_source import SqlSource
from activity_core.adapters.secrets import resolve_secret
from activity_core.adapters.system_clock import SystemClock
from activity_core.adapters.temporal.client import connect
from activity_core.bootstrap.brokers import Brokers
from activity_core.bootstrap.required import required
from activity_core.bootstrap.stores import Stores
from activity_core.core.errors import UnavailableError
from activity_core.services.callbacks import CallbackAddresses
from activity_core.services.catalogue import Catalogue
from activity_core.services.flow import FlowControl
from activity_core.services.gate import Gate
from activity_core.services.ingest import Ingest
from activity_core.services.loop import until_available
from activity_core.services.message_reader import MessageReader
from activity_core.services.slot_history import SlotHistories
from activity_core.services.verifier import Verifier
from activity_core.settings import Settings


class System:
    """One installation's services; `open_system` makes and closes it."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        doorbell: PostgresDoorbell,
        *,
        http: httpx.AsyncClient,
        sql_sources: SqlSource,
        sql_tasks: SqlPools,
        vault: Vault | None,
    ) -> None:
        self.settings = settings
        self.pool = pool
        self.doorbell = doorbell
        self.clock = SystemClock()
        self.stores = Stores.over(pool, settings.tenant, recovery_rate=settings.recovery_rate)
        self.housekeeping = PostgresHousekeeping(pool)
        self.brokers = Brokers(settings, self.clock)
        self.gate = Gate(
            self.stores.registry, self.clock, unlisted=settings.unlisted_senders == "allow"
        )
        self.ingest = Ingest(self.stores.inbox, self.doorbell, self.clock, tenant=settings.tenant)
        self._secrets = KeptSecrets(self.clock, vault)
        self.http = http
        self.sql_sources = sql_sources
        self.sql_tasks = sql_tasks
        self._temporal: Client | None = None
        self._temporal_lock = asyncio.Lock()

    async def temporal(self) -> Client:
        """The one client of this process: starter and worker share it, so starts can be eager.

        Raises:
            UnavailableError: Temporal does not answer now.
        """
        async with self._temporal_lock:
            if self._temporal is None:
                self._temporal = await connect(
                    required(
                        self.settings.temporal_address,
                        "ACTIVITY_CORE_TEMPORAL_ADDRESS",
                        "127.0.0.1:7233",
                    ),
                    self.settings.temporal_namespace,
                    tls=_tls(self.settings),
                    api_key=_api_key(self.settings),
                    patience=timedelta(seconds=2),
                )
            return self._temporal

    async def temporal_when_there(self) -> Client:
        """The same, waiting for as long as it takes."""
        return await until_available("temporal", self.temporal)

    async def check_postgres(self) -> None:
        """Raise UnavailableError unless PostgreSQL answers now."""
        async with connection(self.pool) as link:
            await link.execute("select 1")

    async def check_temporal(self) -> None:
        """Raise UnavailableError unless Temporal answers now."""
        client = await self.temporal()
        try:
            await client.service_client.check_health(timeout=timedelta(seconds=2))
        except RPCError as error:
            raise UnavailableError(f"Temporal: {error.message}") from error

    def message_reader(self) -> MessageReader:
        """What verifies and maps the messages of sources."""
        settings = self.settings
        key_sets = HttpKeySets(self.http, self.clock, settings.http_allow)
        return MessageReader(
            Verifier(self._secrets, key_sets),
            max_depth=settings.max_json_depth,
            max_events=settings.max_batch_events,
        )

    def callback_addresses(self) -> CallbackAddresses:
        """Where others tell how tasks ended."""
        key = self.settings.callback_key
        return CallbackAddresses(resolve_secret(key) if key else None, self.settings.public_url)

    def flow_control(self) -> FlowControl:
        """Which events wait, join, or are let go."""
        return FlowControl(tenant=self.settings.tenant, deployment=self.settings.deployment)

    def slot_histories(self) -> SlotHistories:
        """What was in force when."""
        return SlotHistories(self.stores.registry, Catalogue(self.stores.registry))


@asynccontextmanager
async def open_system(settings: Settings) -> AsyncIterator[System]:
    """A system over a migrated database; everything it opened is closed on the way out.

    Raises:
        ConfigurationError: a setting is missing.
        UnavailableError: PostgreSQL does not answer.
    """
    url = required(settings.database_url, "ACTIVITY_CORE_DATABASE_URL", "postgresql://…")
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_pool(url, settings.database_pool))
        doorbell = await stack.enter_async_context(PostgresDoorbell(url))
        http = await stack.enter_async_context(guarded_client(settings.http_allow))
        sql_sources, sql_tasks = SqlSource(), SqlPools()
        stack.push_async_callback(sql_sources.close)
        stack.push_async_callback(sql_tasks.close)
        vault = open_vault(os.environ)
        if vault is not None:
            stack.push_async_callback(vault.close)
        system = System(
            settings,
            pool,
            doorbell,
            http=http,
            sql_sources=sql_sources,
            sql_tasks=sql_tasks,
            vault=vault,
        )
        stack.push_async_callback(system.brokers.close)
        yield system


def _api_key(settings: Settings) -> str | None:
    return resolve_secret(settings.temporal_api_key) if settings.temporal_api_key else None


def _tls(settings: Settings) -> TLSConfig | bool:
    files = (settings.temporal_tls_ca, settings.temporal_tls_cert, settings.temporal_tls_key)
    if not any(files):
        return settings.temporal_tls
    ca, cert, key = (resolve_secret(f"file:{path}").encode() if path else None for path in files)
    return TLSConfig(server_root_ca_cert=ca, client_cert=cert, client_private_key=key)
