"""Events under flow control as tests see them: sent, waited for, and their runs let go."""

from datetime import datetime

from tests.api import Json, eventually
from tests.e2e.conftest import Stack


async def sent(stack: Stack, *events: Json) -> None:
    """Send them one after the other; each is routed before the next."""
    for event in events:
        await stack.api.send(event)
        await stack.api.routed(event)


async def becomes(stack: Stack, event: Json, definition: str, outcome: str) -> Json:
    """The verdict of one definition about an event, once it is this one."""

    async def look() -> Json | None:
        found = (await stack.api.explain(event))["verdicts"]
        [verdict] = [each for each in found if each["definition_id"] == definition]
        return verdict if verdict["outcome"] == outcome else None

    return await eventually(look, f"{event['id']} is {outcome} for {definition}")


async def finished(stack: Stack, verdict: Json) -> Json:
    return await stack.api.run(str(verdict["run_id"]), "completed")


def ids(run: Json) -> list[str]:
    return [str(each["id"]) for each in run["events"]]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def complete(stack: Stack, verdict: Json) -> None:
    """Do the human task that keeps a run open."""

    async def look() -> str | None:
        tasks = (await stack.api.get(f"/v1/runs/{verdict['run_id']}"))["tasks"]
        return next((str(task["task_id"]) for task in tasks), None)

    task_id = await eventually(look, "the run has its task")
    await stack.api.post(f"/v1/tasks/{task_id}/complete", {"outcome": "done"})
