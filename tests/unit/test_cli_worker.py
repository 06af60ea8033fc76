"""`worker`: for runs and the queues of the settings, or only for queues of one's own."""

from typing import Any

import pytest
from typer.testing import CliRunner

from activity_core import telemetry
from activity_core.bootstrap.agents import AGENTS, ALONE
from activity_core.bootstrap.performers import installation_of
from activity_core.cli import serve
from activity_core.cli.main import app
from activity_core.cli.processes import AGENT_HELP
from activity_core.settings import RUNS_QUEUE, Settings, load_settings

Served = list[tuple[Settings, list[str]]]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    found: Served = []

    async def serve_system(settings: Settings, agents: list[str], **_: Any) -> None:
        found.append((settings, agents))

    monkeypatch.setattr(serve, "serve_system", serve_system)
    monkeypatch.setattr(telemetry, "configure_logs", lambda **_: None)  # of the other tests too
    monkeypatch.setenv("ACTIVITY_CORE_TASK_QUEUES", '["ours"]')
    monkeypatch.setenv("ACTIVITY_CORE_TASK_QUEUE_RATES", '{"ours": 5, "slow": 1}')
    return found


def test_for_runs_and_the_queues_of_the_settings(served: Served):
    assert CliRunner().invoke(app, ["worker"]).exit_code == 0
    [(settings, agents)] = served
    assert agents == ["worker"]
    assert settings.task_queues == ["ours"]


@pytest.mark.parametrize(
    ("rate", "rates"), [([], {"ours": 5, "slow": 1}), (["--rate", "2.5"], {"ours": 5, "slow": 2.5})]
)
def test_for_queues_of_ones_own(served: Served, rate: list[str], rates: dict[str, float]):
    arguments = ["worker", "--task-queue", "slow", "--task-queue", "other", *rate]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    [(settings, agents)] = served
    assert agents == ["task_worker"]
    assert settings.task_queues == ["slow", "other"]
    assert {name: settings.task_queue_rates[name] for name in rates} == rates
    assert settings.task_queue_rates.get("other") == (2.5 if rate else None)


@pytest.mark.parametrize("wrong", [["--rate", "5"], ["--task-queue", "q", "--rate", "0"]])
def test_a_rate_of_nothing(served: Served, wrong: list[str]):
    assert CliRunner().invoke(app, ["worker", *wrong]).exit_code == 2
    assert served == []


def test_every_agent_has_its_process():
    assert set(AGENT_HELP) == set(AGENTS)
    assert not set(ALONE) & set(AGENTS)


def test_what_tasks_may_use(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ACTIVITY_CORE_TASK_QUEUES", '["ours"]')
    monkeypatch.setenv("ACTIVITY_CORE_EXTERNAL_TASK_QUEUES", '["theirs"]')
    there = installation_of(load_settings())
    assert set(there.queues or ()) == {RUNS_QUEUE, "ours", "theirs"}
    assert not there.callbacks
    monkeypatch.setenv("ACTIVITY_CORE_PUBLIC_URL", "https://us.example")
    monkeypatch.setenv("ACTIVITY_CORE_CALLBACK_KEY", "env:A_KEY")
    assert installation_of(load_settings()).callbacks
