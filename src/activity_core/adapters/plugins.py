"""Python plug-ins by entry point: context sources and automated tasks of a team's own.

A plug-in is a function, sync or async, of the groups `activity_core.context_sources`
(`args, variables -> JSON`) or `activity_core.tasks` (`args, task -> JSON`). Sync ones run in a
thread. What they raise is retried as configured.
"""

import asyncio
import inspect
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from activity_core.core.errors import ActivityCoreError, ConfigurationError, MalformedJsonError
from activity_core.core.jsontext import JsonValue, canonical_json, parse_json
from activity_core.core.run.errors import ContextUnavailableError, TaskFailedError
from activity_core.core.run.task import TaskInstance
from activity_core.ports.context_source import SourceRequest

SOURCES = "activity_core.context_sources"
TASKS = "activity_core.tasks"
MAX_BYTES = 1 << 20


class PythonSource:
    """Fetches sources of kind `python`."""

    async def fetch(self, request: SourceRequest) -> JsonValue:
        """Call the plug-in.

        Raises:
            ContextUnavailableError: it is not installed, raised, or answered no JSON.
        """
        config = request.config.python_
        if config is None:
            raise ContextUnavailableError("it is no python source", subject=request.name)
        subject = f"source {request.name} (plug-in {config.plugin})"
        try:
            plugin = load_plugin(SOURCES, config.plugin)
            return _as_json(await _call(plugin, config.args, dict(request.variables)))
        except Exception as error:
            raise ContextUnavailableError(_sentence(error), subject=subject) from error


class PythonPerformer:
    """Performs tasks of kind `python`."""

    async def perform(self, task: TaskInstance) -> JsonValue:
        """Call the plug-in; its answer becomes the task's outputs.

        Raises:
            TaskFailedError: as raised by the plug-in, or with what it raised as the message.
        """
        name, args = str(task.inputs["plugin"]), task.inputs.get("args") or {}
        subject = f"task {task.task_id} (plug-in {name})"
        try:
            return _as_json(await _call(load_plugin(TASKS, name), args, task))
        except TaskFailedError:
            raise
        except ConfigurationError as error:
            raise TaskFailedError(str(error), subject=subject, retryable=False) from error
        except Exception as error:
            raise TaskFailedError(_sentence(error), subject=subject) from error


@cache
def load_plugin(group: str, name: str) -> Callable[..., Any]:
    """The installed function of that name.

    Raises:
        ConfigurationError: there is none, or more than one.
    """
    found = tuple(entry_points(group=group, name=name))
    if len(found) != 1:
        problem = "is installed more than once" if found else "is not installed"
        known = ", ".join(sorted(entry.name for entry in entry_points(group=group))) or "none"
        raise ConfigurationError(f"plug-in {name!r} {problem}", hint=f"group {group} has: {known}")
    return found[0].load()  # type: ignore[no-any-return]


async def _call(plugin: Callable[..., Any], *args: object) -> object:
    if inspect.iscoroutinefunction(plugin):
        return await plugin(*args)
    return await asyncio.to_thread(plugin, *args)


def _as_json(value: object) -> JsonValue:
    """The answer through JSON text and back: only what can be stored comes out."""
    raw = canonical_json(value)  # type: ignore[arg-type]
    if len(raw) > MAX_BYTES:
        raise MalformedJsonError(f"it answered {len(raw)} bytes, over the limit of {MAX_BYTES}")
    return parse_json(raw)


def _sentence(error: Exception) -> str:
    return (
        str(error) if isinstance(error, ActivityCoreError) else f"{type(error).__name__}: {error}"
    )
