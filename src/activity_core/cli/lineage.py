"""Lineages: a run or a task back to its first cause, as a tree that reads from effect to cause.

In: the JSON of `GET /v1/runs/…/explain` and `/v1/tasks/…/explain`. Out: rich trees.
"""

from rich.text import Text
from rich.tree import Tree

from activity_core.cli.tree_lines import Row, count, line, root, words


def task_tree(task: Row) -> Tree:
    """A task and everything that led to it."""
    tree = root(words("bold", "task ", task["task_id"]), f"  {task['title']}")
    tree.add(line("status", task["status"]))
    _add_link(tree, task["lineage"])
    return tree


def add_lineage(tree: Tree, lineage: Row) -> None:
    """What led to a run that is shown already, if it was one of our own events."""
    for cause in lineage["causes"]:
        if cause["emitted_by"]:
            _add_cause(tree, cause)


def _add_link(tree: Tree, link: Row) -> None:
    """The task that is on the way, if it is one, and its run, and what that is for."""
    if task := link["task"]:
        name = f"{task['rule']}/{task['spec_id']}"
        tree = tree.add(line(f"task {name}", task["kind"], task["title"]))
        if rule := link["rule"]:
            held = f"held {rule['matched']} of {rule['evaluated']}"
            tree.add(line(f"rule {rule['rule']}", f"{held}, {count(rule['tasks'], 'task')}"))
    of = f"{link['definition_id']} v{link['version_used']}"
    context = Text(f"context {str(link['context_hash'])[:12]}", "dim")
    run = tree.add(line(f"run {link['run_id']}", of, link["trigger"], link["fired_at"], context))
    if link["case_id"]:
        run.add(line("case", link["case_id"]))
    for cause in link["causes"]:
        _add_cause(run, cause)
    if link["more_causes"]:
        run.add(line("", f"and {count(link['more_causes'], 'more event')}"))


def _add_cause(tree: Tree, cause: Row) -> None:
    event = cause["event"] or {}
    branch = tree.add(line(f"because of {cause['kind']}", cause["name"], event.get("type")))
    if event.get("received_at"):
        branch.add(line("received", event["received_at"], "via", event["via"]))
    told = dict.fromkeys(
        (each["outcome"], each["reason"], _asked_by(each)) for each in cause["decisions"]
    )
    for outcome, reason, by in told:
        branch.add(line("decision", outcome, reason, by))
    if cause["emitted_by"]:
        _add_link(branch.add(line("emitted by")), cause["emitted_by"])


def _asked_by(decision: Row) -> str:
    for noun in ("backfill", "replay"):
        if id_ := decision[f"{noun}_id"]:
            return f"by {noun} {id_}"
    return ""
