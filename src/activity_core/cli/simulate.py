"""The command that asks what would become of an event that nobody sent."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.tree import Tree

from activity_core.cli.arguments import api, file_bytes, json_object
from activity_core.cli.client import RefusedError
from activity_core.cli.output import AsJson, print_tree, text
from activity_core.cli.tree_lines import Row, add_misses, count, line, root, words
from activity_core.core.errors import InvalidDefinitionError

simulate = typer.Typer(no_args_is_help=True, help="What would happen, without it happening.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(simulate, name="simulate")


@simulate.callback()
def _group() -> None:
    """What would happen, without it happening."""


@simulate.command("event")
def event(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An event as JSON; - is a pipe.")],
    *,
    definitions: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", exists=True, help="Drafts: a file or directory; repeatable."),
    ] = None,
    sender: Annotated[
        str | None, typer.Option(help="Id of the source that would send it; else nobody's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What every definition would make of an event, and what would follow; nothing is stored."""
    body: dict[str, Any] = {"event": json_object(file_bytes(file, "FILE"), "FILE")}
    if sender is not None:
        body["sender"] = sender
    answer = _asked(ctx, body, definitions or [])
    print_tree(simulation_tree(answer), answer, as_json=as_json)


def _asked(ctx: typer.Context, body: dict[str, Any], drafts: list[Path]) -> Any:
    if not drafts:
        return api(ctx).post("simulations", "event", body=body)
    from activity_core.cli import definition_files  # noqa: PLC0415 - compilers; only needed here
    from activity_core.core.definition_file.bundle import merge  # noqa: PLC0415 - as above

    bundle = merge(definition_files.read(path)[1] for path in drafts)
    body["drafts"] = json.dumps(definition_files.documents(bundle))
    try:
        return api(ctx).post("simulations", "event", body=body)
    except RefusedError as error:
        if not error.issues:
            raise
        raise InvalidDefinitionError(definition_files.located(bundle, error.issues)) from None


def simulation_tree(answer: Row) -> Tree:
    """What would become of it."""
    tree = root(words("bold", "event ", answer["type"]), f"  {answer['source']} {answer['id']}")
    admission = answer["admission"]
    if admission["allowed"]:
        masked = "with its secrets masked" if admission["masked"] else ""
        tree.add(line("would come in", masked, _came_before(answer)))
    else:
        tree.add(line("would be refused", admission["code"], text(admission["message"])))
    listened = count(answer["listened"], "definition")
    tree.add(line("would be routed", f"at revision {answer['revision']}: {listened} would listen"))
    for verdict in answer["verdicts"]:
        _add_verdict(tree, verdict)
    for run_id in answer["displaces"]:
        tree.add(line("would cancel", f"run {run_id}"))
    add_misses(tree, answer)
    return tree


def _came_before(answer: Row) -> str:
    return "but came before: a duplicate, or a conflict" if answer["state"] == "duplicate" else ""


def _add_verdict(tree: Tree, verdict: Row) -> None:
    draft = "draft" if verdict["draft"] else ""
    name = f"{verdict['definition_id']} v{verdict['version']}"
    branch = tree.add(line(name, draft, verdict["outcome"], text(verdict["reason"])))
    if verdict["stage"]:
        until = f"until {verdict['until']}" if verdict["until"] else ""
        branch.add(line("held by", verdict["stage"], until))
    if verdict["run_id"]:
        branch.add(line("run", verdict["run_id"]))
    if follows := verdict["follows"]:
        _add_follows(branch, follows)


def _add_follows(branch: Tree, follows: Row) -> None:
    if asks := follows["asks"]:
        named = ", ".join(f"{name} ({kind})" for name, kind in asks.items())
        branch.add(line("would ask", named))
    if failure := follows["failure"]:
        branch.add(words("red", "would fail: ", failure["code"], ": ", failure["message"]))
    for task in follows["tasks"]:
        whom = task["assignee"] or ", ".join(task["groups"])
        name = f"task {task['rule']}/{task['spec_id']}"
        branch.add(line(name, task["kind"], task["title"], f"for {whom}" if whom else ""))
    if follows["more_tasks"]:
        branch.add(line("", f"and {count(follows['more_tasks'], 'more task')}"))
