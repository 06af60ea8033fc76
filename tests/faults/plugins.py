"""A team's plug-in whose effect shows: installed as a wheel would be, for API and workers."""

from pathlib import Path

MODULE = """
def note(args, task):
    with open(args["file"], "a") as file:
        file.write(f"{task.task_id}\\\\n")
    return {"noted": True}
"""


def install_plugins(directory: Path) -> Path:
    """Returns what must be on PYTHONPATH."""
    dist_info = directory / "fault_plugins-1.0.dist-info"
    dist_info.mkdir(parents=True)
    (directory / "fault_plugins.py").write_text(MODULE.replace("\\\\n", "\\n"))
    (dist_info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: fault-plugins\nVersion: 1.0\n"
    )
    (dist_info / "entry_points.txt").write_text(
        "[activity_core.tasks]\nnote = fault_plugins:note\n"
    )
    return directory
