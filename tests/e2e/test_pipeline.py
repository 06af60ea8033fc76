"""The pipeline of the examples, with plug-ins of a team: what is silent, empty or broken.

The plug-ins are told by a file beside them how the sales are today (`Sales`).
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.api import Json
from tests.e2e.conftest import Stack
from tests.e2e.stories import by_spec, example, retiring, statuses

PIPELINE = "../examples-with-plugins/load-warehouse.yaml"
QUICK = (
    ("max_attempts: 5, backoff: 5s..5m", "max_attempts: 5, backoff: 100ms..1s"),
    ("start_to_close: 30m, heartbeat: 30s", "start_to_close: 30m, heartbeat: 1s"),
    ("max_attempts: 3, backoff: 5s..1m", "max_attempts: 3, backoff: 100ms..1s"),
)
"""Nobody waits half a minute for a sign of life in a test."""


@dataclass
class Sales:
    """What the plug-ins read, and what they did."""

    folder: Path

    def are(self, **today: object) -> None:
        (self.folder / "sales.json").write_text(json.dumps(today))
        (self.folder / "sales.log").write_text("")

    @property
    def log(self) -> list[str]:
        return (self.folder / "sales.log").read_text().splitlines()


@pytest.fixture(scope="module", autouse=True)
async def _retired(stack: Stack) -> AsyncIterator[None]:
    async with retiring(stack, "load-warehouse"):
        yield


@pytest.fixture
async def sales(stack: Stack) -> Sales:
    await stack.api.apply(example(PIPELINE, *QUICK))
    return Sales(stack.servers.data.parent / "plugins")


async def loaded(stack: Stack, status: str) -> Json:
    """A run that somebody asked for, once it has this status."""
    asked = await stack.said("trigger", "load-warehouse")
    return await stack.api.run(str(asked["run_id"]), status)


async def test_it_runs_as_it_stands(stack: Stack, sales: Sales):
    await stack.api.apply(example(PIPELINE))
    sales.are(rows=3)
    run = await loaded(stack, "completed")
    assert set(statuses(run).values()) == {"completed"}
    tasks = by_spec(run)
    assert tasks["load"]["inputs"]["args"] == {"path": "/sales/clean", "rows": 3}
    assert tasks["load"]["outputs"] == {"loaded": 3}
    assert sales.log == ["extract 0-3", "transform /sales/raw", "load 3", "clean-up"]


async def test_an_attempt_that_goes_silent_is_given_up_and_the_next_goes_on(
    stack: Stack, sales: Sales
):
    sales.are(rows=3, silent_after=2, links_that_break=1)
    run = await loaded(stack, "completed")
    assert by_spec(run)["extract"]["attempts"] == 3
    assert sales.log[:3] == ["extract 0-1 broke", "extract 1-2 silent", "extract 2-3"]
    assert by_spec(run)["extract"]["outputs"] == {"path": "/sales/raw", "began_after": 2}


async def test_nothing_is_loaded_on_a_day_without_sales(stack: Stack, sales: Sales):
    sales.are(rows=0)
    run = await loaded(stack, "completed")
    load = by_spec(run)["load"]
    assert (load["status"], load["outcome"]) == ("skipped", "not_wanted")
    assert statuses(run)["clean-up"] == "completed"
    assert "load" not in " ".join(sales.log)


async def test_it_is_cleaned_up_whatever_happened(stack: Stack, sales: Sales):
    sales.are(rows=-1)
    run = await loaded(stack, "failed")
    assert statuses(run) == {
        "extract": "completed",
        "transform": "failed",
        "load": "skipped",
        "clean-up": "completed",
    }
    transform = by_spec(run)["transform"]
    assert (transform["error_type"], transform["attempts"]) == ("ValueError", 1)
    assert run["failure"]["code"] == "task_failed"
    assert sales.log[-1] == "clean-up"
