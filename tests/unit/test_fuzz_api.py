"""Everything that the OpenAPI document offers, asked for well and badly: nothing goes wrong.

schemathesis makes the requests out of the document, the same in every run, and compares each answer
with it: no 5xx, and the status, content type, headers and body that it promises.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.unit.memory_system import DEFINITIONS, STRUCTURED, YAML, MemorySystem, event

from activity_core.ports.dead_letters import DeadLetter

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MORE = """
---
id: hourly
trigger: {cron: {expression: "0 * * * *", timezone: UTC}}
rules: [{id: all, tasks: [{id: look, human: {title: Look}}]}]
---
kind: source
id: hooked
webhook: {verify: {bearer: {secrets: ["env:TOKEN"]}}}
---
kind: event_type
id: orders
type: order.*
versions: [{}]
"""
URL = "http://127.0.0.1:8080"
LONGEST_URL = 60_000  # httpx asks for no longer one
DOCUMENT = MemorySystem().app().openapi()
OPERATIONS = [(method, path) for path, item in DOCUMENT["paths"].items() for method in item]
REPEATABLE = settings(
    max_examples=24,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Installation:
    """A system that knows one of each noun; `known` has their ids by path parameter."""

    loop: asyncio.Runner
    system: MemorySystem = field(default_factory=MemorySystem)
    known: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = self.system.client()
        self.loop.run(self._fill())

    async def _fill(self) -> None:
        self.system.secrets.secrets["env:TOKEN"] = "t"
        answer = await self.client.put("/v1/definitions", content=DEFINITIONS + MORE, headers=YAML)
        assert answer.is_success, answer.text
        for each in (event(), event(data={"amount": 1})):  # the second is refused
            await self.client.post("/v1/events", json=each, headers=STRUCTURED)
        letter = DeadLetter(
            dead_letter_id="letter",
            via="nats",
            subject="events",
            code="event_invalid",
            message="no event",
            headers={},
            body=b"{",
            buried_at=self.system.clock.now(),
        )
        await self.system.dead_letters.bury(letter)
        await self.system.work()
        self.known = {
            "event_id": "o-1",
            "run_id": await self._first("runs", "run_id", "?definition_id=triage"),
            "task_id": await self._first("tasks", "task_id"),
            "definition_id": "triage",
            "backfill_id": "none",
            "dead_letter_id": "letter",
            "source_id": "hooked",
            "source": "hooked",
            "event_type_id": "orders",
            "time": "2026-01-01T00:00:00Z",
        }

    async def _first(self, noun: str, name: str, query: str = "") -> str:
        items = (await self.client.get(f"/v1/{noun}{query}")).json()["items"]
        return str(items[0][name])

    def answer(self, case: Case[Any]) -> httpx.Response | None:
        """What the API says to a request; None if it cannot even be sent."""
        how = case.as_transport_kwargs(base_url=URL)
        names = ("method", "url", "headers", "params", "data", "json", "cookies", "files")
        made = requests.Request(**{name: how[name] for name in names if name in how}).prepare()
        if len(str(made.url)) > LONGEST_URL:
            return None
        headers: Any = {"authorization": "Bearer t", **made.headers}
        content: Any = made.body
        request = httpx.Request(str(made.method), str(made.url), headers=headers, content=content)
        return self.loop.run(self.client.send(request))


@pytest.fixture
def installation() -> Iterator[Installation]:
    with asyncio.Runner() as loop:
        made = Installation(loop)
        yield made
        loop.run(made.client.aclose())


@pytest.fixture(scope="module")
def schema() -> Any:
    return from_dict(DOCUMENT)


def cases(operation: Any, known: dict[str, str]) -> st.SearchStrategy[Case[Any]]:
    """Good and bad requests, about what there is and about what there is not."""
    places = {str(parameter.location.value) for parameter in operation.iter_parameters()}
    may_be_wrong = places - {"path"} or any(b.media_type != "*/*" for b in operation.body)
    modes = [GenerationMode.POSITIVE] + [GenerationMode.NEGATIVE] * bool(may_be_wrong)
    named = {p.name: known[p.name] for p in operation.iter_parameters() if p.name in known}
    strategies = [operation.as_strategy(mode) for mode in modes]
    if "path" in places:
        strategies += [operation.as_strategy(mode, path_parameters=named) for mode in modes]
    return st.one_of(strategies)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_documented(
    method: str, path: str, schema: Any, installation: Installation
) -> None:
    operation = schema[path][method.upper()]

    @REPEATABLE
    @given(cases(operation, installation.known))
    def ask(case: Case[Any]) -> None:
        if (answer := installation.answer(case)) is not None:
            case.validate_response(answer, checks=CHECKS)

    ask()
