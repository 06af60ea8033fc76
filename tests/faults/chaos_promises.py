"""The promises of flow control, counted over the runs that there were.

In: definitions as documents, ledgers, the oracle's parts. Out: one line per broken promise. What a
control promises is read from the document, and keys are evaluated by CEL alone.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise

from tests.api import Json
from tests.faults.chaos_definitions import Definition, seconds
from tests.faults.chaos_ledgers import Ledgers, Row, repeated
from tests.faults.chaos_oracle import Oracle, value_of
from tests.faults.chaos_wholes import broken_wholes


def broken(definitions: Sequence[Definition], ledgers: Ledgers, oracle: Oracle) -> list[str]:
    """Every promise that was not kept."""
    found = []
    for each in definitions:
        history = History(each, ledgers)
        lines = [line for check in CHECKS for line in check(history)]
        lines += broken_wholes(each, ledgers, oracle)
        found += [f"{line} ({each.id})" for line in lines]
    return found


@dataclass
class History:
    """What became of one definition."""

    definition: Definition
    ledgers: Ledgers

    def control(self, name: str) -> Json | None:
        return self.definition.control.get(name)

    @cached_property
    def runs(self) -> Sequence[Row]:
        """In the order in which they were fired."""
        return [
            run for run in self.ledgers.runs.values() if run["definition_id"] == self.definition.id
        ]

    def members(self, run: Row) -> Sequence[str]:
        return [row["name"] for row in self.ledgers.members[run["run_id"]]]

    def leader(self, run: Row) -> str:
        leads = [row["name"] for row in self.ledgers.members[run["run_id"]] if row["lead"]]
        return str(leads[0])

    def key(self, control: Json, name: str) -> object:
        return value_of(control["key"], self.ledgers.sent[name]) if "key" in control else None

    def by_key(self, control: Json) -> dict[object, list[Row]]:
        found: defaultdict[object, list[Row]] = defaultdict(list)
        for run in self.runs:
            found[self.key(control, self.leader(run))].append(run)
        return found


def _collected(history: History) -> Iterator[str]:
    control = history.control("batch") or history.control("debounce")
    if control is None:
        return
    most = control.get("max_size", 1_000)
    keep = control.get("keep", "all" if "max_size" in control else "last")
    for run in history.runs:
        members = history.members(run)
        if len(members) > most:
            yield f"run of {len(members)} events: {run['run_id']}"
        if len({str(history.key(control, name)) for name in members}) != 1:
            yield f"run of several keys: {run['run_id']}"
        place = 0 if "max_size" in control or keep == "first" else -1
        if history.leader(run) != members[place]:
            yield f"another event leads: {run['run_id']}"
        given = [row["name"] for row in history.ledgers.members[run["run_id"]] if row["given"]]
        if given != (members if keep == "all" else [members[place]]):
            yield f"run sees other events: {run['run_id']}"


def _deduplicated(history: History) -> Iterator[str]:
    text = history.definition.control.get("dedupe_key")
    if text is None:
        return
    members = [name for run in history.runs for name in history.members(run)]
    for value in repeated([value_of(text, history.ledgers.sent[name]) for name in members]):
        yield f"dedupe_key has two runs: {value}"
    fired = {value_of(text, history.ledgers.sent[name]) for name in members}
    for row in history.ledgers.decisions_of(history.definition.id):
        if value_of(text, history.ledgers.sent[row["name"]]) not in fired:
            yield f"dedupe_key has no run: {row['name']}"


def _throttled(history: History) -> Iterator[str]:
    control = history.control("throttle")
    if control is None or history.control("order") or history.control("concurrency"):
        return  # those hold what a throttle let through
    for runs in history.by_key(control).values():
        starts = [run["fired_at"] for run in runs]
        for first, beyond in zip(starts, starts[control["limit"] :], strict=False):
            if beyond - first < seconds(control["per"]):
                yield f"over the limit of its throttle: {first} to {beyond}"


def _in_order(history: History) -> Iterator[str]:
    control = history.control("order")
    if control is None:
        return
    sent = {
        name: (s, place)
        for s, log in enumerate(history.ledgers.in_order)
        for place, name in enumerate(log)
    }
    for runs in history.by_key(control).values():
        in_turn = sorted(runs, key=_started)
        for earlier, later in pairwise(in_turn):
            if _started(later) < earlier["finished_at"]:
                yield f"{later['run_id']} did not wait for {earlier['run_id']}"
        last: dict[int, int] = {}
        for run in in_turn:
            for sender, place in (sent[n] for n in history.members(run) if n in sent):
                if place < last.get(sender, -1):
                    yield f"out of order: {run['run_id']}"
                last[sender] = place


def _limited(history: History) -> Iterator[str]:
    control = history.control("concurrency")
    if control is None:
        return
    for runs in history.by_key(control).values():
        yield from _over(control["limit"], runs, lambda run: run["fired_at"])
        yield from _over(control["limit"], runs, _started)


def _over(limit: int, runs: Sequence[Row], begun: Callable[[Row], datetime]) -> Iterator[str]:
    """More than `limit` at once. Ends count before beginnings of the same instant."""
    steps = []
    for run in runs:
        if begun(run) < run["finished_at"]:
            steps += [(begun(run), 1, run["run_id"]), (run["finished_at"], -1, "")]
    open_ = 0
    for at, step, run_id in sorted(steps, key=lambda each: (each[0], each[1])):
        open_ += step
        if open_ > limit:
            yield f"{open_} runs at once: {run_id} at {at}"


def _started(run: Row) -> datetime:
    """One that was displaced before it started was open at no time."""
    started: datetime = run["started_at"] or run["finished_at"]
    return started


CHECKS = (_collected, _deduplicated, _throttled, _in_order, _limited)
