"""Reading: lists and details for the API, the CLI and the console. Never writes.

Answers are JSON-ready objects with the published field names; lists page by opaque cursors. Times
are RFC 3339 in UTC, spelled like those of events (`2026-11-21T09:00:00Z`, a fraction only when
there is one); what is unknown or not there yet is null.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from activity_core.core.jsontext import JsonValue

Row = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Page:
    """Some items, newest first, and where the next ones start."""

    items: Sequence[Row]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A list request: equality filters by field name, 1-1000 items, from a cursor.

    `since` (included) and `until` (excluded) bound the time that orders the list.
    """

    filters: Mapping[str, str] = field(default_factory=dict)
    limit: int = 50
    cursor: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Reading(Protocol):
    """Everything an outside may look at, of one tenant.

    Unknown cursors, filters that a list does not have, and limits out of bounds raise
    BadInputError; unknown ids raise NotFoundError. Several filters must all hold.
    """

    async def events(self, query: Query) -> Page:
        """Filters: source, type, id.

        Items: source, id, type, subject, time, received_at, via, state. `state` is `pending`,
        `routed`, `unmatched` (routed, nobody listened) or `buried` (not pending and no routing).
        """
        ...

    async def event(self, source: str | None, event_id: str) -> Row:
        """One event: a list item plus envelope, routing and decisions.

        `envelope` is the structured CloudEvent; `routing` is null or revision, listened, counts,
        routed_at; `decisions` are items of that list, by definition id.

        Raises:
            NotFoundError: no such event.
            AmbiguousError: several sources sent that id; the error lists them.
        """
        ...

    async def runs(self, query: Query) -> Page:
        """Filters: definition_id, status, source, event_id (of an event that the run is for).

        Items: run_id, definition_id, version_used, occurrence_key, trigger, status, attempt,
        workflow_id, scheduled_for, lag_seconds (from slot to start; null for backfills), gap (null
        or start, end, count, slots: the newest ones), fired_at, started_at, finished_at, failure
        (null or code, message), events (each source, id), events_forgotten (how many more it is
        for, whose retention is over), tasks_spawned (task ids), context_hash, case_id (null unless
        a case took it), timer (null unless one of its case made it).
        """
        ...

    async def run(self, run_id: str) -> Row:
        """One run: a list item plus input, context_snapshot, rules, tasks, events_out, decisions.

        `rules` are rule traces by field name; `tasks` are items of that list in order of rule,
        spec_id, item; `events_out` (event_id, type, subject, created_at, sent) in order of leaving;
        `decisions` are items of that list that name the run, oldest first. Plus log
        (action, at, by, reason, about): the newest 1,000 lines, the oldest of them first.
        """
        ...

    async def tasks(self, query: Query) -> Page:
        """Filters: run_id, definition_id, status, kind, assignee, claimed_by, group (one of its).

        Also open: `true` (not ended yet) or `false`.

        Items: task_id, run_id, definition_id, version, rule, spec_id, item, kind, title, status,
        inputs, needs, assignee, groups, wait, due_at, follow_up_at, claimed_by, revision, role,
        about, late, outcome, outputs, error, error_type, comment, completed_by, created_at,
        started_at, finished_at, attempts. The texts from outcome to completed_by are null until the
        task ended.
        """
        ...

    async def task_inbox(self, query: Query) -> Page:
        """Tasks that people can do now: those due first come first, those never due last.

        Filters: group, assignee, claimed_by, definition_id. Items as of `tasks`. There is no time
        to bound: since and until are not asked for.
        """
        ...

    async def task(self, task_id: str) -> Row:
        """One task: a list item."""
        ...

    async def emitter(self, event_id: str) -> str | None:
        """The run that an outgoing event with this id is about; None: it is none of ours."""
        ...

    async def decisions(self, query: Query) -> Page:
        """Filters: definition_id, outcome, occurrence_key.

        Items: definition_id, version, outcome, reason, trace (null or what explains the outcome
        beyond that, see `core.flow.trace`), occurrence_key, run_id, source, event_id (both null
        unless an event was decided about), slot (null unless one was), lag_seconds (from slot to
        decision; null for backfills), backfill_id and replay_id (null unless it was one
        that decided), decided_at.
        """
        ...

    async def schedules(self, definition_ids: Sequence[str]) -> Mapping[str, Row]:
        """Where the schedules of definitions stand, by id; those without one are left out.

        Rows: next_slot (the first that is not decided, even if it is due already), wake_at (when
        it is looked for at the latest), since and covered_until (every slot in between is
        decided), last_slot (the latest decided one), last_outcome, last_run_id, lag_seconds (from
        that slot to its run's firing).
        """
        ...

    async def dead_letters(self, query: Query) -> Page:
        """Filters: status, via, code, source_id.

        Items: dead_letter_id, via, source_id (empty unless it came by one), subject, run_id (empty
        unless a run could not be started), definition_id (empty unless its filter failed), code,
        message, buried_at, status, resolved_by (empty while open), resolved_at.
        """
        ...

    async def refusals(self, query: Query) -> Page:
        """Filters: via, sender, code, source, event_id; only the beginning of long ones counts.

        Items: refused_at, via, sender, code, message, source, event_id, event_type (these three
        null where they are not known, or trust failed), dead_letter_id (null unless the message is
        kept).
        """
        ...
