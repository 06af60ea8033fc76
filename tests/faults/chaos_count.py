"""The count of chaos: the ledgers against each other, and against what an oracle says.

In: definitions, ledgers. Out: one line per violation. What must hold: every event has exactly one
decision for each definition that it is for, and none for others; every run its events, its tasks
and its workflow, once; every message to a sink its one id.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from tests.faults.chaos_definitions import Definition
from tests.faults.chaos_ledgers import Ledgers, Said, repeated
from tests.faults.chaos_oracle import Oracle

FIRST = ("fired", "failed")
MAY_BE = {
    "same": ("fired", "deduplicated"),
    "batch": ("fired", "merged"),
    "batch-by-key": ("fired", "merged"),
    "batch-of-same": ("fired", "merged", "deduplicated"),
    "burst-last": ("fired", "merged"),
    "burst-first": ("fired", "merged"),
    "burst-all": ("fired", "merged"),
    "throttled": ("fired", "throttled"),
    "crowded-out": ("fired", "dropped"),
    "newest": ("fired", "dropped"),
    "batches-in-order": ("fired", "merged"),
    "bursts-in-turn": ("fired", "merged"),
    "crowd": ("fired", "merged"),
    "careful": ("fired", "failed"),
    "very-careful": ("fired", "merged", "failed"),
    "silent": ("skipped",),
    "all-of": ("fired", "merged", "dropped"),
    "any-of": ("fired", "merged", "dropped", "deduplicated"),
    "sequence": ("fired", "merged", "dropped"),
    "count": ("fired", "merged", "dropped"),
    "absent": ("fired", "dropped"),
    "heartbeat": ("fired", "dropped"),
}
"""Final outcomes by shape; `fired` alone for all others."""

IN_A_RUN = ("fired", "merged")


def count(definitions: Sequence[Definition], ledgers: Ledgers, oracle: Oracle) -> list[str]:
    """All violations of all ledgers."""
    return [
        *count_decisions(definitions, ledgers, oracle),
        *_tasks(definitions, ledgers),
        *_sinks(definitions, ledgers),
        *_workflows(ledgers),
    ]


def count_decisions(
    definitions: Sequence[Definition], ledgers: Ledgers, oracle: Oracle
) -> list[str]:
    """Those of what was decided; nothing needs to have run."""
    found = [f"accepted event is lost: {each}" for each in _lacking(ledgers.sent, _stored(ledgers))]
    found += [f"event is stored twice: {name}" for name in repeated(list(_stored(ledgers)))]
    found += [
        f"another number listened: {row['name']}: {row['listened']}"
        for row in ledgers.events
        if row["listened"] != oracle.listened.get(row["name"])
    ]
    for each in definitions:
        found += [f"{line} ({each.id})" for line in _of_one(each, ledgers, oracle)]
    return found + _runs(ledgers)


def _of_one(each: Definition, ledgers: Ledgers, oracle: Oracle) -> Iterator[str]:
    decisions = ledgers.decisions_of(each.id)
    names = [row["name"] for row in decisions]
    wanted = oracle.wanted[each.id]
    yield from _lines("event has no decision", wanted.all - set(names))
    yield from _lines("decision is about an event that is not for it", set(names) - wanted.all)
    yield from _lines("event is decided twice", repeated(names))
    allowed = MAY_BE.get(each.shape, ("fired",))
    yield from _lines(
        "decided otherwise than its flow control allows",
        (f"{row['name']}: {row['outcome']}" for row in decisions if row["outcome"] not in allowed),
    )
    failed = {row["name"] for row in decisions if row["outcome"] == "failed"}
    yield from _lines("filter failed for one and not the other", failed ^ wanted.failed)
    in_runs = [row["name"] for row in ledgers.members_of(each.id)]
    yield from _lines("event has two runs", repeated(in_runs))
    decided = {(row["name"], row["run_id"]) for row in decisions if row["outcome"] in IN_A_RUN}
    joined = {(row["name"], row["run_id"]) for row in ledgers.members_of(each.id)}
    yield from _lines("decision and run do not name each other", decided ^ joined)


def _runs(ledgers: Ledgers) -> list[str]:
    """Exactly one event leads a run, and that one fired it."""
    fired: defaultdict[str, list[str]] = defaultdict(list)
    for row in ledgers.decisions:
        if row["outcome"] == "fired":
            fired[row["run_id"]].append(row["name"])
    leads = {
        run_id: [row["name"] for row in ledgers.members.get(run_id, ()) if row["lead"]]
        for run_id in ledgers.runs
    }
    wrong = [
        run_id for run_id in leads if len(leads[run_id]) != 1 or leads[run_id] != fired[run_id]
    ]
    return [
        *_lines("run was not fired by the event that leads it, once", wrong),
        *_lines("fired without a run", fired.keys() - leads.keys()),
    ]


def _tasks(definitions: Sequence[Definition], ledgers: Ledgers) -> Iterator[str]:
    """Once recorded a run has the tasks of its rule, each once; else it was displaced."""
    wanted = {
        each.id: sorted(task["id"] for task in each.document["rules"][0]["tasks"])
        for each in definitions
    }
    waiting = {each.id for each in definitions if each.shape == "newest"}
    for run_id, run in ledgers.runs.items():
        tasks = ledgers.tasks.get(run_id, ())
        displaced = run["status"] == "cancelled" and run["definition_id"] in waiting
        if run["status"] != "completed" and not displaced:
            yield f"run is {run['status']}: {run_id}"
        expected = wanted[run["definition_id"]] if run["recorded_at"] is not None else []
        if sorted(task["spec_id"] for task in tasks) != expected:
            yield f"run has other tasks than its rule: {run_id}"
        yield from _lines(
            "automated task is not completed",
            (
                task["task_id"]
                for task in tasks
                if task["kind"] != "human" and task["status"] != "completed" and not displaced
            ),
        )


def _sinks(definitions: Sequence[Definition], ledgers: Ledgers) -> Iterator[str]:
    """What a sink heard: of each event of a definition once, by the id of the run's task."""
    for spec, heard in (("say", ledgers.announced), ("call", ledgers.called)):
        yield from _one_sink(spec, heard, ledgers, {each.id for each in definitions})


def _one_sink(
    spec: str, heard: Sequence[Said], ledgers: Ledgers, ours: Collection[str]
) -> Iterator[str]:
    mine = {said for said in heard if said.definition_id in ours}
    ids = {said.task_id for said in mine}
    yield from _lines(f"`{spec}` said different things", repeated([said.task_id for said in mine]))
    told = [(said.definition_id, name) for said in mine for name in said.events]
    yield from _lines(f"`{spec}` told of an event twice", repeated(told))
    recorded = {
        task["task_id"]: task
        for tasks in ledgers.tasks.values()
        for task in tasks
        if task["spec_id"] == spec
    }
    yield from _lines(f"`{spec}` was never recorded", ids - recorded.keys())
    done = {id_: task for id_, task in recorded.items() if task["status"] == "completed"}
    yield from _lines(f"`{spec}` never left", done.keys() - ids)
    given = {said.task_id: said.events for said in mine}
    for id_ in done.keys() & given.keys():
        members = ledgers.members[done[id_]["run_id"]]
        if list(given[id_]) != [row["name"] for row in members if row["given"]]:
            yield f"`{spec}` told of other events than those of its run: {id_}"


def _workflows(ledgers: Ledgers) -> Iterator[str]:
    """Each execution has one workflow, which is over."""
    yield from _lines("workflow is not known", ledgers.executions - ledgers.workflows.keys())
    for id_, states in ledgers.workflows.items():
        if len(states) != 1:
            yield f"workflow was started {len(states)} times: {id_}"
        if set(states) - {"COMPLETED", "CANCELED"}:
            yield f"workflow is {states}: {id_}"


def _stored(ledgers: Ledgers) -> Sequence[str]:
    return [row["name"] for row in ledgers.events]


def _lacking(wanted: Iterable[str], there: Iterable[str]) -> set[str]:
    return set(wanted) - set(there)


def _lines(what: str, subjects: Iterable[Any]) -> Iterator[str]:
    for subject in subjects:
        yield f"{what}: {subject}"
