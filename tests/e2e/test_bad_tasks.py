"""Tasks that cannot be: refused where they are written, or failed with a type that says why."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from tests.api import Json, cloudevent
from tests.e2e.conftest import Stack
from tests.e2e.stories import by_spec

GOOD = """
id: bad-task
trigger: {manual: {}}
rules:
  - id: all
    tasks:
      - id: it
        WORK
"""
UNREADABLE = {
    "htp: {url: http://x}": "htp: unknown key `htp`; did you mean `http`?",
    "needs: [that]\n        human: {title: T}": "task `it` needs `that`",
    "emit: {type: activity-core.run.started.v1}": "types beginning with `activity-core.`",
}
WRONG = {
    "activity: {type: A}": "activity: the key `queue` is missing",
    "human: {title: T, not_same_as: other}": "other is no other human task of this rule",
    "when: tasks.that.status == 'x'\n        human: {title: T}": "unknown tasks.that",
}
UNKNOWN = {
    "python: {plugin: boook}": "plugin: no plug-in boook is installed (did you mean book?)",
    "queue: abandonned\n        activity: {type: A}": (
        "queue: no task queue abandonned (did you mean abandoned?)"
    ),
    "http: {connection: nowhere, url: /}": "connection: no connection nowhere",
    "mail: {connection: nowhere, to: [a@b.c], subject: s, text: t}": (
        "connection: no connection nowhere"
    ),
    "sql: {connection: nowhere, statement: select 1}": "connection: no connection nowhere",
    "human: {title: T, due: {business_days: 1, calendar: never}}": "no calendar never",
}
"""Only the installation knows what it has."""
FAILING = """
id: failing-task
trigger: {event: {type: failing.asked}}
rules:
  - id: all
    tasks:
      - id: object
        python: {plugin: odd, args: {answer: object}}
      - id: long
        python: {plugin: odd, args: {answer: long}}
      - id: nan
        python: {plugin: odd, args: {answer: nan}}
      - id: raising
        python: {plugin: odd, args: {answer: other}}
        retry: {max_attempts: 3, backoff: 100ms, non_retryable: [KeyError]}
      - id: unfit
        python: {plugin: odd, args: {answer: 5}}
      - id: lost
        queue: abandoned
        activity: {type: Quote}
        timeout: {schedule_to_start: 1s}
      - id: slow
        python: {plugin: endless}
        timeout: 1s
        retry: {max_attempts: 1}
"""


@pytest.mark.parametrize("refused", [UNREADABLE, WRONG, UNKNOWN])
async def test_what_cannot_be_is_refused_with_its_place(
    stack: Stack, tmp_path: Path, refused: dict[str, str]
):
    for number, work in enumerate(refused):
        text = GOOD.replace("WORK", work).replace("bad-task", f"bad-task-{number}")
        (tmp_path / f"{number:02}.yaml").write_text(text)
    done = await stack.cli("apply", str(tmp_path))
    assert done.code == 1
    lines = [line for line in done.err.splitlines() if line.startswith(str(tmp_path))]
    assert len(lines) == len(refused), done.err
    for number, (line, message) in enumerate(zip(lines, refused.values(), strict=True)):
        assert re.match(rf"{tmp_path}/{number:02}\.yaml:[789]:\d+: rules\[0\]\.tasks", line), line
        assert message in line
    assert (await stack.api.http.get("/v1/definitions/bad-task-0")).status_code == 404


@pytest.fixture(scope="module")
async def failed(stack: Stack) -> dict[str, Json]:
    """Tasks that fail, each in its own way, by id."""
    await stack.api.apply(FAILING)
    event = cloudevent("failing.asked", "failing")
    await stack.api.send(event)
    return by_spec(await stack.api.run_of(event, "failed"))


@pytest.mark.parametrize(
    ("name", "type_", "words"),
    [
        ("object", "unserialisable", "object"),
        ("long", "too_large", "1048576"),
        ("nan", "unserialisable", "float values"),
        ("raising", "KeyError", "KeyError: 'other'"),
        ("unfit", "invalid_input", "args.answer"),
        ("lost", "schedule_to_start", "task queue abandoned within 1 s"),
        ("slow", "timeout", "no answer within 1 s"),
    ],
)
async def test_a_failure_has_a_type(failed: dict[str, Json], name: str, type_: str, words: str):
    task = failed[name]
    assert (task["status"], task["error_type"]) == ("failed", type_), task["error"]
    assert words in task["error"]
    assert task["attempts"] == 1


async def test_of_two_completions_at_once_one_counts(stack: Stack):
    await stack.api.apply(GOOD.replace("WORK", "human: {title: T, wait: true}"))
    asked = await stack.api.post("/v1/definitions/bad-task/trigger", {})
    run = await stack.api.held(str(asked["run_id"]))
    path = f"/v1/tasks/{by_spec(run)['it']['task_id']}/complete"
    bodies: list[dict[str, Any]] = [{"outcome": "yes", "data": n % 2} for n in range(6)]
    answers = await asyncio.gather(*(stack.api.http.post(path, json=body) for body in bodies))
    kept = (await stack.api.run(str(run["run_id"]), "completed"))["tasks"][0]["outputs"]
    for body, answer in zip(bodies, answers, strict=True):
        assert answer.status_code == (200 if body["data"] == kept else 409), answer.text
