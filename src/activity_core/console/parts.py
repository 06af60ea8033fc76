"""What the console stands on: services and ports of one tenant, for reading only."""

from dataclasses import dataclass

from activity_core.ports.clock import Clock
from activity_core.ports.reading import Reading
from activity_core.ports.registry import RegistryStore
from activity_core.ports.rollouts import Rollouts
from activity_core.services.case_desk import CaseDesk
from activity_core.services.explain import Explain
from activity_core.services.schedules import Schedules
from activity_core.services.task_inbox import TaskInbox


@dataclass(frozen=True, slots=True)
class ConsoleParts:
    """Handed in by whoever serves the console."""

    reading: Reading
    registry: RegistryStore
    explain: Explain
    schedules: Schedules
    task_inbox: TaskInbox
    case_desk: CaseDesk
    rollouts: Rollouts
    clock: Clock
