"""The ledgers of chaos: what senders, PostgreSQL, the sinks and Temporal say, each by itself.

In: an installation that has settled. Out: plain rows, to be compared by `chaos_count` and
`chaos_promises`. PostgreSQL is asked in SQL; nothing of the product takes part.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from temporalio.client import Client
from tests.api import Json
from tests.faults.chaos_senders import SendersLog
from tests.faults.installation import Installation
from tests.invariants import Connection, Published
from tests.outside import Outside

Row = Mapping[str, Any]
OURS = "chaos-%"

ROUTED = """
    select e.source || ' ' || e.event_id as name, e.received_at, e.occurred_at, r.listened,
        r.routed_at
    from events e left join routings r using (tenant, event_key)
    where e.source like '/chaos/%'"""
DECIDED = """
    select e.source || ' ' || e.event_id as name, d.definition_id, d.outcome, d.reason, d.run_id,
        d.decided_at
    from decisions d join events e using (tenant, event_key) where d.definition_id like %s"""
RUNS = """
    select run_id, definition_id, status, fired_at, started_at, finished_at, recorded_at
    from runs where definition_id like %s order by fired_at, run_id"""
MEMBERS = """
    select m.run_id, e.source || ' ' || e.event_id as name, m.lead, m.given
    from run_events m join runs r using (tenant, run_id) join events e using (tenant, event_key)
    where r.definition_id like %s order by m.run_id, m.place"""
TASKS = """
    select task_id, run_id, spec_id, kind, status from tasks where definition_id like %s"""
WORKFLOWS = """
    select distinct x.workflow_id
    from executions x join attempts a using (tenant, execution_id) join runs r using (tenant, run_id)
    where r.definition_id like %s"""  # noqa: E501 - readable as SQL


@dataclass(frozen=True)
class Said:
    """One message that reached a sink: its id, of which task, and what it told."""

    id: str
    task_id: str
    definition_id: str
    events: tuple[str, ...]


@dataclass
class Ledgers:
    """Everything, at one moment. `sent` are the events by name, `in_order` those names by sender;
    `announced` and `called` are what came to the stream and to the HTTP server, `workflows` what
    Temporal says of each workflow: how often it was started, and its states.
    """

    sent: Mapping[str, Json]
    in_order: Sequence[Sequence[str]] = ()
    events: Sequence[Row] = ()
    decisions: Sequence[Row] = ()
    runs: Mapping[str, Row] = field(default_factory=dict)
    members: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    tasks: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    executions: frozenset[str] = frozenset()
    announced: Sequence[Said] = ()
    called: Sequence[Said] = ()
    workflows: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._events = {row["name"]: row for row in self.events}
        self._decisions = _grouped(self.decisions, "definition_id")
        self._members: defaultdict[str, list[Row]] = defaultdict(list)
        for run_id, rows in self.members.items():
            if run_id in self.runs:
                self._members[self.runs[run_id]["definition_id"]] += rows

    def time_of(self, name: str) -> datetime:
        """An event's own time, or when it was received."""
        row = self._events[name]
        found: datetime = row["occurred_at"] or row["received_at"]
        return found

    def routed_at(self, name: str) -> datetime:
        """When it was routed; if it was buried instead, when it was received."""
        row = self._events[name]
        found: datetime = row["routed_at"] or row["received_at"]
        return found

    def decisions_of(self, definition_id: str) -> Sequence[Row]:
        return self._decisions.get(definition_id, ())

    def members_of(self, definition_id: str) -> Sequence[Row]:
        """Of all of its runs."""
        return self._members.get(definition_id, ())


async def read_tables(connection: Connection, log: SendersLog, definitions: str = OURS) -> Ledgers:
    """What the senders and PostgreSQL say."""

    async def rows(query: str) -> list[Row]:
        cursor = await connection.execute(query.encode(), [definitions] if "%s" in query else None)
        return list(await cursor.fetchall())

    return Ledgers(
        log.accepted,
        log.in_order,
        await rows(ROUTED),
        await rows(DECIDED),
        {row["run_id"]: row for row in await rows(RUNS)},
        _grouped(await rows(MEMBERS), "run_id"),
        _grouped(await rows(TASKS), "run_id"),
        frozenset(row["workflow_id"] for row in await rows(WORKFLOWS)),
    )


async def read_sinks(
    running: Installation,
    outside: Outside,
    ledgers: Ledgers,
    published: Iterable[Published],
    callers: Iterable[str],
) -> None:
    """Add what reached the sinks, of these definitions the HTTP server, and what Temporal says."""
    ledgers.announced = [said for each in published for said in _announced(each)]
    ledgers.called = [
        Said(key, key, caller, tuple(request.body["events"]))
        for caller in callers
        for request in outside.requests(f"/chaos/{caller}")
        if (key := request.headers["idempotency-key"])
        and request.body  # none: its sender was killed before it came to that
    ]
    client = await Client.connect(str(running.env["ACTIVITY_CORE_TEMPORAL_ADDRESS"]))
    found: defaultdict[str, list[str]] = defaultdict(list)
    async for workflow in client.list_workflows():
        if workflow.id in ledgers.executions and workflow.status is not None:
            found[workflow.id].append(workflow.status.name)
    ledgers.workflows = found


def _announced(message: Published) -> list[Said]:
    body = json.loads(message.body)
    if body["type"] != "chaos.said":
        return []
    return [Said(body["id"], body["subject"], body["data"]["of"], tuple(body["data"]["events"]))]


def _grouped(rows: Iterable[Row], column: str) -> dict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return found


def repeated(names: Sequence[Any]) -> list[Any]:
    """Those that occur more than once."""
    return [name for name, times in Counter(names).items() if times > 1]
