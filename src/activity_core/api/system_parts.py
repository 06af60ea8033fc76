"""The API's parts, out of the services and stores of a system.

In: a system from `bootstrap`. Out: what the routes call.
"""

from collections.abc import Mapping

from activity_core.adapters.nats.streams import INBOX_STREAM
from activity_core.api.parts import ApiParts, Caution, Probe
from activity_core.bootstrap.event_review import event_review
from activity_core.bootstrap.performers import installation_of
from activity_core.bootstrap.system import System
from activity_core.services.back_pressure import BackPressure
from activity_core.services.backfill import Backfiller
from activity_core.services.callbacks import Callbacks
from activity_core.services.case_desk import CaseDesk
from activity_core.services.catalogue import Catalogue
from activity_core.services.dead_letters import DeadLetterDesk
from activity_core.services.entrances import EntranceDesk
from activity_core.services.event_replay_desk import EventReplayDesk
from activity_core.services.explain import Explain
from activity_core.services.explain_slot import ExplainSlot
from activity_core.services.letter_reader import LetterReader
from activity_core.services.manual_trigger import ManualTrigger
from activity_core.services.reception import Reception
from activity_core.services.refusal_log import RefusalLog
from activity_core.services.registry import Registry
from activity_core.services.rerun import Rerunner
from activity_core.services.rollout_desk import RolloutDesk
from activity_core.services.run_control import RunDesk
from activity_core.services.schedules import Schedules
from activity_core.services.simulated_routing import SimulatedRouting
from activity_core.services.simulation import Simulation
from activity_core.services.task_inbox import TaskInbox


def parts_of(system: System, probes: Mapping[str, Probe]) -> ApiParts:
    """The services that the routes call."""
    stores, doorbell, clock = system.stores, system.doorbell, system.clock
    settings = system.settings
    reader, review = system.message_reader(), event_review(system)

    registry = Registry(
        stores.registry,
        doorbell,
        clock,
        config=settings.config,
        api_keys=settings.api_keys.keys(),
        installation=installation_of(settings),
    )

    run_desk = RunDesk(
        stores.run_control, stores.task_ledger, clock, doorbell, deployment=settings.deployment
    )

    return ApiParts(
        reception=Reception(
            system.gate,
            BackPressure(stores.inbox, clock, most=settings.max_waiting_events),
            system.ingest,
            RefusalLog(stores.refusals, clock),
        ),
        message_reader=reader,
        entrance_desk=EntranceDesk(stores.registry, clock),
        registry=registry,
        registry_store=stores.registry,
        manual_trigger=ManualTrigger(stores.registry, stores.run_queue, doorbell, clock),
        backfiller=Backfiller(stores.registry, stores.backfills, clock, doorbell),
        event_replay_desk=EventReplayDesk(
            stores.event_replays, review, clock, rate=settings.recovery_rate
        ),
        task_inbox=TaskInbox(
            stores.task_desk,
            Catalogue(stores.registry),
            doorbell,
            clock,
            deployment=settings.deployment,
        ),
        callbacks=Callbacks(
            system.callback_addresses(),
            stores.task_ledger,
            doorbell,
            clock,
            deployment=settings.deployment,
        ),
        case_desk=CaseDesk(stores.cases, clock, doorbell),
        dead_letter_desk=DeadLetterDesk(
            stores.dead_letters,
            LetterReader(
                reader, system.gate, max_depth=settings.max_json_depth, inbox=INBOX_STREAM
            ),
            system.ingest,
            stores.inbox,
            doorbell,
            clock=clock,
            tenant=settings.tenant,
            retry=run_desk.retry,
            review=review,
        ),
        explain=Explain(stores.reading, stores.registry),
        explain_slot=ExplainSlot(stores.reading, stores.registry, system.slot_histories(), clock),
        simulation=Simulation(
            registry,
            stores.registry,
            stores.reading,
            system.gate,
            SimulatedRouting(
                stores.registry,
                stores.reading,
                stores.flow,
                system.flow_control(),
                clock,
                tenant=settings.tenant,
                config=settings.config,
            ),
        ),
        schedules=Schedules(stores.registry, stores.reading, clock),
        run_desk=run_desk,
        rollout_desk=RolloutDesk(registry, stores.registry, clock, doorbell),
        rerunner=Rerunner(stores.run_control, stores.registry, clock, doorbell),
        rollouts=stores.rollouts,
        reading=stores.reading,
        inbox=stores.inbox,
        run_queue=stores.run_queue,
        backfills=stores.backfills,
        event_replays=stores.event_replays,
        outbox=stores.outbox,
        dead_letters=stores.dead_letters,
        clock=clock,
        readiness=probes,
        warnings=_warnings(system),
    )


def _warnings(system: System) -> Mapping[str, Caution]:
    """NATS may lose what it confirmed when the power goes, unless it is told not to."""
    if not system.settings.nats_url:
        return {}
    return {"nats": system.brokers.nats.durability_warning}
