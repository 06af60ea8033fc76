"""Verdicts: what became of every event of a group, as the decision ledger has it.

In: groups that fire or were settled, from the router and the flow keeper, as the stores write
them. Out: one verdict per event and definition. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from activity_core.core.decision import Outcome
from activity_core.core.flow.group import Group, Member, Settled

REPEATED = "its occurrence has a run already"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one event for one definition, with others of its group or alone.

    `run_of` is the occurrence key of its run; `together` counts the group.
    """

    definition_id: str
    member: Member
    outcome: Outcome
    reason: str = ""
    run_of: str | None = None
    together: int = 1


def fired(definition_id: str, group: Group) -> list[Verdict]:
    """The leader fires, the others are merged into its run."""
    members, run_of = group.members, group.occurrence_key
    if len(members) == 1:
        return [Verdict(definition_id, members[0], Outcome.FIRED, run_of=run_of)]
    led, merged = f"leads a run of {len(members)} events", f"one of {len(members)} events of a run"
    return [
        Verdict(definition_id, member, Outcome.FIRED, led, run_of, len(members))
        if place == group.lead
        else Verdict(definition_id, member, Outcome.MERGED, merged, run_of, len(members))
        for place, member in enumerate(members)
    ]


def repeated(definition_id: str, group: Group) -> list[Verdict]:
    """All of them name the run that their occurrence has already."""
    outcome, run_of, together = Outcome.DEDUPLICATED, group.occurrence_key, len(group.members)
    return [
        Verdict(definition_id, member, outcome, REPEATED, run_of, together)
        for member in group.members
    ]


def places(group: Group) -> list[int]:
    """Places of its members, each event once: one may be there as it came and as a replay."""
    last = {member.event_key: place for place, member in enumerate(group.members)}
    last[group.leader.event_key] = group.lead
    return sorted(last.values())


def settled(definition_id: str, item: Settled) -> list[Verdict]:
    """The same for all of them."""
    members = item.group.members
    return [
        Verdict(definition_id, member, item.outcome, item.reason, item.run_of, len(members))
        for member in members
    ]


def one_each(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """One per event and definition: the first that is final, else the last that held it.

    What was held and let go at once is told as let go.
    """
    chosen: dict[tuple[str, str], Verdict] = {}
    for verdict in verdicts:
        key = verdict.definition_id, verdict.member.input_key
        before = chosen.setdefault(key, verdict)
        if before.outcome is Outcome.HELD:
            chosen[key] = verdict
    return list(chosen.values())
