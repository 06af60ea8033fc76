"""The definition check of tasks: every kind of work, what late words may name, what people get."""

from typing import Any

import pytest

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.connection import Connection
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition_file.check import check_definition
from activity_core.core.definition_file.known import Installation, Known

CONNECTIONS = {
    str(item["id"]): Connection.model_validate(item)
    for item in (
        {"id": "shop", "http": {"base_url": "https://shop.example"}},
        {"id": "ledger", "sql": {"url": "env:A", "write": True}},
        {"id": "archive", "sql": {"url": "env:B"}},
        {"id": "post", "smtp": {"host": "mail.example", "sender": "a@example.com"}},
    )
}
KNOWN = Known(
    connections=CONNECTIONS,
    calendars={"office": Calendar.model_validate({"id": "office", "days": ["2026-12-25"]})},
    installation=Installation(
        plugins={"extract"},
        source_plugins={"customers"},
        queues={"billing-tq", "go-tq"},
        callbacks=False,
    ),
)
HTTP: dict[str, Any] = {"connection": "shop", "url": "/x"}
SQL: dict[str, Any] = {"connection": "ledger", "statement": "select :task_id, :run_id, :n"}
MAIL: dict[str, Any] = {
    "connection": "post",
    "to": ["${event.data.to}"],
    "subject": "${task.title}",
    "text": "${notice}, ${task.due_at}, ${tasks.a.outcome}",
}


def check(*tasks: Any, known: Known | None = KNOWN, rule: Any = None) -> Any:
    definition = ActivityDefinition.model_validate(
        {
            "id": "d",
            "trigger": {"manual": {}},
            "rules": [{"id": "r", "tasks": list(tasks), **(rule or {})}],
        }
    )
    return check_definition(definition, known)


def only(issues: Any) -> Any:
    ((path, message),) = issues
    return ".".join(map(str, path)), message


def test_right_tasks() -> None:
    assert (
        check(
            {
                "id": "a",
                "http": HTTP | {"success": "response.status == 200", "outputs": "response"},
            },
            {"id": "b", "needs": ["a"], "python": {"plugin": "extract", "args": {"x": "${row}"}}},
            {"id": "far", "python": {"plugin": "elsewhere"}, "queue": "billing-tq"},
            {
                "id": "c",
                "needs": ["b"],
                "when": "tasks.a.outputs.n > 1 && size(tasks) > 1",
                "activity": {"type": "Charge", "args": ["${tasks.b.outputs}"]},
                "queue": "go-tq",
                "compensate": {"sql": SQL | {"params": {"n": "tasks.c.outputs.n + row.n"}}},
            },
            {"id": "d-e", "workflow": {"type": "W"}, "queue": "go-tq"},
            {
                "id": "f",
                "needs": ["c", "d-e"],
                "human": {
                    "title": "${tasks['d-e'].outcome}",
                    "not_same_as": "g",
                    "due": {"business_days": 1, "calendar": "office"},
                    "escalate": {"after": "P1D", "to": {"group": "${tasks.a.outputs.group}"}},
                    "notify": [{"mail": MAIL}],
                },
            },
            {"id": "g", "human": {"title": "G"}},
            rule={"for_each": "input.rows", "as": "row"},
        )
        == []
    )


SECOND: dict[str, Any] = {"id": "b", "needs": ["a"]}


@pytest.mark.parametrize(
    ("tasks", "path", "message"),
    [
        ([{"http": HTTP | {"form": {"x": "${evnt}"}}}], "http.form.x", "did you mean event?"),
        (
            [{"http": HTTP | {"success": "respnse.status == 200"}}],
            "http.success",
            "did you mean response?",
        ),
        (
            [{"http": HTTP | {"retry_when": "response.status + 1"}}],
            "http.retry_when",
            "must be true",
        ),
        ([{"http": HTTP | {"outputs": "event.id"}}], "http.outputs", "unknown variable event"),
        ([{"http": HTTP | {"url": "${response}"}}], "http.url", "unknown variable response"),
        (
            [{"http": HTTP | {"callback": {"within": "1h"}, "url": "${callback_url}"}}],
            "http.callback",
            "`callback_key` and `public_url` are not set",
        ),
        (
            [{"http": HTTP | {"url": "${callback_url}"}}],
            "http.url",
            "unknown variable callback_url",
        ),
        ([{"http": HTTP | {"connection": "post"}}], "http.connection", "is no http connection"),
        ([{"sql": SQL}], "sql.statement", "unknown bind parameter :n (known: run_id, task_id)"),
        ([{"http": HTTP, "join": "any_failed"}], "join", "`any_failed` of nothing never comes"),
        (
            [{"workflow": {"type": "W"}, "queue": "go-tq", "timeout": {"heartbeat": "5s"}}],
            "timeout.heartbeat",
            "Temporal has none for child workflows",
        ),
        (
            [{"workflow": {"type": "W"}, "queue": "go-tq", "timeout": {"schedule_to_start": "5s"}}],
            "timeout.schedule_to_start",
            "`schedule_to_close` bounds them",
        ),
        ([{"sql": SQL | {"params": {"n": "evnt"}}}], "sql.params.n", "did you mean event?"),
        (
            [{"sql": SQL | {"params": {"n": "1", "task_id": "2"}}}],
            "sql.params.task_id",
            "is bound already",
        ),
        (
            [{"sql": SQL | {"statement": "select '${event.id}'"}}],
            "sql.statement",
            "is not replaced here",
        ),
        (
            [{"sql": {"connection": "archive", "statement": "select 1"}}],
            "sql.connection",
            "is read-only: it does not say `write: true`",
        ),
        (
            [{"sql": {"connection": "shop", "statement": "select 1"}}],
            "sql.connection",
            "connection shop is no sql connection",
        ),
        (
            [{"mail": MAIL | {"connection": "pots", "subject": "s", "text": "t"}}],
            "mail.connection",
            "no connection pots (did you mean post?)",
        ),
        (
            [{"mail": MAIL | {"subject": "${task.title}", "text": "t"}}],
            "mail.subject",
            "unknown variable task",
        ),
        (
            [{"python": {"plugin": "extrct"}}],
            "python.plugin",
            "no plug-in extrct is installed (did you mean extract?)",
        ),
        ([{"activity": {"type": "T"}}], "activity", "the key `queue` is missing"),
        ([{"workflow": {"type": "T"}}], "workflow", "the key `queue` is missing"),
        (
            [{"activity": {"type": "T", "args": ["${x}"]}, "queue": "go-tq"}],
            "activity.args.0",
            "unknown variable x",
        ),
        (
            [{"http": HTTP, "queue": "biling-tq"}],
            "queue",
            "no task queue biling-tq (did you mean billing-tq?)",
        ),
        ([{"human": {"title": "T"}, "timeout": "5s"}], "timeout", "is for machines"),
        (
            [{"human": {"title": "T", "not_same_as": ["a"]}}],
            "human.not_same_as.0",
            "a is no other human task of this rule (there is none)",
        ),
        (
            [{"human": {"title": "T", "remind": {"business_days": 1, "calendar": "ofice"}}}],
            "human.remind.0.calendar",
            "no calendar ofice (did you mean office?)",
        ),
        (
            [
                {
                    "human": {
                        "title": "T",
                        "escalate": {
                            "after": {"business_days": 1, "calendar": "x"},
                            "to": {"group": "g"},
                        },
                    }
                }
            ],
            "human.escalate.0.after.calendar",
            "no calendar x",
        ),
        (
            [{"human": {"title": "T", "reassign": {"after": "1h", "to": {"user": "${x}"}}}}],
            "human.reassign.0.to.user",
            "unknown variable x",
        ),
        (
            [{"human": {"title": "T", "notify": [{"activity": {"type": "T"}, "queue": "go-tq"}]}}],
            "human.notify.0.activity",
            "work of our own workers",
        ),
        (
            [{"human": {"title": "T", "notify": [{"mail": MAIL | {"text": "${notce}"}}]}}],
            "human.notify.0.mail.text",
            "did you mean notice?",
        ),
        (
            [{"http": HTTP, "compensate": {"http": HTTP | {"connection": "post"}}}],
            "compensate.http.connection",
            "is no http connection",
        ),
        (
            [{"http": HTTP | {"url": "${tasks.a.outputs}"}}],
            "http.url",
            "tasks.a is not among what this task needs",
        ),
    ],
)
def test_mistakes_of_one_task(tasks: Any, path: str, message: str) -> None:
    found, text = only(check({"id": "a", **tasks[0]}))
    assert found == f"rules.0.tasks.0.{path}"
    assert message in text


@pytest.mark.parametrize(
    ("second", "path", "message"),
    [
        (
            SECOND | {"http": HTTP | {"url": "${tasks.aa.outputs}"}},
            "http.url",
            "unknown tasks.aa (did you mean tasks.a?)",
        ),
        (
            SECOND | {"when": "tasks.c.outcome == 'x'", "http": HTTP},
            "when",
            "tasks.c is not among what this task needs: add it to `needs`",
        ),
        (
            SECOND | {"needs": ["c-d"], "when": "tasks['c-dd'].outcome == 'x'", "http": HTTP},
            "when",
            "unknown tasks['c-dd'] (did you mean tasks['c-d']?)",
        ),
        (
            SECOND | {"http": HTTP, "compensate": {"http": HTTP | {"url": "${tasks.c.outputs}"}}},
            "compensate.http.url",
            "tasks.c is not among what this task needs",
        ),
        (SECOND | {"when": "tasks.a.outcome", "http": HTTP}, "", ""),
        (SECOND | {"when": "size(tasks)", "http": HTTP}, "when", "must be true or false, is int"),
    ],
)
def test_what_late_words_may_name(second: Any, path: str, message: str) -> None:
    issues = check(
        {"id": "a", "http": HTTP}, second, {"id": "c", "http": HTTP}, {"id": "c-d", "http": HTTP}
    )
    if not path:
        assert issues == []
        return
    found, text = only(issues)
    assert found == f"rules.0.tasks.1.{path}"
    assert message in text


@pytest.mark.parametrize(("name", "is_taken"), [("tasks", True), ("task", True), ("notce", False)])
def test_an_item_hides_nothing(name: str, is_taken: bool) -> None:  # noqa: FBT001 - a column
    human = {"title": "T", "notify": [{"mail": MAIL | {"subject": "s", "text": "t"}}]}
    issues = check({"id": "a", "human": human}, rule={"for_each": "input.rows", "as": name})
    assert [path for path, _ in issues] == ([("rules", 0, "as")] if is_taken else [])


def test_without_notifications_an_item_may_be_called_task() -> None:
    assert check({"id": "a", "http": HTTP}, rule={"for_each": "input.tasks", "as": "task"}) == []


def test_plugins_of_sources() -> None:
    definition = ActivityDefinition.model_validate(
        {
            "id": "d",
            "trigger": {"manual": {}},
            "context": {"c": {"python": {"plugin": "custmers"}}},
            "rules": [{"id": "r", "tasks": [{"id": "a", "http": HTTP}]}],
        }
    )
    assert only(check_definition(definition, KNOWN)) == (
        "context.c.python.plugin",
        "no plug-in custmers is installed (did you mean customers?)",
    )


def test_what_is_not_known_here_is_not_checked() -> None:
    tasks: list[Any] = [
        {"id": "a", "http": HTTP | {"connection": "x", "callback": {"within": "1h"}}},
        {"id": "b", "python": {"plugin": "x"}},
        {"id": "c", "activity": {"type": "x"}, "queue": "x"},
        {"id": "d", "human": {"title": "T", "due": {"business_days": 1, "calendar": "x"}}},
    ]
    assert check(*tasks, known=None) == []
    assert len(check(*tasks)) == 5
    assert len(check(*tasks, known=Known())) == 2
