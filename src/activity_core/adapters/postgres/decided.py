"""What was decided about events, as rows, in the transaction of the router or the flow keeper.

Runs go first: whether an occurrence already has one decides between `fired` and `deduplicated`.
After that nobody waits for an answer: the statements travel with the commit.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain

from activity_core.adapters.postgres import decided_queries as queries
from activity_core.adapters.postgres.case_queue import queue_for_cases
from activity_core.adapters.postgres.dead_letters import bury
from activity_core.adapters.postgres.ending import end_runs
from activity_core.adapters.postgres.flow_rows import write_states
from activity_core.adapters.postgres.pool import Connection
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.core import ids
from activity_core.core.flow import verdict
from activity_core.core.flow.group import Group, Member
from activity_core.core.flow.trace import trace_of
from activity_core.core.flow.verdict import Verdict
from activity_core.core.run.ending import DISPLACED
from activity_core.ports.flow import Decided
from activity_core.ports.run_queue import SignalKind

Fired = tuple[str, Group]
"""A group and the id of its definition."""
Input = tuple[str, str]
"""A definition id and an input key: what has one decision."""

_MOST = 2**31 - 1  # of a column of type int


async def write_decided(
    conn: Connection,
    tenant: str,
    decided: Decided,
    at: datetime,
    *,
    arrived: Collection[str] = (),
) -> Sequence[Verdict]:
    """See `OpenFlow.write`; answers what was decided now, once per event and definition.

    One round trip, for the runs. Another one goes before unless all is about the input keys that
    just `arrived`: others may have a final decision.
    """
    writing = _Writing(conn, tenant, at)
    final = await writing.final(_members(decided), arrived)
    fired = [item for item in decided.fired if not final.issuperset(_inputs(item))]
    made = await writing.make_runs(fired)
    said = [verdict.settled(*item) for item in decided.settled]
    said += [
        verdict.fired(*item) if has_run else verdict.repeated(*item)
        for item, has_run in zip(fired, made, strict=True)
    ]
    verdicts = verdict.one_each(
        each
        for each in chain.from_iterable(said)
        if (each.definition_id, each.member.input_key) not in final
    )
    await writing.decisions(verdicts)
    await write_states(conn, tenant, decided.rows)
    await end_runs(conn, tenant, DISPLACED, SignalKind.CANCEL, decided.displaced, at=at)
    for letter in decided.letters:
        await bury(conn, tenant, letter)
    return verdicts


def _inputs(item: Fired) -> Iterable[Input]:
    definition_id, group = item
    return ((definition_id, member.input_key) for member in group.members)


def _members(decided: Decided) -> Iterable[tuple[str, Member]]:
    for definition_id, group in decided.fired:
        for member in group.members:
            yield definition_id, member
    for definition_id, settled in decided.settled:
        for member in settled.group.members:
            yield definition_id, member


class _Writing:
    """Statements of one transaction of one tenant, at one instant."""

    def __init__(self, conn: Connection, tenant: str, at: datetime) -> None:
        self._conn = conn
        self._tenant = tenant
        self._at = at
        self._there: dict[tuple[str, str], str] = {}
        """By definition id and occurrence key: runs that are there."""

    async def final(
        self, members: Iterable[tuple[str, Member]], arrived: Collection[str]
    ) -> set[Input]:
        """Which of them have a decision that cannot change any more."""
        older = [pair for pair in members if pair[1].input_key not in arrived]
        if not older:
            return set()
        values = {
            "tenant": self._tenant,
            "definitions": [definition_id for definition_id, _ in older],
            "inputs": [member.input_key for _, member in older],
            "times": [member.received_at for _, member in older],
        }
        found = await self._conn.execute(queries.FINAL, values)
        return {(row["definition_id"], row["input_key"]) async for row in found}

    async def make_runs(self, fired: Sequence[Fired]) -> list[bool]:
        """Whether each gets a run: the first of its occurrence does, unless there is one."""
        if not fired:
            return []
        first: dict[tuple[str, str], int] = {}
        for place, (definition_id, group) in enumerate(fired):
            first.setdefault((definition_id, group.occurrence_key), place)
        runs = {name: ids.run_id(self._tenant, *name) for name in first}
        groups = [fired[place][1] for place in first.values()]
        values = {
            "tenant": self._tenant,
            "at": self._at,
            "runs": list(runs.values()),
            "definitions": [definition_id for definition_id, _ in first],
            "versions": [group.version for group in groups],
            "occurrences": [occurrence_key for _, occurrence_key in first],
            "priorities": [group.priority for group in groups],
            "traces": [group.leader.traceparent for group in groups],
            "depths": [min(group.causation_depth, _MOST) for group in groups],
        }
        cursor = await self._conn.execute(queries.RUNS, values)
        made = {row["run_id"] async for row in cursor}
        self._there |= runs
        new = {run: group for run, group in zip(runs.values(), groups, strict=True) if run in made}
        if new:
            await self._fill(new)
            named = {run: name for name, run in runs.items() if run in new}
            of_cases = {
                run: (named[run][0], key)
                for run, group in new.items()
                if (key := group.case_key) is not None
            }
            await queue_for_cases(self._conn, self._tenant, of_cases)
        places = {place for name, place in first.items() if runs[name] in made}
        return [place in places for place in range(len(fired))]

    async def _fill(self, runs: Mapping[str, Group]) -> None:
        """The events of new runs, and their turns."""
        rows = [(run, *row) for run, group in runs.items() for row in _events(group)]
        names, members, places, leads, given = zip(*rows, strict=True)
        values = {
            "tenant": self._tenant,
            "runs": list(names),
            "keys": [member.event_key for member in members],
            "times": [member.received_at for member in members],
            "places": list(places),
            "leads": list(leads),
            "given": list(given),
        }
        await self._conn.execute(queries.RUN_EVENTS, values)
        alone = {run: group for run, group in runs.items() if group.case_key is None}
        values = {
            "tenant": self._tenant,
            "runs": list(alone),
            "priorities": [group.priority for group in alone.values()],
            "sizes": [min(group.size, _MOST) for group in alone.values()],
        }
        await self._conn.execute(queries.QUEUE, values)

    async def decisions(self, verdicts: Sequence[Verdict]) -> None:
        if not verdicts:
            return
        names = [
            None if each.run_of is None else (each.definition_id, each.run_of) for each in verdicts
        ]
        await self._look_for({name for name in names if name is not None})
        values = {
            "tenant": self._tenant,
            "at": self._at,
            "inputs": [each.member.input_key for each in verdicts],
            "definitions": [each.definition_id for each in verdicts],
            "versions": [each.member.version for each in verdicts],
            "outcomes": [each.outcome.value for each in verdicts],
            "reasons": [prose(each.reason) for each in verdicts],
            "occurrences": [each.member.occurrence_key for each in verdicts],
            "runs": [None if name is None else self._there.get(name) for name in names],
            "keys": [each.member.event_key for each in verdicts],
            "times": [each.member.received_at for each in verdicts],
            "traces": [json_text(trace) if trace else None for trace in map(trace_of, verdicts)],
        }
        await self._conn.execute(queries.DECISIONS, values)

    async def _look_for(self, names: Collection[tuple[str, str]]) -> None:
        """Runs that events joined or repeated; what they repeat may still be held, without one."""
        named = {ids.run_id(self._tenant, *name): name for name in names if name not in self._there}
        if named:
            values = {"tenant": self._tenant, "runs": list(named)}
            found = await self._conn.execute(queries.NAMED, values)
            self._there |= {named[row["run_id"]]: row["run_id"] async for row in found}


def _events(group: Group) -> Iterable[tuple[Member, int, bool, bool]]:
    """Members with place, whether they lead and whether the run sees them."""
    for place in verdict.places(group):
        leads = place == group.lead
        yield group.members[place], place, leads, leads or not group.alone
