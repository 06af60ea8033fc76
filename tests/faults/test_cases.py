"""kill -9 of whoever carries cases: each event is taken once, in order, over the right state."""

from typing import Any

from tests.api import eventually
from tests.faults.installation import Installation

FOLLOW = """
id: follow-killed
lifecycle: ongoing
correlation: event.data.order
trigger: {event: {type: case.step}}
state: {initial: {seen: []}, update: '{"seen": state.seen + [event.data.n]}'}
ends_when: size(state.seen) == 10
rules:
  - id: every
    tasks: [{id: look, human: {title: "Step ${string(event.data.n)}"}}]
"""
KEYS, STEPS = 5, 10


async def cases(running: Installation) -> list[dict[str, Any]]:
    found = await running.api.items("/v1/cases", definition_id="follow-killed")
    return [await running.api.get(f"/v1/cases/{item['case_id']}") for item in found]


async def test_cases_outlive_the_death_of_whoever_carries_them(running: Installation) -> None:
    await running.api.apply(FOLLOW)
    for n in range(STEPS):
        for key in range(KEYS):
            await running.send(
                {
                    "specversion": "1.0",
                    "id": f"killed-{key}-{n}",
                    "source": "/cases",
                    "type": "case.step",
                    "data": {"order": f"o-{key}", "n": n},
                }
            )
        if agent := {2: "worker", 4: "starter", 6: "worker", 8: "router"}.get(n):
            await running.replace(agent)

    async def closed() -> list[dict[str, Any]] | None:
        found = await cases(running)
        is_over = len(found) == KEYS and all(case["status"] == "closed" for case in found)
        return found if is_over else None

    for case in await eventually(closed, "all cases closed", within=90):
        assert case["state"] == {"seen": list(range(STEPS))}
        assert (case["number"], case["taken"]) == (1, STEPS)
    await running.assert_invariants()
