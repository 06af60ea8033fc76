"""The API as a process: a system's services behind uvicorn, on one address.

In: a system from `bootstrap`. Out: `/v1` on the settings' host and port.
"""

import asyncio
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import uvicorn

from activity_core.adapters.secrets import resolve_secret
from activity_core.api.app import create_app
from activity_core.api.parts import ApiKeys, ApiLimits, ApiParts, Probe
from activity_core.bootstrap.system import System
from activity_core.core.errors import ConfigurationError
from activity_core.core.run.run import PendingRun
from activity_core.ports.doorbell import Topic
from activity_core.services.backfill import Backfiller
from activity_core.services.dead_letters import DeadLetterDesk
from activity_core.services.explain import Explain
from activity_core.services.explain_slot import ExplainSlot
from activity_core.services.manual_trigger import ManualTrigger
from activity_core.services.registry import Registry
from activity_core.services.schedules import Schedules
from activity_core.services.task_inbox import TaskInbox

SHUTDOWN_SECONDS = 5


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone: the process is more than this server."""
        yield


class ApiServer:
    """Listens from `start` to `stop`.

    `everything`: the agents run in this process too, so being ready also means that Temporal and
    NATS were reached once; an outage of theirs later turns no event away.
    """

    def __init__(self, system: System, *, everything: bool) -> None:
        settings = system.settings.checked_for_serving()
        probes: dict[str, Probe] = {"postgres": system.check_postgres}
        if everything:
            probes["temporal"] = _once(system.check_temporal)
            probes["nats"] = _once(system.nats.check)
        app = create_app(
            parts_of(system, probes),
            api_keys=ApiKeys(
                {name: resolve_secret(ref) for name, ref in settings.api_keys.items()}
            ),
            limits=ApiLimits(
                settings.max_body_bytes, settings.max_json_depth, settings.max_batch_events
            ),
        )
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
        self._server = _Server(config)
        self._socket = _listen(settings.host, settings.port)
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Begin to serve; connections that came before wait in the socket's queue."""
        self._serving = asyncio.create_task(self._server.serve([self._socket]))

    async def stop(self) -> None:
        """Answer what is under way, then close."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        self._socket.close()


def parts_of(system: System, probes: Mapping[str, Probe]) -> ApiParts:
    """The services that the routes call."""
    stores, doorbell, clock = system.stores, system.doorbell, system.clock
    settings = system.settings

    async def retry(run_id: str) -> PendingRun:
        pending = await stores.run_queue.retry(run_id, clock.now())
        doorbell.ring(Topic.STARTER)
        return pending

    return ApiParts(
        ingest=system.ingest,
        registry=Registry(stores.registry, doorbell, clock, config=settings.config),
        registry_store=stores.registry,
        manual_trigger=ManualTrigger(stores.registry, stores.run_queue, doorbell, clock),
        backfiller=Backfiller(stores.registry, stores.backfills, clock, doorbell),
        task_inbox=TaskInbox(stores.task_ledger, doorbell, clock, deployment=settings.deployment),
        dead_letter_desk=DeadLetterDesk(
            stores.dead_letters,
            system.ingest,
            stores.inbox,
            doorbell,
            clock,
            tenant=settings.tenant,
            decode=system.decode_letter,
        ),
        explain=Explain(stores.reading, stores.registry),
        explain_slot=ExplainSlot(stores.reading, stores.registry, system.slot_histories(), clock),
        schedules=Schedules(stores.registry, stores.reading, clock),
        run_retry=retry,
        reading=stores.reading,
        inbox=stores.inbox,
        run_queue=stores.run_queue,
        backfills=stores.backfills,
        outbox=stores.outbox,
        dead_letters=stores.dead_letters,
        readiness=probes,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="choose another with --port or ACTIVITY_CORE_PORT",
        ) from error
    return listening


def _once(probe: Probe) -> Probe:
    """A probe that stays satisfied after its first success."""
    reached = False

    async def check() -> None:
        nonlocal reached
        if not reached:
            await probe()
            reached = True

    return check
