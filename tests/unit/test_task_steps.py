"""What is left of a group that is read anew: after a restart, a retry, or for a new history."""

from collections.abc import Sequence

import pytest
from tests.core_stage import CoreStage
from tests.unit.test_performer import ONCE

from activity_core.core.run.graph import Graph
from activity_core.core.run.progress import Progress

CHAIN = """
id: chain
trigger: {manual: }
rules:
  - id: r
    tasks:
      - {id: first, http: {url: "http://127.0.0.1/"}}
      - {id: unwanted, needs: [first], when: 'tasks.first.outcome == ""', emit: {type: a.never}}
      - {id: last, needs: [unwanted], emit: {type: a.told}}
"""
SAGA = """
id: saga
trigger: {manual: }
rules:
  - id: r
    tasks:
      - id: order
        http: {url: "http://127.0.0.1/"}
        compensate: {http: {url: "http://127.0.0.1/"}}
      - {id: pay, needs: [order], http: {url: "http://127.0.0.1/"}}
      - {id: send, needs: [pay], http: {url: "http://127.0.0.1/"}}
"""


async def read_anew(text: str, id_: str, done: Sequence[str], failed: str = "") -> Progress:
    """A run of which something was done, as a workflow that starts over is told of it."""
    stage = CoreStage()
    await stage.apply(text)
    (run_id,) = await stage.submit(id_, "one")
    (execution,) = await stage.compose()
    await stage.runner.advance(execution.execution_id)
    tasks = {spec: row.task.task_id for spec, row in stage.tasks_of(run_id).items()}
    for spec in done:
        await stage.performer.perform(tasks[spec], ONCE)
    if failed:
        await stage.performer.fail(tasks[failed], 1, "no")
    return await stage.runner.advance(execution.execution_id)


@pytest.mark.parametrize("done", [["first"], ["first", "unwanted"]])
async def test_what_was_not_wanted_keeps_nobody_waiting(done: list[str]) -> None:
    graph = Graph()
    graph.add((await read_anew(CHAIN, "chain", done)).tasks)
    assert len(graph.starting()) == 1


async def test_a_group_that_failed_is_undone_whoever_goes_on() -> None:
    graph = Graph()
    graph.add((await read_anew(SAGA, "saga", ["order", "pay"], "send")).tasks)
    assert graph.starting() == []
    assert graph.take_due() == ["r#0"]
