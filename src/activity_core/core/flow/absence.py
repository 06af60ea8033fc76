"""Absence: an event that does not come in time.

In: what a composite holds, and what came. Out: with `after`, a run for each `after` event that no
other event answers `within`; else a run for the last event once none has followed it `within`.
Called by `composite`, whose rule about late events holds here too: nobody is waited for longer
than told there, and what comes after that ends no wait.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from activity_core.core.decision import Outcome
from activity_core.core.definition.composite import CompositeTriggerConfig
from activity_core.core.expression.condition import rfc3339
from activity_core.core.flow.group import Group, Member, Step
from activity_core.core.flow.held import Held
from activity_core.core.flow.whole import by_time
from activity_core.core.schedule.lag import spelled

_CAME = "came"


def absence(config: CompositeTriggerConfig, held: Held, arrived: Sequence[Group]) -> Step:
    """Take what came into account, in that order, and fire for what nobody answered."""
    names = [name for name, _ in config.parts]
    _fire_the_over(held, at_once=False)
    for group in held.newcomers(arrived):
        if len(names) == 1:
            _beat(held, group)
        else:
            _answer_or_wait(held, group, *names)
    _fire_the_over(held, at_once=True)
    return held.step()


def _fire_the_over(held: Held, *, at_once: bool) -> None:
    held.released += [held.take(key) for key in held.over(at_once=at_once)]


def _answer_or_wait(held: Held, group: Group, after: str, of: str) -> None:
    """An event that is both answers others, and waits for an answer itself."""
    came = group.leader
    answer = _known_answer(held, came) if after in came.parts else None
    if of in came.parts:
        answered = [
            key for key, each in held.groups.items() if _in_time(held, each.leader, came.at)
        ]
        for key in answered:
            held.drop(key, _answered(of, came.at, came.input_key))
        held.remember(came, f"{_CAME} {came.at.isoformat()} {came.input_key}")
        if after not in came.parts:
            held.settle(group, Outcome.DROPPED, _use(held, came, len(answered), after))
            return
    if answer is not None:
        held.settle(group, Outcome.DROPPED, _answered(of, *answer))
        return
    held.add(group)
    reason = f"fires unless {of} comes, until {rfc3339(held.untils[came.input_key])}"
    held.settle(group, Outcome.HELD, reason)


def _known_answer(held: Held, asked: Member) -> tuple[datetime, str] | None:
    """Time and input key of an event that answers it and came before."""
    for mark in held.marks:
        kind, at, *rest = mark.text.split()
        if kind == _CAME and _in_time(held, asked, answered_at := datetime.fromisoformat(at)):
            return answered_at, rest[0]
    return None


def _in_time(held: Held, asked: Member, answered_at: datetime) -> bool:
    return timedelta() <= answered_at - asked.at <= held.within


def _answered(of: str, at: datetime, input_key: str) -> str:
    return f"{of} came in time, {rfc3339(at)}: {input_key}"


def _use(held: Held, came: Member, answered: int, after: str) -> str:
    if answered:
        return f"came in time for {answered} {after}"
    return f"no {after} waits for it; counts until {rfc3339(held.until(came))} for one that is late"


def _beat(held: Held, group: Group) -> None:
    """The latest by its own time stays, and is waited after for as long as any of them."""
    came = group.leader
    earlier = [each.leader for each in held.groups.values()]
    until = max([held.until(came), *held.untils.values()])
    latest = max([came, *earlier], key=by_time)
    for each in earlier:
        if each is not latest:
            held.drop(each.input_key, f"the next one came in time: {came.input_key}")
    if latest is came:
        held.add(group)
        reason = f"fires unless the next one comes within {spelled(held.within)}"
        held.settle(group, Outcome.HELD, f"{reason}, until {rfc3339(until)}")
    else:
        reason = f"a later one is waited after already: {latest.input_key}"
        held.settle(group, Outcome.DROPPED, reason)
    held.untils[latest.input_key] = until
