"""The steps of tasks, wired: what workers serve besides the steps of runs."""

from collections.abc import Mapping

from activity_core.bootstrap.stores import Stores
from activity_core.core.rules.task_spec import TaskKind
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell
from activity_core.ports.task_performer import TaskPerformer
from activity_core.services.catalogue import Catalogue
from activity_core.services.compensator import Compensator
from activity_core.services.performer import Performer
from activity_core.services.run_closer import RunCloser
from activity_core.services.task_caller import TaskCaller
from activity_core.services.task_preparer import TaskPreparer
from activity_core.services.task_presenter import TaskPresenter
from activity_core.workflows.task_steps import TaskSteps


def task_steps(
    stores: Stores,
    catalogue: Catalogue,
    performers: Mapping[TaskKind, TaskPerformer],
    clock: Clock,
    doorbell: Doorbell,
    *,
    deployment: str,
) -> TaskSteps:
    """The steps of tasks of one tenant."""
    runs, tasks = stores.run_ledger, stores.task_ledger
    preparer = TaskPreparer(runs, tasks, catalogue, clock, doorbell, deployment=deployment)
    performer = Performer(tasks, preparer, performers, clock, doorbell, deployment=deployment)
    return TaskSteps(
        performer,
        TaskPresenter(tasks, performer, catalogue, clock, doorbell, deployment=deployment),
        TaskCaller(tasks, performer),
        Compensator(tasks, catalogue, clock, doorbell, deployment=deployment),
        RunCloser(runs, tasks, catalogue, clock, deployment=deployment),
    )
