"""Plug-ins of a team: found by entry point, called, and their mistakes told."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from activity_core.adapters.plugins import PythonPerformer, PythonSource, load_plugin
from activity_core.core.definition.source import ContextSourceConfig
from activity_core.core.errors import ConfigurationError
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.errors import ContextUnavailableError, TaskFailedError
from activity_core.core.run.task import TaskInstance, TaskStatus
from activity_core.ports.context_source import SourceRequest

MODULE = """
from activity_core.core.run.errors import TaskFailedError

def sync_source(args, variables):
    return {"args": args, "slot": variables["slot"]}

async def async_source(args, variables):
    return [1, 2]

def raises(args, _):
    raise KeyError("lost")

def no_json(args, _):
    return {"now": object()}

def endless(args, _):
    return "x" * (2 << 20)

def gives_up(args, task):
    raise TaskFailedError("never again", retryable=False)

def done(args, task):
    return {"did": task.task_id, **args}
"""
NAMES = ("sync_source", "async_source", "raises", "no_json", "endless", "gives_up", "done")


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    info = tmp_path / "of_a_team-1.0.dist-info"
    info.mkdir()
    (tmp_path / "of_a_team.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: of-a-team\nVersion: 1.0\n")
    lines = "".join(f"{name} = of_a_team:{name}\n" for name in NAMES)
    (info / "entry_points.txt").write_text(
        f"[activity_core.context_sources]\n{lines}\n[activity_core.tasks]\n{lines}"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    load_plugin.cache_clear()
    yield
    load_plugin.cache_clear()
    sys.modules.pop("of_a_team", None)


async def fetch(plugin: str, **args: JsonValue) -> JsonValue:
    config = ContextSourceConfig.model_validate({"python": {"plugin": plugin, "args": args}})
    return await PythonSource().fetch(SourceRequest("s", config, None, {"slot": "now"}))


async def perform(plugin: str, **args: JsonValue) -> JsonValue:
    inputs: dict[str, JsonValue] = {"plugin": plugin, "args": args}
    task = TaskInstance(
        *("task-1", "run-1", "d", 1, "r", "t", 0, TaskKind.PYTHON, "T", TaskStatus.RUNNING),
        inputs,
    )
    return await PythonPerformer().perform(task)


async def test_sources():
    assert await fetch("sync_source", n=1) == {"args": {"n": 1}, "slot": "now"}
    assert await fetch("async_source") == [1, 2]


@pytest.mark.parametrize(
    ("plugin", "why"),
    [
        ("raises", "KeyError: 'lost'"),
        ("no_json", "JSON"),
        ("endless", "over the limit"),
        ("missing", "is not installed"),
    ],
)
async def test_sources_that_do_not_answer(plugin: str, why: str):
    with pytest.raises(ContextUnavailableError, match=why):
        await fetch(plugin)


async def test_tasks():
    assert await perform("done", n=1) == {"did": "task-1", "n": 1}


@pytest.mark.parametrize(
    ("plugin", "retryable"),
    [("raises", True), ("no_json", True), ("gives_up", False), ("missing", False)],
)
async def test_tasks_that_fail(plugin: str, *, retryable: bool):
    with pytest.raises(TaskFailedError) as error:
        await perform(plugin)
    assert error.value.retryable is retryable


def test_a_missing_one_names_those_that_are_there():
    with pytest.raises(ConfigurationError, match=r"group activity_core\.tasks has: .*done"):
        load_plugin("activity_core.tasks", "missing")
