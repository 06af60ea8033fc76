"""Waiting lines: who of a stage goes on now, and who stays, up to a bound.

In: groups that wait, groups that arrived, and room for how many occurrences. Out: who passes and
who does not. Used by `throttle` and `slots`.

Events that a `dedupe_key` calls the same have one occurrence and so one run: they take one place
together, and those after the first pass with it, for the store to say that the run is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activity_core.core.decision import Outcome
from activity_core.core.definition.flow_control import MOST_WAITING
from activity_core.core.flow.group import Group, Settled


@dataclass(frozen=True, slots=True)
class Passage:
    """Who goes on, and who does not.

    Attributes:
        released: groups that go on, in order.
        admitted: the occurrence keys among them that took a place, in order.
        waiting: groups that waited before and still do, in order of arrival.
        turned: newcomers without a place, in order of arrival.
    """

    released: Sequence[Group]
    admitted: Sequence[str]
    waiting: Sequence[Group]
    turned: Sequence[Group]


def line_up(waiting: Sequence[Group], arrived: Sequence[Group]) -> Mapping[str, Group]:
    """All by the input key of their leader, in order; what waits here does not enter again."""
    line = {group.leader.input_key: group for group in waiting}
    for group in arrived:
        line.setdefault(group.leader.input_key, group)
    return line


def admit(
    waiting: Sequence[Group],
    arrived: Sequence[Group],
    room: int,
    *,
    running: Sequence[str] = (),
    urgent_first: bool = False,
) -> Passage:
    """Let `room` more occurrences through; those that are `running` need none."""
    line = line_up(waiting, arrived)
    inside = set(running)
    admitted: list[str] = []
    passed: dict[str, Group] = {}
    for input_key, group in _by_urgency(line) if urgent_first else line.items():
        key = group.occurrence_key
        if key not in inside and len(admitted) < room:
            inside.add(key)
            admitted.append(key)
        if key in inside:
            passed[input_key] = group
    left = [group for input_key, group in line.items() if input_key not in passed]
    waited = sum(group.leader.input_key not in passed for group in waiting)
    return Passage(list(passed.values()), admitted, left[:waited], left[waited:])


def hold(passage: Passage, reason: str) -> tuple[tuple[Group, ...], list[Settled]]:
    """All that wait from now on, and what is said to the newcomers: held, or too many."""
    waiting = list(passage.waiting)
    events = sum(len(group.members) for group in waiting)
    settled: list[Settled] = []
    for group in passage.turned:
        if events + len(group.members) > MOST_WAITING:
            full = f"{events} events wait here already, of {MOST_WAITING} that may"
            settled.append(Settled(group, Outcome.DROPPED, full))
            continue
        events += len(group.members)
        waiting.append(group)
        settled.append(Settled(group, Outcome.HELD, reason))
    return tuple(waiting), settled


def _by_urgency(line: Mapping[str, Group]) -> Sequence[tuple[str, Group]]:
    return sorted(line.items(), key=lambda item: item[1].priority)
