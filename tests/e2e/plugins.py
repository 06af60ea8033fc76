"""A team's own plug-ins, installed as a wheel would be: a module and its dist-info."""

from pathlib import Path

MODULE = '''
import asyncio
import json
from pathlib import Path
from typing import Any

from activity_core.plugin import TaskContext


def exchange_rate(args, variables):
    """A context source."""
    return {"rate": args["base"] * 2, "for": variables["event"]["data"]["currency"]}


async def book(args, task):
    """A task."""
    if args.get("amount", 0) < 0:
        raise ValueError("no negative amounts")
    return {"booked": args["amount"], "under": task.task_id}


def read_pages(args: dict[str, int], task: TaskContext) -> dict[str, int]:
    """A task in a thread, that goes on where the attempt before it ended."""
    done = task.last_heartbeat or 0
    for page in range(done + 1, args["pages"] + 1):
        task.heartbeat(page)
        if task.attempt == 1 and page == 3:
            raise ConnectionError("the link broke")
    return {"began_after": done, "attempt": task.attempt}


SALES = Path(__file__).with_name("sales.json")


def say(words: str) -> None:
    with SALES.with_suffix(".log").open("a") as log:
        log.write(words + "\\n")


async def extract(args: Any, task: TaskContext) -> Any:
    """One link after the other breaks, then one says nothing any more."""
    today, began = json.loads(SALES.read_text()), task.last_heartbeat or 0
    broken = task.attempt <= today.get("links_that_break", 0)
    for row in range(began, max(today["rows"], 0)):
        if row == today.get("silent_after") and began < row:
            say(f"extract {began}-{row} silent")
            await asyncio.Event().wait()
        task.heartbeat(row + 1)
        if broken:
            say(f"extract {began}-{row + 1} broke")
            raise ConnectionError("the link broke")
    say(f"extract {began}-{today['rows']}")
    return {"path": "/sales/raw", "began_after": began}


def transform(args: Any) -> Any:
    rows = json.loads(SALES.read_text())["rows"]
    say(f"transform {args['path']}")
    if rows < 0:
        raise ValueError("these are no sales")
    return {"path": "/sales/clean", "rows": rows}


def load(args: Any) -> Any:
    say(f"load {args['rows']}")
    return {"loaded": args["rows"]}


def clean_up(args: Any) -> None:
    say("clean-up")


def odd(args: dict[str, str]) -> Any:
    """Answers what cannot be kept."""
    return {"object": object(), "long": "x" * (3 << 20), "nan": float("nan")}[args["answer"]]


async def endless(args: Any) -> None:
    await asyncio.Event().wait()
'''

ENTRY_POINTS = """\
[activity_core.context_sources]
exchange-rate = team_plugins:exchange_rate

[activity_core.tasks]
book = team_plugins:book
read-pages = team_plugins:read_pages
sales-extract = team_plugins:extract
sales-transform = team_plugins:transform
sales-load = team_plugins:load
sales-clean-up = team_plugins:clean_up
odd = team_plugins:odd
endless = team_plugins:endless
"""


def install_plugins(directory: Path) -> Path:
    """Returns what must be on PYTHONPATH."""
    dist_info = directory / "team_plugins-1.0.dist-info"
    dist_info.mkdir(parents=True)
    (directory / "team_plugins.py").write_text(MODULE)
    (dist_info / "METADATA").write_text("Metadata-Version: 2.1\nName: team-plugins\nVersion: 1.0\n")
    (dist_info / "entry_points.txt").write_text(ENTRY_POINTS)
    return directory
