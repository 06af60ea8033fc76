"""Search attributes on a real Temporal server."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker
from tests.scripted_steps import DONE, ScriptedSteps, auto
from tests.scripted_turns import ScriptedTurns
from tests.temporal_server import eventually, temporal_client

from activity_core.adapters.temporal import search_attributes
from activity_core.adapters.temporal.engine import TemporalEngine
from activity_core.adapters.temporal.search_attributes import add_search_attributes, attributes_of
from activity_core.core.run.progress import Progress, ProgressState
from activity_core.core.run.run import Execution
from activity_core.ports.engine import Purpose
from activity_core.workflows.case_steps import CaseSteps
from activity_core.workflows.outcome import DEFINITION, OCCURRENCE, OWNER
from activity_core.workflows.steps import RunSteps
from activity_core.workflows.worker import build_worker

COMPLETED = 'ExecutionStatus = "Completed" and ActivityOutcome is null'
COUNTER = itertools.count()
FAILED = Progress(ProgressState.DONE, counts={"completed": 3, "failed": 1})


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal_client() as client:
        yield client


def execution(*definitions: str, owners: tuple[str, ...] = ("billing",)) -> Execution:
    number = next(COUNTER)
    return Execution(
        f"execution-{number}",
        f"activity-x-{number}",
        (f"run-{number}",),
        definitions,
        versions=tuple(f"{each}@3" for each in definitions),
        occurrences=(f"e.{number}",),
        owners=owners,
    )


def worker(client: Client, queue: str) -> Worker:
    """A worker whose runs and cases are over at once; of the second run's workflow one failed."""
    steps = cast("RunSteps", SimpleNamespace(of_runs=ScriptedSteps([DONE, FAILED]).all))
    cases = cast("CaseSteps", SimpleNamespace(all=ScriptedTurns([]).all))
    return build_worker(client, steps, queue, cases=cases)


async def found(client: Client, query: str) -> list[str]:
    return sorted([each.id async for each in client.list_workflows(query)])


async def test_workflows_are_found_by_what_they_are_for(client: Client) -> None:
    assert await add_search_attributes(client)
    assert await add_search_attributes(client)  # they are there
    queue = f"search-{next(COUNTER)}"
    engine = TemporalEngine(client, queue, searchable=True)
    one = execution("chase")
    several = replace(execution("chase", "remind"), workflow_id="activity-batch-1")
    async with worker(client, queue):
        for each in (one, several):
            await engine.start(each)
            await client.get_workflow_handle(each.workflow_id).result()
    both = sorted([one.workflow_id, several.workflow_id])
    queries = {
        'ActivityDefinition = "chase"': both,
        'ActivityDefinition = "remind"': [several.workflow_id],
        'ActivityVersion = "remind@3"': [several.workflow_id],
        f'ActivityOccurrence = "{one.occurrences[0]}"': [one.workflow_id],
        'ActivityOwner = "billing" and ActivityDefinition = "chase"': both,
        f'{COMPLETED} and ActivityDefinition = "chase"': [one.workflow_id],
        'ActivityOutcome = "failed"': [several.workflow_id],
    }
    for query, expected in queries.items():

        async def is_found(query: str = query, expected: list[str] = expected) -> bool:
            return await found(client, query) == expected

        await eventually(is_found)


async def test_cases_and_single_tasks_are_found_too(client: Client) -> None:
    assert await add_search_attributes(client)
    queue = f"search-{next(COUNTER)}"
    case, task = f"activity-case-{queue}", f"activity-task-{queue}"
    engine = TemporalEngine(client, queue, searchable=True)
    async with worker(client, queue):
        await engine.start_case(queue, case, Purpose("follow", 2, queue, "support"))
        await engine.start_task(auto(queue), Purpose("tell", 1, f"{queue}-task"))
        for each in (case, task):
            await client.get_workflow_handle(each).result()
    queries = {
        f'ActivityVersion = "follow@2" and ActivityOccurrence = "{queue}"': [case],
        'ActivityOwner = "support" and ActivityOutcome = "closed"': [case],
        f'ActivityDefinition = "tell" and {COMPLETED}': [task],
    }
    for query, expected in queries.items():

        async def is_found(query: str = query, expected: list[str] = expected) -> bool:
            return await found(client, query) == expected

        await eventually(is_found)


async def test_without_them_runs_are_started_all_the_same(client: Client) -> None:
    queue = f"search-{next(COUNTER)}"
    engine = TemporalEngine(client, queue)
    plain = execution("plain")
    async with worker(client, queue):
        await engine.start(plain)
        handle = client.get_workflow_handle(plain.workflow_id)
        await handle.result()
    kinds = {event.event_type for event in (await handle.fetch_history()).events}
    assert EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES not in kinds


async def test_a_namespace_that_forgot_them_stops_no_run(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = SearchAttributeKey.for_keyword_list("ActivityUnheardOf")
    monkeypatch.setattr(search_attributes, "DEFINITION", unknown)
    queue = f"search-{next(COUNTER)}"
    engine = TemporalEngine(client, queue, searchable=True)
    first, second = execution("a"), execution("b")
    async with worker(client, queue):
        for each in (first, second):
            await engine.start(each)
            await client.get_workflow_handle(each.workflow_id).result()


async def test_where_they_may_not_be_added_this_is_said(
    client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise RPCError("not permitted", RPCStatusCode.PERMISSION_DENIED, b"")

    monkeypatch.setattr(client.operator_service, "list_search_attributes", refused)
    assert not await add_search_attributes(client)
    assert "no_search_attributes" in capsys.readouterr().out


def test_values_that_temporal_would_refuse_are_left_out() -> None:
    many = replace(
        execution("d"), occurrences=tuple(f"e.{number:032x}" for number in range(100)), owners=()
    )
    attributes = attributes_of(many)
    listed = attributes[OCCURRENCE]
    assert 30 < len(listed) < 50
    assert sum(len(each) + 3 for each in listed) < 2_000
    assert attributes[DEFINITION] == ["d"]
    assert attributes.get(OWNER) is None
    assert attributes_of(execution("a", "b", owners=("x", "y")))[OWNER] == "several"
