"""Versions by command: a candidate for a part, promoted, stopped by itself, and back again."""

from pathlib import Path

import pytest
from tests.api import Json, cloudevent, eventually
from tests.e2e.conftest import Stack
from tests.e2e.stories import by_spec

ONE = """
id: rolled
trigger: {event: {type: rolled.asked}}
rules: [{id: all, tasks: [{id: look, human: {title: "One for ${event.data.who}", wait: true}}]}]
"""
TWO = ONE.replace("One for", "Two for")
BAD = ONE.replace(
    'human: {title: "One for ${event.data.who}", wait: true}',
    "python: {plugin: odd}, retry: {max_attempts: 1}",
)


class Rolled:
    """The definition, its versions in files, and what its runs say."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder

    async def does(self, command: str, text: str | None = None, *more: str) -> str:
        """What a command about it says; it must end with 0."""
        arguments = ["definitions", command, "rolled"]
        if text is not None:
            (self._folder / "rolled.yaml").write_text(text)
            arguments.append(str(self._folder / "rolled.yaml"))
        done = await self._stack.cli(*arguments, *more)
        assert done.code == 0, done.err
        return done.out.strip()

    async def run(self, name: str, who: str = "ann") -> Json:
        """The run of an event."""
        event = cloudevent("rolled.asked", f"rolled-{name}", {"who": who})
        await self._stack.api.send(event)
        await self._stack.api.routed(event)
        [run] = await self._stack.api.runs_of(event)
        return run

    async def versions(self, name: str, whose: list[str]) -> dict[str, int]:
        """Who gets which version."""
        return {who: (await self.run(f"{name}-{who}", who))["version_used"] for who in whose}


@pytest.fixture
async def rolled(stack: Stack, tmp_path: Path) -> Rolled:
    await stack.api.apply(ONE)
    return Rolled(stack, tmp_path)


async def test_a_candidate_is_tried_promoted_and_taken_back(stack: Stack, rolled: Rolled):
    old = await rolled.run("old")
    said = await rolled.does("rollout", TWO, "--percent", "50", "--key", "event.data.who")
    assert said == "rolled v1: active\ncandidate v2 for 50 % by event.data.who"
    whose = [f"customer-{number}" for number in range(12)]
    first = await rolled.versions("first", whose)
    assert set(first.values()) == {1, 2}, "of 12 customers all get the same with 1 in 2,048"
    assert await rolled.versions("again", whose) == first

    assert await rolled.does("promote") == "rolled v2: active"
    assert set((await rolled.versions("all", whose[:4])).values()) == {2}
    assert await rolled.does("rollback", None, "--reason", "slow") == "rolled v3: active"
    back = await stack.api.held(str((await rolled.run("back"))["run_id"]))
    assert (back["version_used"], by_spec(back)["look"]["title"]) == (3, "One for ann")

    task = by_spec(await stack.api.held(str(old["run_id"])))["look"]["task_id"]
    await stack.api.post(f"/v1/tasks/{task}/complete", {"outcome": "done"})
    assert (await stack.api.run(str(old["run_id"]), "completed"))["version_used"] == 1


async def test_a_candidate_that_fails_stops_by_itself(stack: Stack, rolled: Rolled, tmp_path: Path):
    bad = ["--percent", "100", "--min-runs", "2", "--stop-at", "0.5"]
    said = await rolled.does("rollout", BAD, *bad)
    assert "for 100 %" in said
    for number in range(2):
        run = await rolled.run(f"bad-{number}")
        await stack.api.run(str(run["run_id"]), "failed")

    async def stopped() -> str | None:
        rollout = (await stack.api.get("/v1/definitions/rolled"))["rollout"]
        return str(rollout["stopped"]) or None

    why = await eventually(stopped, "the rollout stops")
    assert "2 of 2 runs of version" in why
    assert by_spec(await stack.api.held(str((await rolled.run("after"))["run_id"])))
    promoted = await stack.api.post("/v1/definitions/rolled/promote", status=409)
    assert "its rollout stopped: 2 of 2 runs" in promoted["detail"]
    (tmp_path / "other.yaml").write_text(TWO.replace("rolled.asked", "rolled.otherwise"))
    asked = ("definitions", "rollout", "rolled", str(tmp_path / "other.yaml"), "--percent", "10")
    other = await stack.cli(*asked)
    assert (other.code, "its trigger differs" in other.err) == (1, True), other.err
