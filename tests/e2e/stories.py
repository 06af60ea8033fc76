"""What tests of tasks share: the examples as users read them, and tasks by the ids of templates."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.api import Json
from tests.e2e.conftest import Stack

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str, *replaced: tuple[str, str]) -> str:
    """The text of an example; what is replaced must be in it."""
    text = (EXAMPLES / name).read_text()
    for old, new in replaced:
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    return text


def by_spec(run: Json) -> dict[str, Json]:
    """The tasks of a run that has one match per rule, by the ids of their templates."""
    return {str(task["spec_id"]): task for task in run["tasks"]}


def statuses(run: Json) -> dict[str, str]:
    """How they stand."""
    return {spec_id: str(task["status"]) for spec_id, task in by_spec(run).items()}


@asynccontextmanager
async def retiring(stack: Stack, *definitions: str) -> AsyncIterator[None]:
    """Examples listen to types that other tests may send: they are retired afterwards."""
    yield
    for definition in definitions:
        answer = await stack.api.http.delete(f"/v1/definitions/{definition}")
        assert answer.is_success, answer.text
