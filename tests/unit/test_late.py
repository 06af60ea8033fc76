"""Late tasks: without words when rules are decided, rendered of what other tasks came to."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.duration import parse_duration
from activity_core.core.errors import ExpressionError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.jsontext import JsonValue, parse_json
from activity_core.core.rules.context import recorded_values, take_snapshot
from activity_core.core.rules.decide import decide
from activity_core.core.rules.late import (
    MAX_INPUT_BYTES,
    LateWords,
    is_late,
    origin_of,
    render_late,
)
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.rules.task_facts import task_seen, tasks_seen
from activity_core.core.rules.task_spec import TaskKind, TaskRole
from activity_core.core.run.errors import LimitExceededError
from activity_core.core.run.task import TaskClock, TaskInstance, TaskResult, TaskStatus

RUN = "run-0123"
EVENT = EventEnvelope(
    id="1", source="/s", type="order.placed", data={"rows": [1, 2.0, "x"], "n": 7}
)
OCCURRENCE = Occurrence("e.1", TriggerKind.EVENT, event=EVENT, events=(EVENT,))
HTTP = {"url": "/x"}


def definition(*tasks: Any, rule: Any = None, **more: Any) -> ActivityDefinition:
    return ActivityDefinition.model_validate(
        {
            "id": "d",
            "trigger": {"event": {"type": "*"}},
            "rules": [{"id": "r", "tasks": list(tasks), **(rule or {})}],
            **more,
        }
    )


def decided(of: ActivityDefinition, context: Any = None, **more: Any) -> Any:
    return decide(of, OCCURRENCE, RUN, context or {}, {"base": "b"}, **more).tasks


def values(tasks: Mapping[str, Any] | None = None, context: Any = None, **more: Any) -> Any:
    about_run: dict[str, JsonValue] = {"id": RUN, "definition_id": "d", "version": 3}
    snapshot = take_snapshot(OCCURRENCE, about_run, {"base": "b"}, context or {})
    recorded: Any = parse_json(snapshot.body)
    return {**recorded_values(OCCURRENCE, recorded), "tasks": dict(tasks or {}), **more}


def rendered(of: ActivityDefinition, spec_id: str, item: int = 0, **more: Any) -> LateWords | None:
    return render_late(of, origin_of(of, "r", spec_id), item, values(**more))


def instance(spec_id: str, result: TaskResult | None = None, **more: Any) -> TaskInstance:
    fields: dict[str, Any] = {
        "task_id": f"task-{spec_id}",
        "run_id": RUN,
        "definition_id": "d",
        "version": 1,
        "rule": "r",
        "spec_id": spec_id,
        "item": 0,
        "kind": TaskKind.HTTP,
        "title": spec_id,
        "status": result.status if result else TaskStatus.RUNNING,
        "inputs": {},
        "result": result,
    }
    return TaskInstance(**(fields | more))


# -- at decision time -----------------------------------------------------------------------------


def test_what_sees_other_tasks_waits_for_its_words() -> None:
    first, second, third = decided(
        definition(
            {"id": "a", "title": "First ${event.id}", "http": HTTP},
            {"id": "b", "needs": ["a"], "title": "T", "http": {"url": "/${tasks.a.outputs.id}"}},
            {"id": "c", "needs": ["b"], "when": "tasks.b.outcome == 'done'", "http": HTTP},
        )
    )
    assert (first.late, first.title) == (False, "First 1")
    assert (second.late, second.inputs, second.title) == (True, {}, "b")
    assert (third.late, third.needs) == (True, (second.task_id,))


def test_a_late_human_task_is_nobodys_until_then() -> None:
    (_, late) = decided(
        definition(
            {"id": "a", "http": HTTP},
            {
                "id": "b",
                "needs": ["a"],
                "human": {
                    "title": "T",
                    "assign": {"user": "${tasks.a.outputs.who}", "group": "g"},
                    "wait": True,
                },
            },
        )
    )
    assert late.late
    assert (late.assignee, late.groups, late.wait, late.kind) == (None, (), True, TaskKind.HUMAN)
    assert late.human is not None


def test_a_condition_without_tasks_is_decided_at_once() -> None:
    specs = decided(
        definition(
            {"id": "a", "http": HTTP},
            {"id": "b", "needs": ["a"], "when": "false", "http": {"url": "${tasks.a.status}"}},
        )
    )
    assert [spec.spec_id for spec in specs] == ["a"]


def test_a_variable_of_the_rules_own_called_tasks_is_none() -> None:
    template = definition({"id": "a", "http": {"url": "${context.tasks.map(tasks, tasks)}"}})
    assert not is_late(template.rules[0].tasks[0])


def test_params_of_sql_make_it_late_and_statements_do_not() -> None:
    sql = {"connection": "c", "statement": "select 'tasks.a'", "params": {"p": "tasks.a.status"}}
    of = definition({"id": "a", "http": HTTP}, {"id": "b", "needs": ["a"], "sql": sql})
    assert is_late(of.rules[0].tasks[1])
    del sql["params"]
    of = definition({"id": "a", "http": HTTP}, {"id": "b", "needs": ["a"], "sql": sql})
    assert not is_late(of.rules[0].tasks[1])


# -- when the turn has come -----------------------------------------------------------------------


def test_words_of_what_others_came_to() -> None:
    of = definition(
        {"id": "extract", "http": HTTP},
        {
            "id": "load",
            "needs": ["extract"],
            "title": "Load ${size(tasks.extract.outputs.rows)} of ${event.data.n}",
            "python": {"plugin": "p", "args": {"rows": "${tasks.extract.outputs.rows}"}},
        },
    )
    words = rendered(of, "load", tasks={"extract": {"outputs": {"rows": [1, 2]}}})
    assert words == LateWords("Load 2 of 7", {"plugin": "p", "args": {"rows": [1, 2]}})


def test_a_condition_that_does_not_hold_then() -> None:
    of = definition(
        {"id": "a", "http": HTTP},
        {"id": "b", "needs": ["a"], "when": "tasks.a.outputs.n > 0", "emit": {"type": "t"}},
    )
    assert rendered(of, "b", tasks={"a": {"outputs": {"n": 0}}}) is None
    assert rendered(of, "b", tasks={"a": {"outputs": {"n": 1}}}) is not None


def test_the_item_is_that_of_the_loop() -> None:
    of = definition(
        {"id": "a", "http": HTTP},
        {"id": "b", "needs": ["a"], "emit": {"type": "t", "data": "${[row, tasks.a.outputs]}"}},
        rule={"for_each": "event.data.rows", "as": "row"},
    )
    words = rendered(of, "b", 2, tasks={"a": {"outputs": 5}})
    assert words is not None
    assert words.inputs["data"] == ["x", 5]
    with pytest.raises(ExpressionError, match="no item 3"):
        rendered(of, "b", 3, tasks={"a": {"outputs": 5}})


def test_compensations_see_what_they_undo() -> None:
    of = definition(
        {
            "id": "pay",
            "http": HTTP,
            "compensate": {"http": {"url": "/${tasks.pay.outputs.id}/refund"}},
        }
    )
    origin = origin_of(of, "r", "pay/compensate")
    assert origin.visible == {"pay"}
    assert origin_of(of, "r", "pay").visible == frozenset()
    words = rendered(of, "pay/compensate", tasks={"pay": {"outputs": {"id": "p1"}}})
    assert words is not None
    assert (words.inputs["url"], words.title) == ("/p1/refund", "pay")


def test_notifications_see_the_task_and_the_notice() -> None:
    mail = {
        "connection": "m",
        "to": ["${task.assignee}"],
        "subject": "${notice}: ${task.title}",
        "text": "${context.who}, due ${task.due_at}",
    }
    of = definition({"id": "h", "human": {"title": "H", "notify": [{"mail": mail}]}})
    due = datetime(2026, 11, 22, tzinfo=UTC)
    human = instance(
        "h", kind=TaskKind.HUMAN, title="Call", assignee="ann", clock=TaskClock(due_at=due)
    )
    words = rendered(
        of,
        "h/notify/0/reminded-2",
        context={"who": "Bo"},
        task=task_seen(human),
        notice=origin_of(of, "r", "h/notify/0/reminded-2").notice,
    )
    assert words is not None
    assert words.inputs == {
        "connection": "m",
        "to": ["ann"],
        "subject": "reminded: Call",
        "text": "Bo, due 2026-11-22T00:00:00Z",
    }


@pytest.mark.parametrize(
    "spec_id", ["nope", "a/compensate", "a/notify/0/created-0", "a/b", "h/notify/1/created-0"]
)
def test_what_the_definition_does_not_have(spec_id: str) -> None:
    mail = {"connection": "m", "to": ["x"], "subject": "s", "text": "t"}
    of = definition(
        {"id": "a", "http": HTTP}, {"id": "h", "human": {"title": "H", "notify": [{"mail": mail}]}}
    )
    with pytest.raises(KeyError):
        origin_of(of, "r", spec_id)


def test_the_address_of_a_callback_stays_in_place() -> None:
    http = {"url": "/x", "json": {"to": "${callback_url + '?a'}"}, "callback": {"within": "1h"}}
    of = definition(
        {"id": "a", "http": http},
        {"id": "b", "needs": ["a"], "http": http | {"url": "/${tasks.a.outcome}"}},
    )
    first, _ = decided(of)
    assert first.inputs["json"] == {"to": "${callback_url}?a"}
    assert parse_duration(first.inputs["callback"]["within"]) == timedelta(hours=1)
    words = rendered(of, "b", tasks={"a": {"outcome": "done"}})
    assert words is not None
    assert (words.inputs["url"], words.inputs["json"]) == ("/done", {"to": "${callback_url}?a"})


def test_an_error_names_rule_task_and_place() -> None:
    of = definition(
        {"id": "a", "http": HTTP, "compensate": {"http": {"url": "${tasks.a.outputs.id}"}}},
        {"id": "b", "needs": ["a"], "http": {"url": "${tasks.a.outputs.id}"}},
    )
    with pytest.raises(ExpressionError, match=r"^rule r, task b\.http\.url: "):
        rendered(of, "b", tasks={"a": {"outputs": {}}})
    with pytest.raises(ExpressionError, match=r"^rule r, task a\.compensate\.http\.url: "):
        rendered(of, "a/compensate", tasks={"a": {"outputs": {}}})


def test_inputs_are_bounded_and_free_of_nul() -> None:
    of = definition(
        {"id": "a", "http": HTTP},
        {"id": "b", "needs": ["a"], "emit": {"type": "t", "data": "${tasks.a.outputs}"}},
    )
    words = rendered(of, "b", tasks={"a": {"outputs": "x\x00y"}})
    assert words is not None
    assert words.inputs["data"] == "x\ufffdy"
    with pytest.raises(LimitExceededError, match="over the limit of 2097152"):
        rendered(of, "b", tasks={"a": {"outputs": "x" * MAX_INPUT_BYTES}})


# -- what there is to see -------------------------------------------------------------------------


def test_tasks_are_those_that_it_needs_even_if_never_made() -> None:
    done = TaskResult(TaskStatus.COMPLETED, "done", {"n": 1})
    failed = TaskResult(TaskStatus.FAILED, "failed", error="boom")
    group = [
        instance("a", done),
        instance("b", failed),
        instance("c"),
        instance("secret", done),
        instance("a", failed, task_id="x", role=TaskRole.COMPENSATION),
    ]
    assert tasks_seen({"a", "b", "c", "d"}, group) == {
        "a": {"status": "completed", "outcome": "done", "outputs": {"n": 1}, "error": ""},
        "b": {"status": "failed", "outcome": "failed", "outputs": None, "error": "boom"},
        "c": {"status": "running", "outcome": "", "outputs": None, "error": ""},
        "d": {"status": "skipped", "outcome": "not_wanted", "outputs": None, "error": ""},
    }


def test_needs_are_seen_through_others() -> None:
    of = definition(
        {"id": "a", "http": HTTP},
        {"id": "b", "needs": ["a"], "http": HTTP},
        {"id": "c", "needs": ["b"], "http": HTTP},
    )
    assert origin_of(of, "r", "c").visible == {"a", "b"}


def test_rules_of_ongoing_definitions_see_state_and_timer() -> None:
    of = definition(
        {"id": "a", "emit": {"type": "t", "data": "${[state, timer]}"}},
        lifecycle="ongoing",
        correlation="event.subject",
        state={"initial": {"n": 0}},
    )
    assert decided(of)[0].inputs["data"] == [{"n": 0}, ""]
    case: Any = {"state": {"n": 1}, "timer": "late"}
    assert decided(of, case=case)[0].inputs["data"] == [{"n": 1}, "late"]
    snapshot = take_snapshot(OCCURRENCE, {"id": RUN, "definition_id": "d"}, {}, {}, case=case)
    seen = recorded_values(OCCURRENCE, snapshot.document)
    assert (seen["state"], seen["timer"]) == ({"n": 1}, "late")


# -- what is not late -----------------------------------------------------------------------------

texts = st.sampled_from(
    [
        "plain",
        "${row}",
        "${row.n}",
        "${context.rows.size()} rows",
        "${config.base}/${event.data.n}",
        "${run.id} $${x} ${slot}",
        "${[row, input, events.size()]}",
    ]
)
words_of_kinds = st.one_of(
    st.builds(
        lambda url, json, header: {"http": {"url": url, "json": json, "headers": {"h": header}}},
        texts,
        st.dictionaries(st.sampled_from("ab"), texts),
        texts,
    ),
    st.builds(lambda a, b: {"http": {"url": a, "form": {"f": b}}}, texts, texts),
    st.builds(lambda a: {"python": {"plugin": "p", "args": {"a": [a, 1]}}}, texts),
    st.builds(lambda a, b: {"activity": {"type": "T", "args": [a, b]}, "queue": "q"}, texts, texts),
    st.builds(lambda a: {"workflow": {"type": "T", "args": [{"a": a}]}, "queue": "q"}, texts),
    st.builds(
        lambda a: {"sql": {"connection": "c", "statement": "s", "params": {"p": a, "q": "1 + 1"}}},
        st.sampled_from(["row", "context.rows", "event.data.n + 1", "{'a': row}"]),
    ),
    st.builds(lambda a, b: {"emit": {"type": "t", "subject": a, "data": b}}, texts, texts),
    st.builds(
        lambda a, b, c: {"mail": {"connection": "m", "to": [a], "subject": b, "text": c}},
        texts,
        texts,
        texts,
    ),
    st.builds(
        lambda a, b: {
            "human": {
                "title": a,
                "description": b,
                "assign": {"groups": [a, "g"]},
                "outcomes": ["ok"],
                "escalate": {"after": "1h", "to": {"user": b}},
            }
        },
        texts,
        texts,
    ),
)
rows = st.lists(
    st.fixed_dictionaries({"n": st.one_of(st.integers(-9, 9), st.text(max_size=3))}),
    min_size=1,
    max_size=4,
)


@given(words_of_kinds, st.one_of(st.none(), texts.filter(lambda text: "row}" not in text)), rows)
def test_what_is_not_late_says_the_same_then_as_now(words: Any, title: Any, items: Any) -> None:
    template = {"id": "t", **words, **({"title": title} if title else {})}
    of = definition(template, rule={"for_each": "context.rows", "as": "row"})
    context = {"rows": items}
    specs = decided(of, context)
    assert len(specs) == len(items)
    for spec in specs:
        assert not spec.late
        late = rendered(of, "t", spec.item, context=context)
        assert late == LateWords(spec.title, spec.inputs, spec.assignee, spec.groups)
