"""The agents of an installation: each a loop over a system, alone in a process or all in one.

`cli.processes` starts them by name. An agent waits for what it needs (Temporal, NATS) and goes on
by itself when that comes back; only cancellation ends it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from activity_core.adapters.nats.streams import INBOX_STREAM
from activity_core.adapters.temporal.engine import TemporalEngine
from activity_core.adapters.temporal.scheduler import TemporalScheduler
from activity_core.adapters.temporal.search_attributes import add_search_attributes
from activity_core.bootstrap.cases import ring_cases
from activity_core.bootstrap.event_review import event_review
from activity_core.bootstrap.system import System
from activity_core.bootstrap.worker_agents import task_worker, worker
from activity_core.core.definition.event_source import EventSource
from activity_core.ports.doorbell import Topic
from activity_core.services.backfill import Backfiller
from activity_core.services.burial import Burial
from activity_core.services.case_auditor import CaseAuditor
from activity_core.services.catalogue import Catalogue
from activity_core.services.event_replay import EventReplayer
from activity_core.services.flow_keeper import FlowKeeper
from activity_core.services.intake import Intake
from activity_core.services.intakes import Intakes
from activity_core.services.listeners import Listeners
from activity_core.services.loop import repeat, serve
from activity_core.services.reconciler import Reconciler
from activity_core.services.refusal_log import RefusalLog
from activity_core.services.relay import Relay
from activity_core.services.rollout_keeper import RolloutKeeper
from activity_core.services.router import Router
from activity_core.services.run_auditor import RunAuditor
from activity_core.services.slot_auditor import SlotAuditor
from activity_core.services.start_refusal import StartRefusal
from activity_core.services.starter import Starter
from activity_core.services.task_keeper import TaskKeeper
from activity_core.settings import RUNS_QUEUE

Agent = Callable[[System], Coroutine[Any, Any, None]]

PERIOD = 1.0
"""Seconds until an agent looks again without a ring: what a lost ring costs at most."""
HOUSEKEEPING_PERIOD = 3_600.0
RELAYS = 4
"""Loops of one relay process."""


async def router(system: System) -> None:
    """Routes accepted events."""
    agent = Router(
        system.stores.inbox,
        Listeners(system.stores.registry),
        system.flow_control(),
        system.clock,
        system.doorbell,
    )
    await serve("router", agent.step, system.doorbell, Topic.ROUTER, period=PERIOD)


async def flow(system: System) -> None:
    """Lets held events go on when their time has come, or a run made room."""
    agent = FlowKeeper(
        system.stores.flow,
        Listeners(system.stores.registry),
        system.flow_control(),
        system.clock,
        system.doorbell,
    )
    await agent.run()


async def intake(system: System) -> None:
    """Takes events from the brokers, as long as their sources are active."""
    reader = system.message_reader()
    refusals = RefusalLog(system.stores.refusals, system.clock)
    burial = Burial(system.stores.dead_letters, refusals, system.clock)

    def intake_of(source: EventSource | None) -> Intake:
        return Intake(
            system.brokers.consumer(source),
            reader,
            system.gate,
            system.ingest,
            burial,
            clock=system.clock,
            protocol=source.way if source else "nats",
            source=source,
            horizon=system.settings.horizon,
        )

    async def consume(source: EventSource | None) -> None:
        async def step() -> bool:
            # Anew each time: a broker that no setting names is told of again and again.
            return await intake_of(source).step()

        await repeat("intake", step, asyncio.sleep, period=PERIOD)

    inbox = INBOX_STREAM if system.settings.nats_url else None
    async with Intakes(system.gate, consume, inbox=inbox).until_left() as intakes:
        await repeat("intakes", intakes.step, asyncio.sleep, period=PERIOD)


async def starter(system: System) -> None:
    """Starts workflows for decided runs."""
    client = await system.temporal_when_there()
    searchable = system.settings.search_attributes == "auto" and await add_search_attributes(client)
    eager = not system.settings.worker_deployment
    engine = TemporalEngine(client, RUNS_QUEUE, searchable=searchable, eager=eager)
    agent = Starter(
        system.stores.run_queue,
        system.stores.registry,
        engine,
        system.clock,
        refusal=StartRefusal(
            system.stores.run_ledger,
            system.stores.task_ledger,
            system.stores.dead_letters,
            system.clock,
            system.doorbell,
            deployment=system.settings.deployment,
        ),
        max_runs_per_execution=system.settings.max_runs_per_execution,
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(
            serve("starter", agent.step, system.doorbell, Topic.STARTER, period=PERIOD)
        )
        group.create_task(
            ring_cases(system.stores, engine, system.clock, system.doorbell, period=PERIOD)
        )


async def keeper(system: System) -> None:
    """Does what time does to human tasks."""
    agent = TaskKeeper(
        system.stores.task_desk,
        Catalogue(system.stores.registry),
        system.clock,
        system.doorbell,
        deployment=system.settings.deployment,
    )
    await agent.run()


async def relay(system: System) -> None:
    """Publishes what was recorded.

    A step locks some of the outbox's shards: with one loop all others would wait their turn.
    """
    agent = Relay(system.stores.outbox, system.brokers.publisher, system.clock)
    async with asyncio.TaskGroup() as group:
        for _ in range(RELAYS):
            group.create_task(
                serve("relay", agent.step, system.doorbell, Topic.RELAY, period=PERIOD)
            )


async def reconciler(system: System) -> None:
    """Plans the cursors of slots, and keeps the schedules equal to the registry."""
    agent = Reconciler(
        system.stores.registry,
        system.stores.slots,
        TemporalScheduler(await system.temporal_when_there(), RUNS_QUEUE),
        system.clock,
        repair=system.settings.schedule_drift == "repair",
    )
    await agent.run(system.doorbell)


async def auditor(system: System) -> None:
    """Closes lost runs, has overdue slots settled, works off what was asked for, keeps house."""
    stores = system.stores
    engine = TemporalEngine(await system.temporal_when_there(), RUNS_QUEUE)
    agent = RunAuditor(
        stores.run_queue,
        stores.run_ledger,
        engine,
        system.clock,
        system.doorbell,
        deployment=system.settings.deployment,
    )
    slots = SlotAuditor(stores.slots, system.slot_histories(), engine, system.clock)
    backfiller = Backfiller(stores.registry, stores.backfills, system.clock, system.doorbell)
    replayer = EventReplayer(
        stores.event_replays, event_review(system), stores.run_queue, system.clock
    )
    cases = CaseAuditor(stores.cases, engine, system.clock, system.doorbell)
    rollouts = RolloutKeeper(stores.registry, stores.rollouts, system.clock)
    async with asyncio.TaskGroup() as group:
        group.create_task(agent.run())
        group.create_task(slots.run())
        group.create_task(backfiller.run())
        group.create_task(replayer.run())
        group.create_task(rollouts.run())
        group.create_task(cases.run())
        group.create_task(_keep_house(system))


async def _keep_house(system: System) -> None:
    async def step() -> bool:
        now = system.clock.now()
        await system.housekeeping.ensure_partitions(now)
        await system.housekeeping.expire_keys(now - system.settings.horizon)
        await system.housekeeping.expire_refusals(now - system.settings.horizon)
        await system.housekeeping.expire_days(now - system.settings.retention)
        return False

    await repeat("housekeeping", step, asyncio.sleep, period=HOUSEKEEPING_PERIOD)


AGENTS: Mapping[str, Agent] = {
    agent.__name__: agent
    for agent in (router, flow, intake, starter, worker, keeper, relay, reconciler, auditor)
}
"""Those of a whole installation."""
ALONE: Mapping[str, Agent] = {"task_worker": task_worker}
"""Those that only processes of their own are made of."""
