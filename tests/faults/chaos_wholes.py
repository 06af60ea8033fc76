"""The promises of composites: what a run is of is a whole, by an independent look at it.

In: one definition as its document, ledgers, the parts that the oracle found. Out: one line per
run that is none. Times are those of the events, or when they were received if they have none.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import permutations

from tests.faults.chaos_definitions import Definition, seconds
from tests.faults.chaos_ledgers import Ledgers, Row
from tests.faults.chaos_oracle import Oracle, Wanted, value_of


def broken_wholes(definition: Definition, ledgers: Ledgers, oracle: Oracle) -> Iterator[str]:
    """Runs whose events do not make what the composite asks for."""
    whole = definition.composite
    if not whole:
        return
    within, wanted = seconds(whole["within"]), oracle.wanted[definition.id]
    for run in ledgers.runs.values():
        if run["definition_id"] != definition.id:
            continue
        names = [row["name"] for row in ledgers.members[run["run_id"]]]
        times = [ledgers.time_of(name) for name in names]
        if times != sorted(times):
            yield f"events of a whole are not in order of their times: {run['run_id']}"
        if times[-1] - times[0] > within:
            yield f"whole takes longer than `within`: {run['run_id']}"
        if len({value_of(whole["key"], ledgers.sent[name]) for name in names}) != 1:
            yield f"whole of several keys: {run['run_id']}"
        if not _is_whole(definition, [wanted.parts[name] for name in names]):
            yield f"no whole: {run['run_id']}"
        if "absent" in whole:
            yield from _answered(definition, ledgers, wanted, run)


def _is_whole(definition: Definition, parts: Sequence[frozenset[str]]) -> bool:
    """Whether each event can be a part of its own, in order if that is asked for."""
    whole = definition.composite
    names = list(definition.patterns)
    if "absent" in whole:
        return len(parts) == 1 and names[0] in parts[0]
    if "count" in whole:
        return len(parts) == whole["count"]["at_least"] and all(parts)
    number = whole.get("at_least", 1) if "any_of" in whole else len(names)
    ways = [tuple(names)] if "sequence" in whole else permutations(names, len(parts))
    return len(parts) == number and any(
        all(name in each for name, each in zip(way, parts, strict=True)) for way in ways
    )


def _answered(definition: Definition, ledgers: Ledgers, wanted: Wanted, run: Row) -> Iterator[str]:
    """Nobody fires for an event whose answer had been routed, and was in time.

    Who came before whom counts by their own times; one that came long before is forgotten.
    """
    whole, within = definition.composite, seconds(definition.composite["within"])
    [name] = [row["name"] for row in ledgers.members[run["run_id"]]]
    key, at = value_of(whole["key"], ledgers.sent[name]), ledgers.time_of(name)
    since, until = ledgers.routed_at(name) - within, run["fired_at"]
    for row in ledgers.decisions_of(definition.id):
        other = row["name"]
        is_answer = other != name and "of" in wanted.parts.get(other, ())
        if not is_answer or value_of(whole["key"], ledgers.sent[other]) != key:
            continue
        lag = ledgers.time_of(other) - at
        in_time = timedelta() <= lag <= within and (lag or "after" in whole)
        if in_time and since < ledgers.routed_at(other) < until:
            yield f"{run['run_id']} fired although {other} had come"
