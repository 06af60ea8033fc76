"""Python plug-ins by entry point: context sources and automated tasks of a team's own.

A plug-in is a function, sync or async, of the groups `activity_core.context_sources`
(`args, variables -> JSON`) or `activity_core.tasks` (`args, task -> JSON`); the second parameter
may be left out, annotations are kept. Sync ones run in a thread. What they raise is retried as
configured.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import entry_points

from activity_core.adapters.plugin_types import Plugin, signature_of
from activity_core.core.errors import ActivityCoreError, ConfigurationError
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.errors import ContextUnavailableError, TaskFailedError
from activity_core.core.run.task import TaskInstance
from activity_core.plugin import DoNotRetryError, TaskContext
from activity_core.ports.context_source import SourceRequest
from activity_core.ports.task_performer import Attempt, Performed

SOURCES = "activity_core.context_sources"
TASKS = "activity_core.tasks"

_THREADS = ThreadPoolExecutor(50, "plug-in")
"""As many as a worker's Temporal activities; the loop's own threads look up names of hosts."""


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
            return await _called(plugin, config.args, dict(request.variables), "")
        except (Exception, SystemExit) as error:
            raise ContextUnavailableError(_sentence(error), subject=subject) from error


class PythonPerformer:
    """Performs tasks of kind `python`."""

    async def perform(self, task: TaskInstance, attempt: Attempt) -> Performed:
        """Call the plug-in; its result becomes the task's outputs.

        Raises:
            TaskFailedError: `invalid_input`, `unserialisable`, `too_large`, or named by the class
                of what the plug-in raised; `retryable` unless that says otherwise.
        """
        name, args = str(task.inputs["plugin"]), task.inputs.get("args") or {}
        subject = f"task {task.task_id} (plug-in {name})"
        context = TaskContext(task, attempt)
        try:
            plugin = load_plugin(TASKS, name)
            return Performed(await _called(plugin, args, context, subject))
        except TaskFailedError:
            raise
        except ConfigurationError as error:
            raise TaskFailedError(
                str(error), subject=subject, type=error.code, retryable=False
            ) from error
        except (Exception, SystemExit) as error:
            raise TaskFailedError(
                _sentence(error),
                subject=subject,
                type=type(error).__name__,
                retryable=not isinstance(error, DoNotRetryError),
            ) from error
        finally:
            context.leave()  # a thread cannot be stopped: it is told


def installed(group: str) -> frozenset[str]:
    """The names of all plug-ins of a group that this process could load."""
    return frozenset(entry.name for entry in entry_points(group=group))


@cache
def load_plugin(group: str, name: str) -> Plugin:
    """The installed function of that name.

    Raises:
        ConfigurationError: there is none, or more than one.
    """
    found = tuple(entry_points(group=group, name=name))
    if len(found) != 1:
        problem = "is installed more than once" if found else "is not installed"
        known = ", ".join(sorted(installed(group))) or "none"
        raise ConfigurationError(f"plug-in {name!r} {problem}", hint=f"group {group} has: {known}")
    return found[0].load()  # type: ignore[no-any-return]


async def _called(plugin: Plugin, args: JsonValue, more: object, subject: str) -> JsonValue:
    signature = signature_of(plugin)
    given = (signature.arguments(args, subject), more)[: 1 + signature.wants_more]
    if signature.is_async:
        return signature.result(await plugin(*given), subject)
    return signature.result(await _in_thread(plugin, *given), subject)


async def _in_thread(plugin: Plugin, *given: object) -> object:
    """What it returns, or raises: also what no future can hold, like StopIteration."""

    def outcome() -> tuple[object, BaseException | None]:
        try:
            return plugin(*given), None
        except BaseException as error:  # noqa: BLE001 - raised again where the caller is
            return None, error

    run: Callable[..., tuple[object, BaseException | None]] = contextvars.copy_context().run
    value, error = await asyncio.get_running_loop().run_in_executor(_THREADS, run, outcome)
    if error is not None:
        raise error
    return value


def _sentence(error: BaseException) -> str:
    return (
        str(error) if isinstance(error, ActivityCoreError) else f"{type(error).__name__}: {error}"
    )
