"""Flow control and composites over real servers: what waits, what goes on, and what each is told.

Each test has types of its own, so that none sees another's events.
"""

import re
from datetime import timedelta
from typing import Any

import pytest
from tests.api import Json, cloudevent
from tests.e2e.conftest import Stack
from tests.e2e.flow_events import becomes, complete, finished, ids, moment, sent

from activity_core.adapters.system_clock import SystemClock

NOTE = """rules: [{id: r, tasks: [{id: t, human: {
    title: "${size(events)} from ${events[0].id} led by ${event.id}"}}]}]"""
WAIT = "rules: [{id: r, tasks: [{id: t, human: {title: T, wait: true}}]}]"


def defined(name: str, trigger: str, rules: str = NOTE) -> str:
    return f"id: flow-{name}\ntrigger: {{{trigger}}}\n{rules}\n"


DEFINITIONS = [
    defined(
        "batch",
        "event: {type: flow.batch, batch: {max_size: 3, max_wait: 1s, key: event.data.k}}",
    ),
    defined("first", "event: {type: flow.burst, debounce: {quiet: 700ms, keep: first}}"),
    defined("last", "event: {type: flow.burst, debounce: {quiet: 700ms}}"),
    defined("all", "event: {type: flow.burst, debounce: {quiet: 700ms, keep: all}}"),
    defined("delay", "event: {type: flow.thick, throttle: {limit: 1, per: 2s}}"),
    defined("shed", "event: {type: flow.thick, throttle: {limit: 1, per: 1m, excess: drop}}"),
    defined("queue", "event: {type: flow.slot, concurrency: {}}", WAIT),
    defined("drop", "event: {type: flow.slot, concurrency: {when_full: drop}}", WAIT),
    defined("newest", "event: {type: flow.slot, concurrency: {when_full: cancel_oldest}}", WAIT),
    defined("order", "event: {type: flow.turn, order: {key: event.subject}}", WAIT),
    defined(
        "seen",
        "event: {type: flow.seen, dedupe_key: event.data.o, batch: {max_size: 2, max_wait: 1h}}",
    ),
    defined(
        "all-of",
        "composite: {all_of: [{name: paid, type: flow.paid}, {name: sent, type: flow.sent}], "
        "key: event.subject, within: 1s}",
    ),
    defined(
        "any-of",
        "composite: {any_of: [{type: flow.a}, {type: flow.b}, {type: flow.c}], at_least: 2, "
        "within: 1h}",
    ),
    defined(
        "sequence",
        "composite: {sequence: [{name: one, type: flow.one}, {name: two, type: flow.two}], "
        "key: event.subject, within: 2s}",
    ),
    defined("count", "composite: {count: {type: flow.fail, at_least: 3}, within: 1h}"),
    defined(
        "answer",
        "composite: {absent: {type: flow.done, after: {type: flow.asked}}, "
        "key: event.subject, within: 1s}",
    ),
    defined("beat", "composite: {absent: {type: flow.beat}, key: event.subject, within: 1s}"),
]


@pytest.fixture(scope="module", autouse=True)
async def _definitions(stack: Stack) -> None:
    await stack.api.apply("---\n".join(DEFINITIONS))


async def test_a_batch_is_one_run_by_size_or_by_time(stack: Stack):
    full = [cloudevent("flow.batch", f"batch-{n}", {"k": "full"}) for n in range(3)]
    alone = cloudevent("flow.batch", "batch-alone", {"k": "alone"})
    await sent(stack, alone, *full)
    lead = await becomes(stack, full[0], "flow-batch", "fired")
    for event in full[1:]:
        merged = await becomes(stack, event, "flow-batch", "merged")
        assert merged["run_id"] == lead["run_id"]
    run = await finished(stack, lead)
    assert ids(run) == [event["id"] for event in full]
    assert [task["title"] for task in run["tasks"]] == ["3 from batch-0 led by batch-0"]
    assert [each["id"] for each in run["context_snapshot"]["events"]] == ids(run)
    assert {each["outcome"] for each in run["decisions"]} == {"fired", "merged"}
    assert ids(await finished(stack, await becomes(stack, alone, "flow-batch", "fired"))) == [
        alone["id"]
    ]
    assert (await stack.api.explain(alone))["routing"]["counts"] == {"held": 1}


async def test_a_burst_is_one_run_that_sees_what_is_kept(stack: Stack):
    burst = [cloudevent("flow.burst", f"burst-{n}") for n in range(3)]
    for event in burst:
        await stack.api.send(event)
    titles = {
        "first": ("1 from burst-0 led by burst-0", burst[0]),
        "last": ("1 from burst-2 led by burst-2", burst[2]),
        "all": ("3 from burst-0 led by burst-2", burst[2]),
    }
    for name, (title, leader) in titles.items():
        run = await finished(stack, await becomes(stack, leader, f"flow-{name}", "fired"))
        assert [task["title"] for task in run["tasks"]] == [title]
        assert {each["event_id"] for each in run["decisions"]} == {each["id"] for each in burst}


async def test_what_is_too_thick_waits_or_is_let_go(stack: Stack):
    thick = [cloudevent("flow.thick", f"thick-{n}") for n in range(2)]
    await sent(stack, *thick)
    shed = await becomes(stack, thick[1], "flow-shed", "throttled")
    assert re.match(r"1 started within 1 min, the next may at 20", shed["reason"])
    starts = []
    for event in thick:
        run = await finished(stack, await becomes(stack, event, "flow-delay", "fired"))
        starts.append(moment(run["fired_at"]))
    assert starts[1] - starts[0] >= timedelta(seconds=2)


async def test_open_runs_have_slots(stack: Stack):
    one, two = (cloudevent("flow.slot", f"slot-{n}") for n in (1, 2))
    await sent(stack, one, two)
    running = await becomes(stack, one, "flow-queue", "fired")
    waiting = await becomes(stack, two, "flow-queue", "held")
    dropped = await becomes(stack, two, "flow-drop", "dropped")
    assert waiting["reason"].startswith("waits: 1 of 1 runs are open")
    assert dropped["reason"].startswith("1 of 1 runs are open")
    displaced = await becomes(stack, one, "flow-newest", "fired")
    ended = await stack.api.run(str(displaced["run_id"]), "cancelled")
    assert ended["failure"]["code"] == "displaced"
    assert (await becomes(stack, two, "flow-newest", "fired"))["run_id"] != ended["run_id"]

    listed = await stack.said(
        *("decisions", "list", "--definition", "flow-queue", "--outcome", "held", "--since", "1h")
    )
    assert [(each["event_id"], each["reason"]) for each in listed["items"]] == [
        ("slot-2", waiting["reason"])
    ]
    told = await stack.cli("explain", "event", "slot-2")
    assert f"flow-queue v1 held {waiting['reason']}" in told.out

    await complete(stack, running)
    await finished(stack, running)
    assert (await becomes(stack, two, "flow-queue", "fired"))["run_id"]


async def test_runs_of_one_key_come_one_after_the_other(stack: Stack):
    first, second = (cloudevent("flow.turn", f"turn-{n}", subject="k") for n in (1, 2))
    other = cloudevent("flow.turn", "turn-other", subject="other")
    await sent(stack, first, second, other)
    running = await becomes(stack, first, "flow-order", "fired")
    assert "waits in order" in (await becomes(stack, second, "flow-order", "held"))["reason"]
    await becomes(stack, other, "flow-order", "fired")
    await complete(stack, running)
    before = await finished(stack, running)
    after = await becomes(stack, second, "flow-order", "fired")
    assert moment(after["decided_at"]) >= moment(before["finished_at"])


async def test_a_batch_takes_an_order_once(stack: Stack):
    events = [cloudevent("flow.seen", f"seen-{n}", {"o": n // 2}) for n in range(3)]
    await sent(stack, *events)
    run = await finished(stack, await becomes(stack, events[0], "flow-seen", "fired"))
    assert ids(run) == ["seen-0", "seen-2"]
    again = await becomes(stack, events[1], "flow-seen", "deduplicated")
    assert again["reason"].startswith("same dedupe_key as e.")


async def test_composites_fire_when_they_are_whole(stack: Stack):
    now = SystemClock().now()
    late, early = ((now + timedelta(seconds=s)).isoformat() for s in (1, 0))
    wholes: dict[str, list[Json]] = {
        "all-of": [cloudevent(f"flow.{name}", name, subject="o") for name in ("sent", "paid")],
        "any-of": [cloudevent(f"flow.{name}", name) for name in ("c", "a")],
        "count": [cloudevent("flow.fail", f"fail-{n}") for n in range(3)],
        "sequence": [  # the second one comes in first
            cloudevent("flow.two", "two", subject="o", time=late),
            cloudevent("flow.one", "one", subject="o", time=early),
        ],
    }
    await sent(stack, *(event for events in wholes.values() for event in events))
    for name, events in wholes.items():
        run = await finished(stack, await becomes(stack, events[-1], f"flow-{name}", "fired"))
        in_time = sorted(events, key=lambda event: str(event.get("time", "")))
        assert ids(run) == [event["id"] for event in in_time]
        seen = run["context_snapshot"]
        assert seen["event"]["id"] == events[-1]["id"]
        assert [each["id"] for each in seen["events"]] == ids(run)


async def test_what_is_never_whole_is_dropped_and_says_what_was_missing(stack: Stack):
    now = SystemClock().now()
    alone = cloudevent("flow.paid", "paid-alone", subject="alone")
    wrong = [
        cloudevent("flow.one", "one-late", subject="w", time=(now + timedelta(0, 1)).isoformat()),
        cloudevent("flow.two", "two-early", subject="w", time=now.isoformat()),
    ]
    await sent(stack, alone, *wrong)
    assert (await becomes(stack, alone, "flow-all-of", "dropped"))["reason"].endswith(
        "in vain for sent"
    )
    for event in wrong:
        dropped = await becomes(stack, event, "flow-sequence", "dropped")
        assert " in vain for " in dropped["reason"]


async def test_what_does_not_come_fires(stack: Stack):
    asked = [cloudevent("flow.asked", f"asked-{n}", subject=f"job-{n}") for n in (1, 2)]
    done = cloudevent("flow.done", "done-1", subject="job-1")
    beats = [cloudevent("flow.beat", f"beat-{n}", subject="pump") for n in (1, 2)]
    await sent(stack, *asked, done, *beats)
    answered = await becomes(stack, asked[0], "flow-answer", "dropped")
    assert answered["reason"].startswith("flow.done came in time")
    assert (await becomes(stack, done, "flow-answer", "dropped"))["reason"]
    for event, name in ((asked[1], "answer"), (beats[1], "beat")):
        run: Any = await finished(stack, await becomes(stack, event, f"flow-{name}", "fired"))
        assert ids(run) == [event["id"]]
    await becomes(stack, beats[0], "flow-beat", "dropped")
