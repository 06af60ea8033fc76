"""Rules: which tasks follow, and that the same input always gives the same ones."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core import ids
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.human_task import Deadline
from activity_core.core.errors import ExpressionError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.jsontext import canonical_json, parse_json
from activity_core.core.rules.decide import RuleTrace, decide
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.errors import LimitExceededError
from activity_core.core.run.progress import Patience

RUN = "run-0123"
MANUAL = Occurrence("m.1", TriggerKind.MANUAL)


def definition(*rules: Any, **more: Any) -> Any:
    return ActivityDefinition.model_validate(
        {"id": "d", "trigger": {"manual": {}}, "rules": list(rules), **more}
    )


def human(id_: Any = "call", title: Any = "Call", **more: Any) -> Any:
    return {"id": id_, "human": {"title": title, **more.pop("human", {})}, **more}


def tasks_of(
    rule: Any, context: Any = None, config: Any = None, occurrence: Any = MANUAL, **limits: Any
) -> Any:
    return decide(definition(rule), occurrence, RUN, context or {}, config or {}, **limits).tasks


CHASE: dict[str, Any] = {
    "id": "overdue",
    "for_each": "context.invoices",
    "as": "invoice",
    "when": "invoice.days_overdue > 14",
    "tasks": [
        {
            "id": "remind",
            "http": {
                "url": "${config.mail_url}/send",
                "headers": {"X-Days": "${invoice.days_overdue}"},
                "json": {"to": "${invoice.email}", "days": "${invoice.days_overdue}"},
            },
            "retry": {"max_attempts": 5, "backoff": "2s..5m"},
            "queue": "billing-tq",
            "timeout": "10s",
        },
        {
            "id": "call",
            "needs": ["remind"],
            "when": "invoice.amount > 10000",
            "human": {
                "title": "Call ${invoice.customer}",
                "assign": {"group": "collections"},
                "form": {"type": "object", "properties": {"note": {"title": "${x}"}}},
                "due": "P2D",
            },
        },
    ],
}
INVOICES: list[Any] = [
    {"days_overdue": 20, "email": "a@x.example", "amount": 20000, "customer": "Ann"},
    {"days_overdue": 14, "email": "b@x.example", "amount": 20000, "customer": "Bo"},
    {"days_overdue": 15.5, "email": "c@x.example", "amount": 10000.0, "customer": "Cy"},
]


def test_a_loop_with_conditions_and_needs() -> None:
    decided = decide(
        definition(CHASE), MANUAL, RUN, {"invoices": INVOICES}, {"mail_url": "https://m.example"}
    )
    assert decided.rules == (RuleTrace("overdue", evaluated=3, matched=2, tasks=3),)
    remind, call, other = decided.tasks
    assert (remind.spec_id, remind.item, remind.kind) == ("remind", 0, TaskKind.HTTP)
    assert remind.inputs == {
        "connection": None,
        "method": "POST",
        "url": "https://m.example/send",
        "headers": {"X-Days": "20"},
        "json": {"to": "a@x.example", "days": 20},
        "form": None,
        "success": None,
        "retry_when": None,
        "outputs": None,
        "callback": None,
    }
    assert remind.patience == Patience(5, 2.0, 300.0, 10.0, schedule_to_start=3_600.0)
    assert (remind.queue, remind.needs) == ("billing-tq", ())
    assert (call.title, call.groups, call.assignee) == ("Call Ann", ("collections",), None)
    assert call.needs == (remind.task_id,)
    assert call.human is not None
    assert call.human.due == Deadline(after=timedelta(days=2))
    assert call.wait is False
    assert call.inputs["form"] == CHASE["tasks"][1]["human"]["form"]
    assert (other.spec_id, other.item, other.title) == ("remind", 2, "remind")
    assert remind.task_id == ids.task_id(RUN, "overdue", "remind", 0)


def test_a_rule_without_loop_sees_the_event() -> None:
    event = EventEnvelope(id="7", source="/shop", type="order.created", data={"n": 3})
    (task,) = tasks_of(
        {
            "id": "r",
            "when": "event.data.n > 2 && slot == '' && run.id == 'run-0123'",
            "tasks": [
                {
                    "id": "tell",
                    "title": "Tell ${event.source}",
                    "emit": {"type": "order.seen", "subject": "${event.id}", "data": "${event}"},
                }
            ],
        },
        occurrence=Occurrence("e.7", TriggerKind.EVENT, event=event),
    )
    assert (task.kind, task.title, task.item) == (TaskKind.EMIT, "Tell /shop", 0)
    assert task.inputs["subject"] == "7"
    assert task.inputs["data"] == event.for_conditions()


def test_a_rule_that_does_not_hold() -> None:
    decided = decide(
        definition({"id": "r", "when": "false", "tasks": [human()]}), MANUAL, RUN, {}, {}
    )
    assert decided.tasks == ()
    assert decided.rules == (RuleTrace("r", 1, 0, 0),)


def test_python_and_manual_input() -> None:
    (task,) = tasks_of(
        {
            "id": "r",
            "tasks": [{"id": "p", "python": {"plugin": "x:y", "args": {"n": "${input.n}"}}}],
        },
        occurrence=Occurrence("m.1", TriggerKind.MANUAL, input={"n": [1, None]}),
    )
    assert task.inputs == {"plugin": "x:y", "args": {"n": [1, None]}}


@pytest.mark.parametrize(
    ("spawn", "expected"),
    [
        ({"a": True, "b": True}, {"b": ["a"], "c": ["b"]}),
        ({"a": False, "b": True}, {"b": [], "c": ["b"]}),
        ({"a": True, "b": False}, {"c": ["a"]}),
        ({"a": False, "b": False}, {"c": []}),
    ],
)
def test_a_need_that_makes_no_task_is_satisfied_once_its_own_needs_are(
    spawn: Any, expected: Any
) -> None:
    specs = tasks_of(
        {
            "id": "r",
            "tasks": [
                human("c", needs=["b"]),
                human("b", needs=["a"], when="context.spawn.b"),
                human("a", when="context.spawn.a"),
            ],
        },
        {"spawn": spawn},
    )
    needs = {spec.spec_id: list(spec.needs) for spec in specs}
    for spec_id, names in expected.items():
        assert needs[spec_id] == [ids.task_id(RUN, "r", name, 0) for name in names]


def test_only_the_own_items_condition_counts() -> None:
    specs = tasks_of(
        {
            "id": "r",
            "for_each": "[1, 2, 3]",
            "as": "n",
            "tasks": [human("odd", when="n % 2 == 1"), human("all", "N ${n}", needs=["odd"])],
        }
    )
    assert [(spec.spec_id, spec.item, len(spec.needs)) for spec in specs] == [
        ("odd", 0, 0),
        ("all", 0, 1),
        ("all", 1, 0),
        ("odd", 2, 0),
        ("all", 2, 1),
    ]
    assert [spec.title for spec in specs if spec.spec_id == "all"] == ["N 1", "N 2", "N 3"]


def test_what_is_not_spawned_is_not_rendered() -> None:
    specs = tasks_of(
        {"id": "r", "tasks": [human("a", "${context.nope}", when="false"), human("b")]}
    )
    assert [spec.spec_id for spec in specs] == ["b"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            {"for_each": "context.x", "as": "n", "tasks": [human()]},
            "^rule r: .*for_each must be a list",
        ),
        (
            {"when": "context.nope > 1", "tasks": [human()]},
            r"^rule r, when: Key not found in map : \"nope\" in context\.nope > 1",
        ),
        ({"when": "context.x", "tasks": [human()]}, "^rule r, when: .* must be true or false"),
        (
            {"tasks": [human(when="1 / 0 == 1")]},
            "^rule r, task call, when: divide by zero in 1 / 0 == 1",
        ),
        (
            {
                "for_each": "[1, 0]",
                "as": "n",
                "tasks": [human(title="a ${1 / n}")],
            },
            r"^rule r, task call\.human\.title, item 1: divide by zero",
        ),
    ],
)
def test_an_error_names_rule_task_place_and_item(rule: Any, message: Any) -> None:
    with pytest.raises(ExpressionError, match=message):
        tasks_of({"id": "r", **rule}, {"x": "text"})


def test_limits() -> None:
    loop = {"id": "r", "for_each": "context.rows", "as": "n", "tasks": [human("a"), human("b")]}
    rows = {"rows": list(range(6))}
    assert len(tasks_of(loop, rows, max_items=6)) == 12
    with pytest.raises(LimitExceededError, match=r"^rule r: for_each gives 6 items.* limit of 5"):
        tasks_of(loop, rows, max_items=5)
    with pytest.raises(LimitExceededError, match="inputs of all tasks together"):
        tasks_of(loop, rows, max_input_bytes=500)


def test_the_limit_of_tasks_is_for_all_rules_together() -> None:
    rules = [{"id": id_, "tasks": [human("a"), human("b")]} for id_ in ("one", "two")]
    assert len(decide(definition(*rules, limits={"tasks": 4}), MANUAL, RUN, {}, {}).tasks) == 4
    with pytest.raises(
        LimitExceededError, match=r"^rule two: 2 tasks, with 2.*limit of 3.*limits\.tasks"
    ):
        decide(definition(*rules, limits={"tasks": 3}), MANUAL, RUN, {}, {})


def test_texts_fit_their_columns() -> None:
    (task,) = tasks_of(
        {
            "id": "r",
            "tasks": [
                human(
                    title="${context.long}",
                    human={
                        "assign": {"user": "${context.nul}", "groups": ["${context.none}", "g"]}
                    },
                )
            ],
        },
        {"long": "x" * 600, "nul": "a\0b", "none": None},
    )
    assert task.title == "x" * 499 + "…"
    assert task.assignee == "a\ufffdb"
    assert task.groups == ("g",)
    with pytest.raises(LimitExceededError, match="person or group has 300"):
        tasks_of(
            {"id": "r", "tasks": [human(human={"assign": {"user": "${context.u}"}})]},
            {"u": "u" * 300},
        )


def test_no_nul_in_inputs() -> None:
    data = {"k": r"${'a\u0000b'}", "\0": r"\u0000"}
    (task,) = tasks_of({"id": "r", "tasks": [{"id": "e", "emit": {"type": "t", "data": data}}]})
    assert task.inputs["data"] == {"k": "a\ufffdb", "\ufffd": r"\u0000"}


invoices = st.lists(
    st.fixed_dictionaries(
        {
            "days_overdue": st.integers(0, 30) | st.floats(0, 30),
            "email": st.text(max_size=10),
            "amount": st.integers(0, 30_000),
            "customer": st.text(max_size=10),
        }
    ),
    max_size=12,
)


@given(invoices)
def test_decisions_are_deterministic_and_task_ids_unique(rows: Any) -> None:
    rows = [parse_json(canonical_json(row)) for row in rows]
    config = {"mail_url": "https://m.example"}
    decided = decide(definition(CHASE), MANUAL, RUN, {"invoices": rows}, config)
    again = decide(definition(CHASE), MANUAL, RUN, {"invoices": list(rows)}, dict(config))
    assert decided == again
    task_ids = [task.task_id for task in decided.tasks]
    assert len(set(task_ids)) == len(task_ids)
    assert all(set(task.needs) <= set(task_ids) for task in decided.tasks)
    overdue = [n for n, row in enumerate(rows) if row["days_overdue"] > 14]
    assert [task.item for task in decided.tasks if task.spec_id == "remind"] == overdue
    assert decided.rules[0].tasks == len(task_ids)
