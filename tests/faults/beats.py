"""Definitions that are due every few seconds, each with other policies, on an installation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from tests.api import eventually
from tests.faults.installation import Installation
from tests.faults.slots import Ledger, broken_promises, ledger, unaccounted

from activity_core.adapters.system_clock import SystemClock


@dataclass(frozen=True)
class Beat:
    """One of them; with `waits`, its runs wait for a person. See `slots.Policies`."""

    id: str
    every: int
    policy: str = "skip"
    window: int | None = None
    max_runs: int | None = None
    overlap: str = "allow_all"
    waits: bool = False

    @property
    def text(self) -> str:
        misfire: dict[str, object] = {"policy": self.policy}
        if self.window:
            misfire["window"] = f"{self.window}s"
        if self.max_runs:
            misfire["max_runs"] = self.max_runs
        person, machine = {"human": {"title": "T", "wait": True}}, {"emit": {"type": "test.beat"}}
        return json.dumps(
            {
                "id": self.id,
                "trigger": {
                    "interval": {"every": f"{self.every}s"},
                    "misfire": misfire,
                    "overlap": self.overlap,
                },
                "rules": [
                    {"id": "r", "tasks": [{"id": "t"} | (person if self.waits else machine)]}
                ],
            }
        )

    @property
    def longest_delay(self) -> timedelta:
        default = 60 if self.policy == "skip" else 86_400
        return timedelta(seconds=self.window or default)


Beats = Mapping[str, Beat]


def by_id(*beats: Beat) -> Beats:
    return {beat.id: beat for beat in beats}


def now() -> datetime:
    return SystemClock().now()


async def publish(running: Installation, beats: Beats) -> None:
    await running.api.apply("\n---\n".join(beat.text for beat in beats.values()))


async def ledgers(running: Installation, beats: Beats) -> dict[str, Ledger]:
    async with running.connection() as connection:
        return {id_: await ledger(connection, id_) for id_ in beats}


async def covered(
    running: Installation, beats: Beats, until: datetime | None = None
) -> dict[str, Ledger]:
    """The ledgers once everything up to then (now) is decided, and every run has begun."""
    asked = until or now()

    async def look() -> dict[str, Ledger] | None:
        found = await ledgers(running, beats)
        for each in found.values():
            if each.until is None or each.until < asked:
                return None
            if any(run["slot"] <= asked and not run["begun"] for run in each.runs):
                return None
        return found

    return await eventually(look, "all slots are decided and started", within=90)


async def retire(running: Installation, beats: Beats) -> None:
    """No more slots; held ones are settled, and people do what runs still wait for."""
    for id_ in beats:
        await eventually(partial(_retired, running, id_), f"{id_} is retired")

    async def over() -> bool:
        found = await ledgers(running, beats)
        left = [run for each in found.values() for run in each.runs if not run["finished_at"]]
        for run in left:
            for task in await running.api.items("/v1/tasks", run_id=run["run_id"]):
                if task["status"] == "ready":
                    await running.api.post(
                        f"/v1/tasks/{task['task_id']}/complete", {"outcome": "done"}
                    )
        held = any(each.of_outcome("held") for each in found.values())
        return not left and not held

    await eventually(over, "nothing of what is retired is left", within=90)


async def _retired(running: Installation, definition_id: str) -> bool:
    """Right after an outage the API may have to say once more that it is over."""
    answer = await running.api.http.delete(f"/v1/definitions/{definition_id}")
    return answer.is_success


def assert_accounts(found: Mapping[str, Ledger], beats: Beats) -> None:
    """One decision for every slot, no slot twice, and every policy kept."""
    wrong = [line for id_, each in found.items() for line in unaccounted(beats[id_], each)]
    wrong += [line for id_, each in found.items() for line in broken_promises(beats[id_], each)]
    assert not wrong, "\n".join(wrong[:20])
