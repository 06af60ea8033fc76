"""What a deployment has already, for judging what is to be applied to it.

Made by the registry of its snapshot and settings; read by `review`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.connection import Connection
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition.event_type import EventType


@dataclass(frozen=True, slots=True)
class Installation:
    """What this installation can do for tasks. None: not known here, so not checked.

    Attributes:
        plugins: of python tasks, in the environment of the workers.
        source_plugins: of python sources.
        queues: task queues that templates may name.
        callbacks: whether other systems can answer http tasks later.
    """

    plugins: Collection[str] | None = None
    source_plugins: Collection[str] | None = None
    queues: Collection[str] | None = None
    callbacks: bool = True


ANY = Installation()


@dataclass(frozen=True, slots=True)
class Known:
    """The parts in force, retired ones left out.

    Attributes:
        published_types: event types by id, retired ones included: their versions stay.
        config: keys of the deployment's map.
        api_keys: names of the deployment's keys; None: they are not checked.
    """

    connections: Mapping[str, Connection] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    definitions: Sequence[ActivityDefinition] = ()
    sources: Sequence[EventSource] = ()
    event_types: Sequence[EventType] = ()
    published_types: Mapping[str, EventType] = field(default_factory=dict)
    config: Collection[str] = ()
    api_keys: Collection[str] | None = None
    installation: Installation = ANY
