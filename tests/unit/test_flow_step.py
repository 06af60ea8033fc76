"""All stages in sequence, under triggers that change: nobody is lost, nobody goes twice."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.flow_bench import at, inputs, leisurely, member, one, seconds
from tests.unit.flow_world import World

from activity_core.core.decision import Outcome
from activity_core.core.definition.trigger import TriggerSet
from activity_core.core.flow.group import FlowKey, FlowState, Group, Stage
from activity_core.core.flow.step import stages_of, step

BATCH = {"max_size": 3, "max_wait": "2s", "key": "k"}
CONTROLS = {
    "batch": st.fixed_dictionaries(
        {"max_size": st.integers(2, 4), "max_wait": st.sampled_from(["1s", "3s"])}
    ),
    "debounce": st.fixed_dictionaries(
        {"quiet": st.sampled_from(["1s", "2s"]), "keep": st.sampled_from(["first", "last", "all"])}
    ),
    "throttle": st.fixed_dictionaries(
        {
            "limit": st.integers(1, 3),
            "per": st.sampled_from(["1s", "4s"]),
            "excess": st.sampled_from(["delay", "delay", "drop"]),
        }
    ),
    "order": st.just({}),
    "concurrency": st.fixed_dictionaries(
        {
            "limit": st.integers(1, 3),
            "when_full": st.sampled_from(["queue", "queue", "drop", "cancel_oldest"]),
        }
    ),
}


def trigger_of(**event) -> TriggerSet:
    return TriggerSet.model_validate({"event": {"type": "t", **event}})


@st.composite
def triggers(draw: st.DrawFn) -> TriggerSet:
    names = draw(st.sets(st.sampled_from(sorted(CONTROLS))))
    event = {name: draw(CONTROLS[name]) for name in sorted(names)}
    if "batch" in event:
        event.pop("debounce", None)
    if draw(st.booleans()):
        event["dedupe_key"] = "event.id"
    return trigger_of(**event)


KEYS = st.dictionaries(st.sampled_from(Stage), st.sampled_from("ab"))
EVENTS = st.fixed_dictionaries(
    {"same_as": st.sampled_from(["", "", "x", "y"]), "priority": st.sampled_from([1, 3])},
    optional={"keys": KEYS},
)
ACTS = st.one_of(
    st.lists(EVENTS, min_size=1, max_size=6),
    st.lists(EVENTS, min_size=1, max_size=6),
    st.sampled_from([0.5, 1.0, 3.0]),
    st.integers(0, 9),
    st.none(),
    triggers(),
)
"""What happens: events come, time passes, a run ends, a definition is retired or published."""


def check_all_decided(world: World, came: list[Group]) -> None:
    assert set(world.decisions) == set(inputs(came))
    for outcomes in world.decisions.values():
        assert outcomes[-1] is not Outcome.HELD
        assert set(outcomes[:-1]) <= {Outcome.HELD}
    assert not world.texts, "nothing waits, runs or is remembered"
    leaders = Counter(group.leader.input_key for group in world.runs.values())
    fired = [key for key, outcomes in world.decisions.items() if outcomes[-1] is Outcome.FIRED]
    assert Counter(fired) == leaders


@leisurely
@given(triggers(), st.lists(ACTS, max_size=25))
def test_each_event_has_one_final_decision_whatever_the_trigger(trigger, acts):
    world = World(trigger)
    came: list[Group] = []
    for act in acts:
        match act:
            case list():
                arriving = [one(len(came) + n, **event) for n, event in enumerate(act)]
                came += arriving
                world.route(arriving)
            case float():
                later = world.now + seconds(act)
                while world.wakes and min(world.wakes.values()) <= later:
                    world.wake()
                world.now = later
            case int():
                if world.open:
                    world.end([*world.open][act % len(world.open)])
            case _:
                world.publish(act)
    world.drain()
    check_all_decided(world, came)


@leisurely
@given(st.data(), st.sampled_from(["batch", "debounce", "none"]), st.integers(1, 3))
def test_per_key_the_order_holds_through_all_stages(data, collector, limit):
    """One run at a time per key, in order of arrival; at most `limit` altogether."""
    event = {"throttle": {"limit": 2, "per": "2s"}, "order": {}, "concurrency": {"limit": limit}}
    if collector != "none":
        event[collector] = data.draw(CONTROLS[collector])
    world = World(trigger_of(**event))
    started: dict[str, list[str]] = {"a": [], "b": []}
    numbers: dict[str, int] = {}
    for _ in range(data.draw(st.integers(1, 30))):
        act = data.draw(st.sampled_from(["route", "pass", "end"]))
        if act == "route":
            key = data.draw(st.sampled_from("ab"))
            keys = dict.fromkeys([Stage.COLLECT, Stage.THROTTLE, Stage.ORDER], key)
            group = one(len(numbers), keys=keys)
            numbers[group.leader.input_key] = len(numbers)
            world.route([group])
        elif act == "pass" and world.wakes:
            world.wake()
        elif act == "end" and world.open:
            world.end(data.draw(st.sampled_from([*world.open])))
        open_keys = [group.leader.keys[Stage.ORDER] for group in world.open.values()]
        assert len(open_keys) == len(set(open_keys)) <= limit
    world.drain()
    for run in world.runs.values():
        started[run.leader.keys[Stage.ORDER]] += inputs([run])
    for line in started.values():
        places = [numbers[key] for key in line]
        assert places == sorted(places)
    assert sum(map(len, started.values())) == len(numbers)


def test_stages_in_their_order():
    everything = {"batch": BATCH, "throttle": {"limit": 1, "per": "1s"}, "order": {}}
    trigger = trigger_of(dedupe_key="event.id", concurrency={}, **everything)
    assert stages_of(trigger) == tuple(stage for stage in Stage if stage is not Stage.CASE)
    assert stages_of(trigger_of()) == ()
    assert stages_of(trigger_of(dedupe_key="event.id", order={})) == (Stage.ORDER,)
    assert stages_of(TriggerSet.model_validate({"manual": {}})) == ()
    assert stages_of(None) == ()
    parts = [{"type": "a"}, {"type": "b"}]
    composite = TriggerSet.model_validate({"composite": {"all_of": parts, "within": "1h"}})
    assert stages_of(composite) == (Stage.COLLECT,)


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("trigger", [None, trigger_of()])
def test_a_stage_that_is_gone_lets_all_go(stage, trigger):
    waiting = (one(1), Group((member(2), member(3)), lead=1, alone=True))
    state = FlowState(waiting, running=("e.1",), times=(at(0), at(1)))
    taken = step(trigger, FlowKey("d", stage), state, [one(4)], (), at(2))
    assert list(taken.released) == [*waiting, one(4)]
    assert taken.state.is_empty
    assert taken.wake_at is None


@pytest.mark.parametrize("trigger", [None, trigger_of(), trigger_of(batch=BATCH)])
def test_part_of_a_whole_that_nobody_waits_for_is_dropped(trigger):
    waiting = (Group((replace(member(1), parts=("t",)),)),)
    state = FlowState(waiting, times=(at(9),))
    taken = step(trigger, FlowKey("d", Stage.COLLECT), state, (), (), at(1))
    assert not taken.released
    [item] = taken.settled
    assert (item.group, item.outcome) == (waiting[0], Outcome.DROPPED)
    assert taken.state.is_empty


def test_a_batch_that_waits_goes_when_its_definition_becomes_a_composite():
    parts = [{"type": "a"}, {"type": "b"}]
    trigger = TriggerSet.model_validate({"composite": {"all_of": parts, "within": "1h"}})
    state = FlowState((one(1),), times=(at(0), at(0)))
    came = Group((replace(member(2), parts=("a",)),))
    taken = step(trigger, FlowKey("d", Stage.COLLECT), state, [came], (), at(1))
    assert list(taken.released) == [one(1)]
    assert taken.state.waiting == (came,)
