"""Plug-ins of a team: found by entry point, called, and their mistakes told."""

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from activity_core.adapters.memory.task_performer import MemoryAttempt
from activity_core.adapters.plugins import (
    PythonPerformer,
    PythonSource,
    installed,
    load_plugin,
)
from activity_core.core.definition.source import ContextSourceConfig
from activity_core.core.errors import ConfigurationError
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.errors import ContextUnavailableError, TaskFailedError
from activity_core.core.run.task import TaskInstance, TaskStatus
from activity_core.ports.context_source import SourceRequest

MODULE = """
import asyncio
import threading
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from activity_core.core.run.errors import TaskFailedError
from activity_core.plugin import DoNotRetryError, TaskContext


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

def not_a_number(args):
    return float("nan")

def gives_up(args, task):
    raise TaskFailedError("never again", retryable=False)

class GoneError(DoNotRetryError):
    pass

def gone(args):
    raise GoneError("the invoice is gone")

def exits(args):
    raise SystemExit(3)

def stops(args):
    return next(iter([]))

async def async_exits(args):
    raise SystemExit(3)

def done(args, task):
    return {"did": task.task_id, **args}

@dataclass
class Line:
    n: int
    price: Decimal = Decimal(0)

class Order(BaseModel):
    day: date
    lines: list[Line]

class Total(BaseModel):
    due: date
    total: Decimal

def typed(args: Order, task: TaskContext) -> Total:
    assert isinstance(args.lines[0], Line)
    return Total(due=args.day, total=sum(each.n * each.price for each in args.lines))

async def typed_dict(args: dict[str, int]) -> list[Line]:
    return [Line(n) for n in args.values()]

def lies(args) -> Total:
    return "no total"

def unknown_annotation(args: "Missing"):
    return 1

def takes_nothing():
    return 1

class Callable_:
    async def __call__(self, args: dict[str, int]):
        return args["n"]

an_object = Callable_()

def tells(args, task: TaskContext):
    assert threading.current_thread() is not threading.main_thread()
    task.heartbeat({"page": task.last_heartbeat["page"] + 1})
    return [task.attempt, task.run_id, task.template, task.cancelled]

def tells_no_json(args, task):
    task.heartbeat(object())

STARTED, LEFT = threading.Event(), threading.Event()

def lingers(args, task):
    STARTED.set()
    while not task.cancelled:
        threading.Event().wait(0.01)
    task.heartbeat("nobody hears it")
    LEFT.set()

async def waits(args):
    STARTED.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        LEFT.set()
        raise
"""
NAMES = [
    line.split()[-1].split("(")[0]
    for line in re.findall(r"^(?:async )?def \w+", MODULE, re.MULTILINE)
] + ["an_object"]


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


async def perform(
    plugin: str, attempt: MemoryAttempt | None = None, **args: JsonValue
) -> JsonValue:
    inputs: dict[str, JsonValue] = {"plugin": plugin, "args": args}
    task = TaskInstance(
        *("task-1", "run-1", "d", 1, "r", "t", 0, TaskKind.PYTHON, "T", TaskStatus.RUNNING),
        inputs,
    )
    performed = await PythonPerformer().perform(task, attempt or MemoryAttempt())
    assert performed.waits is None
    return performed.outputs


async def test_sources():
    assert await fetch("sync_source", n=1) == {"args": {"n": 1}, "slot": "now"}
    assert await fetch("async_source") == [1, 2]
    assert await fetch("typed_dict", a=1) == [{"n": 1, "price": "0"}]


@pytest.mark.parametrize(
    ("plugin", "why"),
    [
        ("raises", "KeyError: 'lost'"),
        ("no_json", "JSON"),
        ("endless", "over the limit"),
        ("missing", "is not installed"),
        ("exits", "SystemExit: 3"),
        ("typed", r"args\.day: Field required"),
    ],
)
async def test_sources_that_do_not_answer(plugin: str, why: str):
    with pytest.raises(ContextUnavailableError, match=why):
        await fetch(plugin)


async def test_tasks():
    assert await perform("done", n=1) == {"did": "task-1", "n": 1}
    assert await perform("an_object", n=7) == 7


async def test_what_is_annotated_is_typed_in_and_out():
    lines: JsonValue = [{"n": 2, "price": "1.50"}, {"n": 1, "price": 2}]
    assert await perform("typed", day="2026-11-21", lines=lines) == {
        "due": "2026-11-21",
        "total": "5.00",
    }
    assert await perform("typed_dict", a=1) == [{"n": 1, "price": "0"}]


@pytest.mark.parametrize(
    ("plugin", "type_", "retryable"),
    [
        ("raises", "KeyError", True),
        ("no_json", "unserialisable", False),
        ("not_a_number", "unserialisable", False),
        ("lies", "unserialisable", False),
        ("endless", "too_large", False),
        ("gives_up", "task_failed", False),
        ("gone", "GoneError", False),
        ("missing", "configuration", False),
        ("unknown_annotation", "configuration", False),
        ("takes_nothing", "configuration", False),
        ("tells_no_json", "TypeError", True),
        ("exits", "SystemExit", True),
        ("async_exits", "SystemExit", True),
        ("stops", "RuntimeError", True),
    ],
)
async def test_tasks_that_fail(plugin: str, type_: str, *, retryable: bool):
    with pytest.raises(TaskFailedError) as error:
        await perform(plugin)
    assert (error.value.type, error.value.retryable) == (type_, retryable)


async def test_input_that_does_not_fit_is_told_with_its_place():
    with pytest.raises(TaskFailedError) as error:
        await perform("typed", day="2026-11-21", lines=[{"n": "many"}])
    assert (error.value.type, error.value.retryable) == ("invalid_input", False)
    assert "args.lines.0.n: Input should be a valid integer" in str(error.value)
    assert "many" not in str(error.value)


async def test_a_thread_tells_and_is_told():
    attempt = MemoryAttempt(number=3, last_heartbeat={"page": 4})
    assert await perform("tells", attempt) == [3, "run-1", "t", False]
    assert attempt.beats == [{"page": 5}]


@pytest.mark.parametrize("plugin", ["lingers", "waits"])
async def test_nobody_wants_the_result_any_more(plugin: str):
    attempt = MemoryAttempt()
    performing = asyncio.create_task(perform(plugin, attempt))
    module = load_plugin("activity_core.tasks", plugin).__globals__
    assert await asyncio.to_thread(module["STARTED"].wait, 10)
    performing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await performing
    assert await asyncio.to_thread(module["LEFT"].wait, 10)
    await asyncio.sleep(0)
    assert attempt.beats == []


def test_a_missing_one_names_those_that_are_there():
    with pytest.raises(ConfigurationError, match=r"group activity_core\.tasks has: .*done"):
        load_plugin("activity_core.tasks", "missing")


def test_which_are_there():
    assert {"done", "typed"} <= installed("activity_core.tasks")
