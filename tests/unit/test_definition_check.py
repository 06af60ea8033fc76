"""The definition check: each mistake with its place, and nothing about what is right."""

from typing import Any

import pytest

from activity_core.core.definition.connection import Connection
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition_file.check import check_definition
from activity_core.core.definition_file.known import Known

CONNECTIONS = {
    "billing": Connection.model_validate({"id": "billing", "sql": {"url": "env:URL"}}),
    "crm": Connection.model_validate({"id": "crm", "http": {"base_url": "https://crm.example"}}),
}
KNOWN = Known(connections=CONNECTIONS, config={"mail_url", "team"})
CONTROLS: dict[str, dict[str, Any]] = {
    "batch": {"max_wait": "1s"},
    "debounce": {"quiet": "1s"},
    "throttle": {"limit": 1, "per": "1s"},
    "order": {},
    "concurrency": {},
}
HUMAN = {"id": "t", "human": {"title": "T"}}


def check(trigger: Any = None, context: Any = None, **rule: Any) -> Any:
    definition = ActivityDefinition.model_validate(
        {
            "id": "d",
            "trigger": trigger or {"manual": {}},
            "context": context or {},
            "rules": [{"id": "r", "tasks": [HUMAN], **rule}],
        }
    )
    return check_definition(definition, KNOWN)


def only(issues: Any) -> Any:
    ((path, message),) = issues
    return ".".join(map(str, path)), message


def test_a_right_definition() -> None:
    assert (
        check(
            {
                "event": {
                    "type": "order.*",
                    "filter": "event.data.n > 1",
                    "dedupe_key": "event.id",
                    "batch": {"max_wait": "1s", "key": "[event.subject, event.data.n]"},
                    "order": {"key": "event.source"},
                }
            },
            {
                "all": {"event": "events.map(e, e.id)"},
                "lines": {"event": "event.data.lines.filter(l, l.n > 1)"},
                "team": {"config": "team"},
                "invoices": {
                    "sql": {
                        "connection": "billing",
                        "query": "select a::text, ':no' from i where due < :slot and b = :customer",
                        "params": {"customer": "event.data.customer + config.team + run.id"},
                    }
                },
                "account": {
                    "http": {"connection": "crm", "url": "/a/${event.data.id}", "json": "${input}"}
                },
            },
            for_each="context.invoices",
            **{"as": "invoice"},
            when="invoice.n > 1 && 'context.nope' != '' && event.data.context.nope == 1",
            tasks=[
                {
                    "id": "t",
                    "when": "has(invoice.x)",
                    "http": {"connection": "crm", "url": "${config.mail_url}/${context.team}"},
                },
                HUMAN | {"id": "u"},
            ],
        )
        == []
    )


@pytest.mark.parametrize(
    ("arguments", "path", "message"),
    [
        (
            {"trigger": {"event": {"type": "*", "filter": "evnt.data > 1"}}},
            "trigger.event.filter",
            "did you mean event?",
        ),
        (
            {"trigger": {"event": {"type": "*", "filter": "context.a > 1"}}},
            "trigger.event.filter",
            "unknown variable context",
        ),
        (
            {"trigger": {"event": {"type": "*", "filter": "size(event.data)"}}},
            "trigger.event.filter",
            "must be true or false, is int",
        ),
        (
            {"trigger": {"event": {"type": "*", "dedupe_key": "event."}}},
            "trigger.event.dedupe_key",
            "Syntax error",
        ),
        *(
            (
                {"trigger": {"event": {"type": "*", name: {**control, "key": "evnt.subject"}}}},
                f"trigger.event.{name}.key",
                "unknown variable evnt (at 1:1) (did you mean event?)",
            )
            for name, control in CONTROLS.items()
        ),
        *(
            ({"trigger": {"composite": composite | {"within": "1s"}}}, path, message)
            for composite, path, message in (
                (
                    {"all_of": [{"type": "a"}, {"type": "b", "filter": "size(event.data)"}]},
                    "trigger.composite.all_of.1.filter",
                    "must be true or false, is int",
                ),
                (
                    {"any_of": [{"type": "a", "filter": "config.x"}, {"type": "b"}]},
                    "trigger.composite.any_of.0.filter",
                    "unknown variable config (at 1:1) (known: event)",
                ),
                (
                    {"sequence": [{"type": "a"}, {"type": "b", "filter": "events[0].id == ''"}]},
                    "trigger.composite.sequence.1.filter",
                    "unknown variable events (at 1:1) (did you mean event?)",
                ),
                (
                    {"count": {"type": "a", "at_least": 2, "filter": "event."}},
                    "trigger.composite.count.filter",
                    "Syntax error",
                ),
                (
                    {"absent": {"type": "a", "filter": "evnt", "after": {"type": "b"}}},
                    "trigger.composite.absent.filter",
                    "did you mean event?",
                ),
                (
                    {"absent": {"type": "a", "after": {"type": "b", "filter": "after.id == ''"}}},
                    "trigger.composite.absent.after.filter",
                    "unknown variable after (at 1:1) (known: event)",
                ),
                (
                    {"absent": {"type": "a"}, "key": "context.x"},
                    "trigger.composite.key",
                    "unknown variable context",
                ),
            )
        ),
        ({"context": {"a": {"event": "context.b"}}}, "context.a.event", "unknown variable context"),
        ({"context": {"a": {"config": "tem"}}}, "context.a.config", "did you mean team?"),
        (
            {"context": {"a": {"sql": {"connection": "crm", "query": "select 1"}}}},
            "context.a.sql.connection",
            "connection crm is no sql connection",
        ),
        (
            {"context": {"a": {"sql": {"connection": "biling", "query": "select 1"}}}},
            "context.a.sql.connection",
            "did you mean billing?",
        ),
        (
            {"context": {"a": {"sql": {"connection": "billing", "query": "select :slt"}}}},
            "context.a.sql.query",
            "unknown bind parameter :slt (did you mean slot?)",
        ),
        (
            {
                "context": {
                    "a": {
                        "sql": {
                            "connection": "billing",
                            "query": "select :p",
                            "params": {"p": "evnt"},
                        }
                    }
                }
            },
            "context.a.sql.params.p",
            "did you mean event?",
        ),
        (
            {"context": {"a": {"http": {"url": "${x}", "headers": {}}}}},
            "context.a.http.url",
            "unknown variable x",
        ),
        (
            {"context": {"a": {"http": {"url": "u", "headers": {"H": "${slt}"}}}}},
            "context.a.http.headers.H",
            "did you mean slot?",
        ),
        (
            {"context": {"a": {"python": {"plugin": "p", "args": {"x": ["${y}"]}}}}},
            "context.a.python.args.x.0",
            "unknown variable y",
        ),
        ({"for_each": "1 + 1", "as": "n"}, "rules.0.for_each", "must be a list, is int"),
        (
            {"context": {"invoices": {"static": []}}, "for_each": "context.invoice", "as": "n"},
            "rules.0.for_each",
            "unknown context.invoice (did you mean invoices?)",
        ),
        ({"when": "item.n > 1"}, "rules.0.when", "unknown variable item"),
        (
            {"when": "tasks.t.outcome == ''"},
            "rules.0.when",
            "outputs of earlier tasks are not known yet",
        ),
        ({"when": "config.teem == ''"}, "rules.0.when", "unknown config.teem (did you mean team?)"),
        ({"when": "run.foo == ''"}, "rules.0.when", "unknown run.foo"),
        ({"tasks": [HUMAN | {"when": "1"}]}, "rules.0.tasks.0.when", "must be true or false"),
        (
            {"tasks": [{"id": "t", "human": {"title": "Call ${tasks.a.ok}"}}]},
            "rules.0.tasks.0.human.title",
            "unknown tasks.a (it needs no task)",
        ),
        (
            {"tasks": [{"id": "t", "human": {"title": "Call ${event.id"}}]},
            "rules.0.tasks.0",
            "human.title: a `${` at character 6 is never closed",
        ),
        (
            {"tasks": [{"id": "t", "emit": {"type": "t", "data": {"a": [1, "${b}"]}}}]},
            "rules.0.tasks.0.emit.data.a.1",
            "unknown variable b",
        ),
        (
            {"tasks": [{"id": "t", "http": {"connection": "billing", "url": "/"}}]},
            "rules.0.tasks.0.http.connection",
            "connection billing is no http connection",
        ),
        (
            {"tasks": [{"id": "t", "human": {"title": "t", "assign": {"groups": ["${g}"]}}}]},
            "rules.0.tasks.0.human.assign.groups.0",
            "unknown variable g",
        ),
    ],
)
def test_mistakes(arguments: Any, path: Any, message: Any) -> None:
    found, text = only(check(**arguments))
    assert found == path
    assert message in text


def test_every_mistake_is_reported() -> None:
    issues = check(context={"a": {"event": "x"}}, when="y", tasks=[HUMAN | {"when": "z"}])
    assert len(issues) == 3


def test_what_is_not_known_here_is_not_checked() -> None:
    definition = ActivityDefinition.model_validate(
        {
            "id": "d",
            "trigger": {"manual": {}},
            "context": {
                "a": {"sql": {"connection": "nowhere", "query": "select 1"}},
                "b": {"config": "nothing"},
            },
            "rules": [{"id": "r", "when": "config.nothing == 1", "tasks": [HUMAN]}],
        }
    )
    assert check_definition(definition) == []
    assert len(check_definition(definition, Known())) == 3
