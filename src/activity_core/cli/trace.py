"""Traces: what happened with an event or a run, as a tree that reads from cause to effect.

In: the JSON of `GET /v1/events/…`, `/v1/runs/…` and their explanations. Out: rich trees
(event → decisions → runs → context → rules → tasks → events out).
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from rich.text import Text
from rich.tree import Tree

from activity_core.cli.lineage import add_lineage
from activity_core.cli.output import text
from activity_core.cli.tree_lines import Row, add_misses, count, line, root, words


def event_tree(event: Row) -> Tree:
    """An event; its verdicts if it was explained, its decisions if not."""
    if event["state"] == "refused":
        tree = root(words("bold", "event"), f"  {event['source'] or ''} {event['id']}")
        tree.add(line("never came in"))
        return _with_refusals(tree, event)
    tree = root(words("bold", "event ", event["type"]), f"  {event['source']} {event['id']}")
    tree.add(line("received", event["received_at"], "via", event["via"]))
    envelope = event["envelope"]
    if event["subject"]:
        tree.add(line("subject", event["subject"]))
    if envelope.get("data") is not None:
        tree.add(line("data", envelope["data"]))
    tree.add(_routing(event["routing"], event["state"]))
    runs = {run["run_id"]: run for run in event.get("runs", ())}
    for verdict in event.get("verdicts", event["decisions"]):
        branch = tree.add(_verdict(verdict))
        run_id = verdict.get("run_id")
        if run_id in runs:
            _add_run(branch, runs.pop(run_id))
        elif run_id:
            branch.add(line("run", run_id))
    add_misses(tree, event)
    return _with_refusals(tree, event)


def _with_refusals(tree: Tree, event: Row) -> Tree:
    for refusal in event.get("refusals", ()):
        branch = tree.add(line("refused", refusal["code"], refusal["refused_at"]))
        branch.add(line("via", refusal["via"], "from", refusal["sender"]))
        branch.add(line(refusal["message"]))
    return tree


def run_tree(run: Row) -> Tree:
    """A run with everything that led to it and followed from it."""
    holder = Tree("")
    return _add_run(holder, run)


def slot_tree(slot: Row) -> Tree:
    """A slot: what became of it, or why nothing did, and its runs."""
    tree = root(words("bold", "slot ", slot["slot"]), f"  of {slot['definition_id']}")
    tree.add(line("there", slot["local"], slot["timezone"]))
    tree.add(line(slot["state"].replace("_", " "), slot["why"]))
    if slot["next_look"]:
        tree.add(line("looked for", f"at {slot['next_look']} at the latest"))
    if slot["state"] == "none":
        tree.add(line("slots around", slot["previous_slot"] or "none", slot["next_slot"] or "none"))
    runs = {run["run_id"]: run for run in slot["runs"]}
    for decision in slot["decisions"]:
        branch = tree.add(_verdict(decision))
        by = f"backfill {decision['backfill_id']}" if decision["backfill_id"] else ""
        branch.add(line("decided", decision["decided_at"], by))
        if decision["run_id"] in runs:
            _add_run(branch, runs.pop(decision["run_id"]))
    return tree


def _add_run(parent: Tree, run: Row) -> Tree:
    of = f"{run['definition_id']} v{run['version_used']}"
    tree = parent.add(line(f"run {run['run_id']}", of, run["status"]))
    tree.add(_cause(run))
    if lineage := run.get("lineage"):
        add_lineage(tree, lineage)
    tree.add(_times(run))
    alike = Counter((decision["outcome"], decision["reason"]) for decision in run["decisions"])
    for (outcome, reason), number in alike.items():
        times = Text(f"{number} times", "dim") if number > 1 else ""
        tree.add(line("decision", outcome, reason, times))
    if run["failure"]:
        failure = run["failure"]
        tree.add(words("red", run["status"], ": ", failure["code"], ": ", failure["message"]))
    _add_context(tree, run)
    _group(tree, "rules", (_rule(rule) for rule in run["rules"] or ()))
    _add_tasks(tree, run["tasks"])
    _group(tree, "events out", map(_event_out, run["events_out"]))
    _group(tree, "log", map(_log_line, run["log"]))
    return tree


def _cause(run: Row) -> Text:
    if run["events"]:
        named = ", ".join(f"{event['source']} {event['id']}" for event in run["events"])
        return line("because of", f"event {named}")
    if run["gap"]:
        gap = run["gap"]
        missed = f"{count(gap['count'], 'missed slot')}, {gap['start']} to {gap['end']}"
        return line("because of", missed)
    if run["scheduled_for"]:
        by = "a backfill of " if run["trigger"] == "backfill" else ""
        return line("because of", f"{by}the slot {run['scheduled_for']}")
    return line("because of", f"{run['trigger']} {run['occurrence_key']}", run["input"])


def _times(run: Row) -> Text:
    attempt = f"attempt {run['attempt']}" if run["attempt"] > 1 else ""
    if run["lag_seconds"] is not None:
        attempt = f"started {run['lag_seconds']:.1f} s after its slot {attempt}".rstrip()
    if not run["finished_at"]:
        return line("fired", run["fired_at"], attempt)
    took = datetime.fromisoformat(run["finished_at"]) - datetime.fromisoformat(run["fired_at"])
    seconds = Text(f"after {took.total_seconds():.3f} s", "dim")
    return line("fired", f"{run['fired_at']}, finished {run['finished_at']}", seconds, attempt)


def _add_context(tree: Tree, run: Row) -> None:
    snapshot = run["context_snapshot"]
    if snapshot is None:
        return
    branch = tree.add(words("bold", "context ") + Text(str(run["context_hash"])[:12], "dim"))
    for name, value in snapshot.get("context", {}).items():
        branch.add(line(name, value))


def _rule(rule: Row) -> Text:
    return line(
        rule["rule"],
        f"held {rule['matched']} of {rule['evaluated']}, {count(rule['tasks'], 'task')}",
    )


def _add_tasks(tree: Tree, tasks: Iterable[Row]) -> None:
    rows = list(tasks)
    if not rows:
        return
    branch = tree.add(words("bold", "tasks"))
    for task in rows:
        leaf = branch.add(line(f"{task['rule']}/{task['spec_id']}", task["kind"], task["status"]))
        leaf.add(line("", task["title"], Text(task["task_id"], "dim")))
        whom = task["assignee"] or ", ".join(task["groups"])
        if whom:
            leaf.add(line("for", whom, *(("due", task["due_at"]) if task["due_at"] else ())))
        if task["outcome"]:
            by = ("by", task["completed_by"]) if task["completed_by"] else ()
            leaf.add(line("outcome", task["outcome"], *by))
        if task["error"]:
            leaf.add(words("red", task["error_type"] or "failed", ": ", task["error"]))


def _event_out(event: Row) -> Text:
    sent = Text("sent", "green") if event["sent"] else Text("waiting", "yellow")
    return line(event["type"], event["subject"], sent)


def _log_line(entry: Row) -> Text:
    by = f"by {entry['by']}" + (f": {entry['reason']}" if entry["reason"] else "")
    return line(entry["action"].replace("_", " "), by, entry["about"], Text(entry["at"], "dim"))


def _routing(routing: Row | None, state: str) -> Text:
    if routing is None:
        return line("not routed", state)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in routing["counts"].items())
    listened = count(routing["listened"], "definition")
    where = f"at revision {routing['revision']}: {listened} listened"
    return line("routed", f"{where}, {counts}" if counts else where)


def _verdict(verdict: Row) -> Text:
    name = f"{verdict['definition_id']} v{verdict['version']}"
    by = f"by replay {verdict['replay_id']}" if verdict.get("replay_id") else ""
    return line(name, verdict["outcome"], text(verdict["reason"]), by)


def _group(tree: Tree, title: str, lines: Iterable[Text]) -> None:
    rows = list(lines)
    if rows:
        branch = tree.add(words("bold", title))
        for row in rows:
            branch.add(row)
