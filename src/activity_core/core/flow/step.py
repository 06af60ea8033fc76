"""A step: which stages a definition has, and what one of them makes of what came.

In: one state, groups of its key, the ends of runs that it let through, the time. Out: the next
state, groups for the next stage, decisions. The router and the flow keeper ask, and so does the
simulator; the answer depends on nothing else.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from activity_core.core.decision import Outcome
from activity_core.core.definition.composite import CompositeTriggerConfig
from activity_core.core.definition.flow_control import (
    BatchConfig,
    ConcurrencyConfig,
    DebounceConfig,
    OrderConfig,
    ThrottleConfig,
)
from activity_core.core.definition.trigger import TriggerSet
from activity_core.core.flow.collect import batch, debounce
from activity_core.core.flow.composite import composite
from activity_core.core.flow.group import FlowKey, FlowState, Group, Settled, Stage, Step
from activity_core.core.flow.seen import seen
from activity_core.core.flow.slots import one_by_one, slots
from activity_core.core.flow.throttle import throttle

_Control = (
    timedelta
    | BatchConfig
    | DebounceConfig
    | CompositeTriggerConfig
    | ThrottleConfig
    | OrderConfig
    | ConcurrencyConfig
)


def stages_of(trigger: TriggerSet | None) -> tuple[Stage, ...]:
    """The stages that a group passes, in their order; none for a definition that is gone."""
    return tuple(_controls(trigger))


def step(  # noqa: PLR0917 - a state and its inputs; all are needed
    trigger: TriggerSet | None,
    key: FlowKey,
    state: FlowState,
    arrived: Sequence[Group],
    ended: Collection[str],
    now: datetime,
) -> Step:
    """What the stage that `key` names makes of it, by the trigger as it is now.

    A stage that the trigger does not have any more lets go of all that waits; limits that changed
    apply. With nothing new a step changes nothing, and `wake_at` is always after `now`.
    """
    control = _controls(trigger).get(key.stage)
    strangers = _strangers(control, state)
    if not strangers:
        return _controlled(control, state, arrived, ended, now)
    released, settled = _let_go(strangers)
    then = _controlled(control, FlowState(), arrived, ended, now)
    return replace(then, released=[*released, *then.released], settled=[*settled, *then.settled])


def _controls(trigger: TriggerSet | None) -> Mapping[Stage, _Control]:
    if trigger is None:
        return {}
    if trigger.composite is not None:
        return {Stage.COLLECT: trigger.composite}
    if (event := trigger.event) is None:
        return {}
    collector = event.batch or event.debounce
    found = {
        Stage.SEEN: event.dedupe_window if collector and event.dedupe_key else None,
        Stage.COLLECT: collector,
        Stage.THROTTLE: event.throttle,
        Stage.ORDER: event.order,
        Stage.CONCURRENCY: event.concurrency,
    }
    return {stage: control for stage, control in found.items() if control is not None}


def _controlled(  # noqa: PLR0911 - one line per control
    control: _Control | None,
    state: FlowState,
    arrived: Sequence[Group],
    ended: Collection[str],
    now: datetime,
) -> Step:
    match control:
        case None:
            return Step(FlowState(), arrived)
        case timedelta():
            return seen(control, state, arrived, now)
        case BatchConfig():
            return batch(control, state, arrived, now)
        case DebounceConfig():
            return debounce(control, state, arrived, now)
        case CompositeTriggerConfig():
            return composite(control, state, arrived, now)
        case ThrottleConfig():
            return throttle(control, state, arrived, now)
        case OrderConfig():
            return one_by_one(state, arrived, ended)
        case ConcurrencyConfig():
            return slots(control.limit, control.when_full, state, arrived, ended)


def _strangers(control: _Control | None, state: FlowState) -> Sequence[Group]:
    """What waits for something that this stage does not do any more.

    Batches and bursts go over into each other; parts of a composite are nothing to them.
    """
    if control is None:
        return state.waiting
    of_parts = isinstance(control, CompositeTriggerConfig)
    other_kind = any(bool(group.leader.parts) is not of_parts for group in state.waiting)
    return state.waiting if other_kind else ()


def _let_go(waiting: Sequence[Group]) -> tuple[list[Group], list[Settled]]:
    """All go on, except what is part of a whole that nobody waits for any more."""
    reason = "its definition does not wait any more for what was to come with it"
    return [group for group in waiting if not group.leader.parts], [
        Settled(group, Outcome.DROPPED, reason) for group in waiting if group.leader.parts
    ]
