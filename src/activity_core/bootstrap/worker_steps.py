"""What workers serve, wired over a system: the steps of runs, of their tasks, and of cases."""

from collections.abc import Mapping

from activity_core.adapters.http.source import HttpSource
from activity_core.adapters.plugins import PythonSource
from activity_core.bootstrap.performers import performers
from activity_core.bootstrap.system import System
from activity_core.ports.context_source import ContextSource
from activity_core.services.case_keeper import CaseKeeper, CasePorts
from activity_core.services.catalogue import Catalogue
from activity_core.services.compensator import Compensator
from activity_core.services.performer import Performer
from activity_core.services.run_closer import RunCloser
from activity_core.services.run_context import ContextReader
from activity_core.services.run_decider import RunDecider
from activity_core.services.run_recorder import RunRecorder
from activity_core.services.runner import Runner
from activity_core.services.slot_history import SlotHistories
from activity_core.services.slot_settler import SlotSettler
from activity_core.services.task_caller import TaskCaller
from activity_core.services.task_preparer import TaskPreparer
from activity_core.services.task_presenter import TaskPresenter
from activity_core.workflows.case_steps import CaseSteps
from activity_core.workflows.steps import RunSteps
from activity_core.workflows.task_steps import TaskSteps


def run_steps(system: System) -> RunSteps:
    """The steps of runs and their tasks."""
    stores, clock, doorbell = system.stores, system.clock, system.doorbell
    catalogue, deployment = Catalogue(stores.registry), system.settings.deployment
    closer = RunCloser(
        stores.run_ledger, stores.task_ledger, catalogue, clock, deployment=deployment
    )
    reader, decider = _deciding(system, catalogue)
    runner = Runner(
        stores.run_ledger,
        stores.task_ledger,
        catalogue,
        reader=reader,
        recorder=RunRecorder(stores.run_ledger, catalogue, decider, clock),
        closer=closer,
        clock=clock,
        doorbell=doorbell,
    )
    settler = SlotSettler(
        stores.slots,
        SlotHistories(stores.registry, catalogue),
        clock,
        doorbell,
        deployment=deployment,
    )
    return RunSteps(runner, settler, _task_steps(system, catalogue, closer))


def case_steps(system: System) -> CaseSteps:
    """The steps of cases."""
    stores, catalogue = system.stores, Catalogue(system.stores.registry)
    reader, decider = _deciding(system, catalogue)
    ports = CasePorts(stores.cases, stores.run_ledger, catalogue, reader, decider)
    keeper = CaseKeeper(ports, system.clock, system.doorbell, tenant=system.settings.tenant)
    return CaseSteps(keeper)


def _deciding(system: System, catalogue: Catalogue) -> tuple[ContextReader, RunDecider]:
    settings = system.settings
    sources: Mapping[str, ContextSource] = {
        "sql": system.sql_sources,
        "http": HttpSource(system.http),
        "python": PythonSource(),
    }
    reader = ContextReader(sources, catalogue, settings.config)
    return reader, RunDecider(reader, config=settings.config, deployment=settings.deployment)


def _task_steps(system: System, catalogue: Catalogue, closer: RunCloser) -> TaskSteps:
    stores, clock, doorbell = system.stores, system.clock, system.doorbell
    runs, tasks, deployment = stores.run_ledger, stores.task_ledger, system.settings.deployment
    performing = performers(
        catalogue,
        system.http,
        system.sql_tasks,
        system.callback_addresses(),
        allowed=system.settings.http_allow,
        clock=clock,
    )
    preparer = TaskPreparer(runs, tasks, catalogue, clock, doorbell, deployment=deployment)
    performer = Performer(tasks, preparer, performing, clock, doorbell, deployment=deployment)
    return TaskSteps(
        performer,
        TaskPresenter(tasks, performer, catalogue, clock, doorbell, deployment=deployment),
        TaskCaller(tasks, performer),
        Compensator(tasks, catalogue, clock, doorbell, deployment=deployment),
        closer,
    )
