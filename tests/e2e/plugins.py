"""A team's own plug-ins, installed as a wheel would be: a module and its dist-info."""

from pathlib import Path

MODULE = '''
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
'''

ENTRY_POINTS = """\
[activity_core.context_sources]
exchange-rate = team_plugins:exchange_rate

[activity_core.tasks]
book = team_plugins:book
read-pages = team_plugins:read_pages
"""


def install_plugins(directory: Path) -> Path:
    """Returns what must be on PYTHONPATH."""
    dist_info = directory / "team_plugins-1.0.dist-info"
    dist_info.mkdir(parents=True)
    (directory / "team_plugins.py").write_text(MODULE)
    (dist_info / "METADATA").write_text("Metadata-Version: 2.1\nName: team-plugins\nVersion: 1.0\n")
    (dist_info / "entry_points.txt").write_text(ENTRY_POINTS)
    return directory
