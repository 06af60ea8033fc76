"""The whole system over the in-memory twins, behind the API; nothing runs but what a test steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from activity_core.adapters.memory.backfills import MemoryBackfills
from activity_core.adapters.memory.cases import MemoryCases
from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.memory.dead_letters import MemoryDeadLetters
from activity_core.adapters.memory.doorbell import MemoryDoorbell
from activity_core.adapters.memory.engine import MemoryEngine
from activity_core.adapters.memory.event_replays import MemoryEventReplays
from activity_core.adapters.memory.flow import MemoryFlowStore
from activity_core.adapters.memory.inbox import MemoryInbox
from activity_core.adapters.memory.outbox import MemoryOutbox
from activity_core.adapters.memory.reading import MemoryReading
from activity_core.adapters.memory.refusals import MemoryRefusals
from activity_core.adapters.memory.registry import MemoryRegistryStore
from activity_core.adapters.memory.rollouts import MemoryRollouts
from activity_core.adapters.memory.run_control import MemoryRunControl
from activity_core.adapters.memory.run_ledger import MemoryRunLedger
from activity_core.adapters.memory.run_queue import MemoryRunQueue
from activity_core.adapters.memory.secrets import MemoryKeySets, MemorySecrets
from activity_core.adapters.memory.state import State
from activity_core.adapters.memory.task_desk import MemoryTaskDesk
from activity_core.adapters.memory.task_ledger import MemoryTaskLedger
from activity_core.api.app import create_app
from activity_core.api.parts import ApiKeys, ApiLimits, ApiParts, Caution, Probe
from activity_core.api.peer import Peers
from activity_core.ports.inbox import Inbox
from activity_core.services.back_pressure import BackPressure
from activity_core.services.backfill import Backfiller
from activity_core.services.callbacks import CallbackAddresses, Callbacks
from activity_core.services.case_desk import CaseDesk
from activity_core.services.catalogue import Catalogue
from activity_core.services.dead_letters import DeadLetterDesk
from activity_core.services.entrances import EntranceDesk
from activity_core.services.event_replay import EventReplayer
from activity_core.services.event_replay_desk import EventReplayDesk
from activity_core.services.event_review import EventReview
from activity_core.services.explain import Explain
from activity_core.services.explain_slot import ExplainSlot
from activity_core.services.flow import FlowControl
from activity_core.services.gate import Gate
from activity_core.services.ingest import Ingest
from activity_core.services.letter_reader import LetterReader
from activity_core.services.listeners import Listeners
from activity_core.services.manual_trigger import ManualTrigger
from activity_core.services.message_reader import MessageReader
from activity_core.services.reception import Reception
from activity_core.services.refusal_log import RefusalLog
from activity_core.services.registry import Registry
from activity_core.services.rerun import Rerunner
from activity_core.services.rollout_desk import RolloutDesk
from activity_core.services.router import Router
from activity_core.services.run_closer import RunCloser
from activity_core.services.run_context import ContextReader
from activity_core.services.run_control import RunDesk
from activity_core.services.run_decider import RunDecider
from activity_core.services.run_recorder import RunRecorder
from activity_core.services.runner import Runner
from activity_core.services.schedules import Schedules
from activity_core.services.simulated_routing import SimulatedRouting
from activity_core.services.simulation import Simulation
from activity_core.services.slot_history import SlotHistories
from activity_core.services.start_refusal import StartRefusal
from activity_core.services.starter import Starter
from activity_core.services.task_inbox import TaskInbox
from activity_core.services.verifier import Verifier

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
YAML = {"content-type": "application/yaml"}

DEFINITIONS = """
id: triage
title: Triage a large order
owner: shop
trigger:
  event: {type: order.*, filter: event.data.amount > 100}
  manual: {input: {type: object, properties: {dry: {type: boolean}}}}
context:
  limit: {static: 5}
rules:
  - id: all
    tasks:
      - id: look
        human:
          title: Look at it
          assign: {group: fraud}
          form: {type: object, required: [ok], properties: {ok: {type: boolean}}}
---
id: broken
trigger: {event: {type: order.created}}
rules:
  - id: fails
    when: event.data.missing == 1
    tasks: [{id: never, human: {title: Never}}]
"""


def event(id_: str = "o-1", **changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": "/shop",
        "type": "order.created",
        "data": {"amount": 120},
    } | changes


@dataclass
class MemorySystem:
    """One tenant, one process. `unlisted`: whether senders that no source lists may come in."""

    state: State = field(default_factory=State)
    clock: ManualClock = field(default_factory=ManualClock)
    doorbell: MemoryDoorbell = field(default_factory=MemoryDoorbell)
    engine: MemoryEngine = field(default_factory=MemoryEngine)
    readiness: dict[str, Probe] = field(default_factory=dict)
    warnings: dict[str, Caution] = field(default_factory=dict)
    secrets: MemorySecrets = field(default_factory=MemorySecrets)
    unlisted: bool = True
    max_waiting: int = 1_000

    def __post_init__(self) -> None:
        self.registry_store = MemoryRegistryStore(self.state)
        self.run_queue = MemoryRunQueue(self.state)
        self.backfills = MemoryBackfills(self.state)
        self.event_replays = MemoryEventReplays(self.state)
        self.inbox = MemoryInbox(self.state)
        self.dead_letters = MemoryDeadLetters(self.state)
        self.outbox = MemoryOutbox(self.state)
        self.ingest = Ingest(self.inbox, self.doorbell, self.clock, tenant="main")
        self.gate = Gate(self.registry_store, self.clock, unlisted=self.unlisted)
        self.message_reader = MessageReader(
            Verifier(self.secrets, MemoryKeySets()), max_depth=64, max_events=1_000
        )
        self.event_replayer = EventReplayer(
            self.event_replays, self.event_review, self.run_queue, self.clock
        )
        self.callback_addresses = CallbackAddresses("a-key-of-callbacks", "https://us.example/")
        self._done: set[str] = set()

    @property
    def backfiller(self) -> Backfiller:
        return Backfiller(self.registry_store, self.backfills, self.clock, self.doorbell)

    @property
    def simulation(self) -> Simulation:
        reading = MemoryReading(self.state)
        return Simulation(
            Registry(self.registry_store, self.doorbell, self.clock, config={}),
            self.registry_store,
            reading,
            self.gate,
            SimulatedRouting(
                self.registry_store,
                reading,
                MemoryFlowStore(self.state),
                FlowControl(tenant="main", deployment="test"),
                self.clock,
                tenant="main",
                config={},
            ),
        )

    @property
    def event_review(self) -> EventReview:
        listeners = Listeners(self.registry_store)
        control = FlowControl(tenant="main", deployment="test")
        return EventReview(self.event_replays, listeners, control, self.clock, self.doorbell)

    @property
    def event_replay_desk(self) -> EventReplayDesk:
        return EventReplayDesk(self.event_replays, self.event_review, self.clock, rate=20.0)

    @property
    def run_desk(self) -> RunDesk:
        return RunDesk(
            MemoryRunControl(self.state),
            MemoryTaskLedger(self.state),
            self.clock,
            self.doorbell,
            deployment="test",
        )

    @property
    def reception(self) -> Reception:
        return Reception(
            self.gate,
            BackPressure(self.inbox, self.clock, most=self.max_waiting),
            self.ingest,
            RefusalLog(MemoryRefusals(self.state), self.clock),
        )

    @property
    def start_refusal(self) -> StartRefusal:
        return StartRefusal(
            MemoryRunLedger(self.state),
            MemoryTaskLedger(self.state),
            self.dead_letters,
            self.clock,
            self.doorbell,
            deployment="test",
        )

    def parts(self) -> ApiParts:
        reading = MemoryReading(self.state)
        ledger = MemoryTaskLedger(self.state)
        return ApiParts(
            reception=self.reception,
            message_reader=self.message_reader,
            entrance_desk=EntranceDesk(self.registry_store, self.clock),
            registry=Registry(self.registry_store, self.doorbell, self.clock, config={}),
            registry_store=self.registry_store,
            manual_trigger=ManualTrigger(
                self.registry_store, self.run_queue, self.doorbell, self.clock
            ),
            backfiller=self.backfiller,
            event_replay_desk=self.event_replay_desk,
            task_inbox=TaskInbox(
                MemoryTaskDesk(self.state),
                Catalogue(self.registry_store),
                self.doorbell,
                self.clock,
                deployment="test",
            ),
            callbacks=Callbacks(
                self.callback_addresses, ledger, self.doorbell, self.clock, deployment="test"
            ),
            case_desk=CaseDesk(MemoryCases(self.state), self.clock, self.doorbell),
            dead_letter_desk=DeadLetterDesk(
                self.dead_letters,
                LetterReader(self.message_reader, self.gate, max_depth=64, inbox="INBOX"),
                self.ingest,
                self.inbox,
                self.doorbell,
                clock=self.clock,
                tenant="main",
                retry=self.run_desk.retry,
                review=self.event_review,
            ),
            explain=Explain(reading, self.registry_store),
            explain_slot=ExplainSlot(
                reading,
                self.registry_store,
                SlotHistories(self.registry_store, Catalogue(self.registry_store)),
                self.clock,
            ),
            simulation=self.simulation,
            schedules=Schedules(self.registry_store, reading, self.clock),
            run_desk=self.run_desk,
            rollout_desk=RolloutDesk(
                Registry(self.registry_store, self.doorbell, self.clock, config={}),
                self.registry_store,
                self.clock,
                self.doorbell,
            ),
            rerunner=Rerunner(
                MemoryRunControl(self.state), self.registry_store, self.clock, self.doorbell
            ),
            rollouts=MemoryRollouts(self.state),
            reading=reading,
            inbox=self.inbox,
            run_queue=self.run_queue,
            backfills=self.backfills,
            event_replays=self.event_replays,
            outbox=self.outbox,
            dead_letters=self.dead_letters,
            clock=self.clock,
            readiness=self.readiness,
            warnings=self.warnings,
        )

    def app(
        self,
        *,
        keys: Mapping[str, str] | None = None,
        limits: ApiLimits | None = None,
        origins: Sequence[str] = (),
        peers: Peers | None = None,
    ) -> FastAPI:
        return create_app(
            self.parts(),
            api_keys=ApiKeys(keys or {}),
            limits=limits or ApiLimits(),
            origins=origins,
            peers=peers,
        )

    def client(self, **how: Any) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app(**how))
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")

    def router(self, inbox: Inbox | None = None) -> Router:
        """A router of its own over the inbox, or over another one."""
        listeners = Listeners(self.registry_store)
        control = FlowControl(tenant="main", deployment="test")
        return Router(inbox or self.inbox, listeners, control, self.clock, self.doorbell)

    async def work(self) -> None:
        """Route what is pending, start what was decided, carry it out."""
        router = self.router()
        while await router.step():
            pass
        starter = Starter(
            self.run_queue,
            self.registry_store,
            self.engine,
            self.clock,
            refusal=self.start_refusal,
            max_runs_per_execution=10,
        )
        await starter.step()
        for execution in self.engine.started.values():
            if execution.execution_id not in self._done:
                self._done.add(execution.execution_id)
                await self._runner().advance(execution.execution_id)

    def _runner(self) -> Runner:
        ledger, tasks = MemoryRunLedger(self.state), MemoryTaskLedger(self.state)
        catalogue = Catalogue(self.registry_store)
        reader = ContextReader({}, catalogue, {})
        decider = RunDecider(reader, config={}, deployment="test")
        return Runner(
            ledger,
            tasks,
            catalogue,
            reader=reader,
            recorder=RunRecorder(ledger, catalogue, decider, self.clock),
            closer=RunCloser(ledger, tasks, catalogue, self.clock, deployment="test"),
            clock=self.clock,
            doorbell=self.doorbell,
        )
