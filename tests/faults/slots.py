"""Slots, counted from outside: what a schedule asked for, and what the tables say became of it.

Nothing of the product is used. Only intervals are counted here, because those anybody can count;
which instants crons mean is tested elsewhere.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Protocol

from tests.invariants import Connection

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ON_TIME = timedelta(seconds=5)
MAKES_A_RUN = frozenset({"fired", "late", "caught_up", "compressed"})
SERIAL = frozenset({"skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other"})


class Policies(Protocol):
    """What counting must know of a definition: due every few seconds (at most 5, so that every
    slot that is late has a successor), `longest_delay` is the window of its misfire policy.
    """

    @property
    def id(self) -> str: ...
    @property
    def every(self) -> int: ...
    @property
    def policy(self) -> str: ...
    @property
    def longest_delay(self) -> timedelta: ...
    @property
    def max_runs(self) -> int | None: ...
    @property
    def overlap(self) -> str: ...


@dataclass(frozen=True)
class Ledger:
    """What the tables say about one definition, all of it at one moment."""

    since: datetime
    until: datetime
    decisions: Sequence[Mapping[str, Any]]
    runs: Sequence[Mapping[str, Any]]

    def groups(self) -> dict[datetime, list[Mapping[str, Any]]]:
        """Decisions in order of slots, by when they were made."""
        found: dict[datetime, list[Mapping[str, Any]]] = defaultdict(list)
        for row in self.decisions:
            found[row["decided_at"]].append(row)
        return found

    def within(self, after: datetime, until: datetime) -> list[Mapping[str, Any]]:
        """Decisions about slots in (after, until]."""
        return [row for row in self.decisions if after < row["slot"] <= until]

    def of_outcome(self, *outcomes: str) -> list[Mapping[str, Any]]:
        return [row for row in self.decisions if row["outcome"] in outcomes]


LEDGER = """
select
    (select min(at) from registry_log where definition_id = %(id)s) as since,
    coalesce(
        (select covered_until from slot_cursors where definition_id = %(id)s),
        (select max(at) from registry_log where definition_id = %(id)s and retired)) as until,
    (select coalesce(json_agg(json_build_object(
            'slot', d.input_key, 'outcome', d.outcome, 'reason', d.reason, 'run_id', d.run_id,
            'decided_at', d.decided_at) order by d.input_key), '[]')
        from decisions d where d.definition_id = %(id)s and d.event_key is null) as decisions,
    (select coalesce(json_agg(json_build_object(
            'run_id', r.run_id, 'slot', r.scheduled_for, 'status', r.status,
            'fired_at', r.fired_at, 'finished_at', r.finished_at, 'started_at', r.started_at,
            'begun', r.started_at is not null or r.finished_at is not null,
            'snapshot', r.context_snapshot) order by r.scheduled_for), '[]')
        from runs r where r.definition_id = %(id)s and r.trigger = 'schedule') as runs
"""
INSTANTS = frozenset({"slot", "decided_at", "fired_at", "started_at", "finished_at"})


async def ledger(connection: Connection, definition_id: str) -> Ledger:
    """One statement, so that it is one moment although settling goes on."""
    cursor = await connection.execute(LEDGER.encode(), {"id": definition_id})
    row = await cursor.fetchone()
    assert row is not None
    until = row["until"]
    decisions = [_with_instants(found) for found in row["decisions"]]
    return Ledger(
        row["since"],
        until,
        [found for found in decisions if found["slot"] <= until],
        [_with_instants(found) for found in row["runs"]],
    )


def _with_instants(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: datetime.fromisoformat(value) if key in INSTANTS and value else value
        for key, value in row.items()
    }


def expected(every: int, after: datetime, until: datetime) -> list[datetime]:
    """The slots of an interval in (after, until], by counting."""
    step = timedelta(seconds=every)
    first, last = (after - EPOCH) // step + 1, (until - EPOCH) // step
    return [EPOCH + number * step for number in range(first, last + 1)]


def unaccounted(beat: Policies, found: Ledger) -> list[str]:
    """Slots without exactly one decision, and runs without exactly one slot."""
    wanted = expected(beat.every, found.since, found.until)
    decided = [row["slot"] for row in found.decisions]
    runs = {row["run_id"]: row for row in found.runs}
    of_runs = [row["slot"] for row in found.runs]
    named = [row for row in found.decisions if row["outcome"] in MAKES_A_RUN]
    own = {row["slot"]: row["run_id"] for row in named}
    wrong = {
        "slot without a decision": set(wanted) - set(decided),
        "decision about no slot": set(decided) - set(wanted),
        "slot decided twice": {slot for slot in decided if decided.count(slot) > 1},
        "slot with two runs": {slot for slot in of_runs if of_runs.count(slot) > 1},
        "run that no decision names": {
            row["slot"] for row in found.runs if own.get(row["slot"]) != row["run_id"]
        },
        "decision without its run": {row["slot"] for row in named if row["run_id"] not in runs},
        "decision that names another slot's run": {
            row["slot"]
            for row in named
            if row["outcome"] != "compressed"
            and runs.get(row["run_id"], row)["slot"] != row["slot"]
        },
        "refusal without its cause": {
            row["slot"]
            for row in found.decisions
            if row["outcome"] == "skipped"
            and not row["reason"].startswith(("misfire: ", "overlap: ", "paused: ", "retired: "))
        },
        "unexplained": {row["slot"] for row in found.decisions if row["outcome"] == "failed"},
    }
    return [f"{beat.id}: {what}: {slot}" for what, slots in wrong.items() for slot in sorted(slots)]


def broken_promises(beat: Policies, found: Ledger) -> list[str]:
    """Where its policies were not kept, in whatever was decided at once; see `slots.md`."""
    wrong = []
    if beat.overlap == "allow_all":
        for decided_at, rows in found.groups().items():
            open_ = [row for row in rows if not row["reason"].startswith(("paused", "retired"))]
            got = [str(row["outcome"]) for row in open_]
            wanted = _promised(beat, [decided_at - row["slot"] for row in open_])
            if got != wanted:
                wrong.append(f"{beat.id}: decided at {decided_at}: {got}, promised {wanted}")
    wrong += _compressed(beat, found)
    if beat.overlap in SERIAL:
        runs = found.runs
        wrong += [
            f"{beat.id}: the run of {later['slot']} did not wait"
            for earlier, later in pairwise(runs)
            if earlier["finished_at"] is None or earlier["finished_at"] > later["fired_at"]
        ]
    return wrong


def _promised(beat: Policies, lags: Sequence[timedelta]) -> list[str]:
    """Outcomes of slots that were decided at once, from how late each is; the latest first."""
    in_window = [lag for lag in lags if ON_TIME < lag <= beat.longest_delay]
    made_up_for = {
        "skip": in_window,
        "catch_up": in_window[-(beat.max_runs or 10) :],
        "compress": in_window,
    }[beat.policy]
    name = {"skip": "late", "catch_up": "caught_up", "compress": "compressed"}[beat.policy]
    return [
        "fired" if lag <= ON_TIME else name if lag in made_up_for else "skipped" for lag in lags
    ]


def _compressed(beat: Policies, found: Ledger) -> list[str]:
    """Each gap has one run, which knows exactly the slots that were compressed into it."""
    wrong = []
    runs = {row["run_id"]: row for row in found.runs}
    gaps: dict[str, list[datetime]] = defaultdict(list)
    moments: dict[datetime, set[str]] = defaultdict(set)
    for row in found.of_outcome("compressed"):
        gaps[row["run_id"]].append(row["slot"])
        moments[row["decided_at"]].add(row["run_id"])
    for run_id, slots in gaps.items():
        snapshot = runs[run_id]["snapshot"]
        if snapshot is None:
            continue  # its turn has not come
        known = [datetime.fromisoformat(text) for text in snapshot["slots"]]
        start, end = (datetime.fromisoformat(snapshot[name]) for name in ("gap_start", "gap_end"))
        if (known, start, end, snapshot["missed_count"]) != (
            slots,
            slots[0],
            slots[-1],
            len(slots),
        ):
            wrong.append(f"{beat.id}: {run_id} does not know its gap: {known}, {slots}")
    wrong += [
        f"{beat.id}: {len(found_runs)} runs for one gap, at {moment}"
        for moment, found_runs in moments.items()
        if len(found_runs) != 1
    ]
    return wrong
