"""Tasks as drawings: one per group, from top to bottom as they need each other.

In: tasks of a run as the reading shows them. Out: boxes and lines in pixels, for `graph.html`. What
undoes a task, tells of it or asks for help with it stands beside it. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import accumulate, groupby
from typing import Any

BOX_WIDTH, BOX_HEIGHT = 210, 46
BETWEEN, BELOW, STACKED = 34, 30, 8
"""Between boxes side by side, between those that need each other, between those beside a task."""
EDGE = 26
"""Around everything; also where lines pass that skip a level."""

Task = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Box:
    """A task and its upper left corner; `beside` is that of which it is about, if it is."""

    task: Task
    x: int
    y: int
    level: int
    beside: "Box | None" = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """One group: lines are paths of SVG; `links` lead to what stands beside a task."""

    box = (BOX_WIDTH, BOX_HEIGHT)

    rule: str
    item: int
    width: int
    height: int
    boxes: Sequence[Box]
    lines: Sequence[str]
    tips: Sequence[str]
    links: Sequence[str]


def drawings(tasks: Iterable[Task]) -> list[Drawing]:
    """One per rule and item, in order."""

    def group(task: Task) -> tuple[str, int]:
        return task["rule"], task["item"]

    found = groupby(sorted(tasks, key=group), group)
    return [_drawing(rule, item, list(members)) for (rule, item), members in found]


def _drawing(rule: str, item: int, tasks: Sequence[Task]) -> Drawing:
    by_id = {task["task_id"]: task for task in tasks}
    beside: dict[str, list[Task]] = {}
    for task in sorted(tasks, key=lambda task: (task["created_at"], task["spec_id"])):
        if (stem := _stem(task, by_id)) != task["task_id"]:
            beside.setdefault(stem, []).append(task)
    levels = _levels([task for task in tasks if _stem(task, by_id) == task["task_id"]])
    boxes = _placed(levels, beside)
    at = {box.task["task_id"]: box for box in boxes}
    edges = [(at[need], box) for box in boxes for need in box.task["needs"] if need in at]
    return Drawing(
        rule,
        item,
        width=max(box.x for box in boxes) + BOX_WIDTH + EDGE,
        height=max(box.y for box in boxes) + BOX_HEIGHT + 2,
        boxes=boxes,
        lines=[_line(above, box) for above, box in edges],
        tips=[_tip(above, box) for above, box in edges],
        links=[_link(box.beside, box) for box in boxes if box.beside],
    )


def _stem(task: Task, by_id: Mapping[str, Task]) -> str:
    """The task of a rule that this one is about in the end, or itself."""
    while task["role"] != "task" and task["about"] in by_id:
        task = by_id[task["about"]]
    return str(task["task_id"])


def _levels(tasks: Sequence[Task]) -> list[list[Task]]:
    """Each task below everything that it needs, and about under it."""
    by_id = {task["task_id"]: task for task in tasks}
    needs = {id_: [need for need in task["needs"] if need in by_id] for id_, task in by_id.items()}
    levels: list[list[Task]] = []
    level_of: dict[str, int] = {}
    for id_ in TopologicalSorter(needs).static_order():
        level_of[id_] = 1 + max((level_of[need] for need in needs[id_]), default=-1)
        levels += [[] for _ in range(level_of[id_] + 1 - len(levels))]
        levels[level_of[id_]].append(by_id[id_])
    column: dict[str, int] = {}

    def place(task: Task) -> tuple[float, str]:
        above = [column[need] for need in needs[task["task_id"]]]
        return sum(above) / max(len(above), 1), task["spec_id"]

    for level in levels:
        level.sort(key=place)
        column |= {task["task_id"]: number for number, task in enumerate(level)}
    return levels


def _placed(levels: Sequence[Sequence[Task]], beside: Mapping[str, Sequence[Task]]) -> list[Box]:
    """Columns are as wide as their widest cell, levels as high as their highest one."""
    widths = [0] * max(map(len, levels))
    for level in levels:
        for number, task in enumerate(level):
            cells = 2 if task["task_id"] in beside else 1
            widths[number] = max(widths[number], cells * (BOX_WIDTH + BETWEEN))
    lefts = list(accumulate(widths, initial=EDGE))
    boxes, top = [], 2
    for depth, level in enumerate(levels):
        most = 1
        for number, task in enumerate(level):
            box = Box(task, lefts[number], top, depth)
            others = beside.get(task["task_id"], ())
            x = box.x + BOX_WIDTH + BETWEEN
            boxes.append(box)
            boxes += [Box(each, x, _down(top, n), depth, box) for n, each in enumerate(others)]
            most = max(most, len(others))
        top = _down(top, most) - STACKED + BELOW
    return boxes


def _down(top: int, boxes: int) -> int:
    return top + boxes * (BOX_HEIGHT + STACKED)


def _skips(above: Box, box: Box) -> bool:
    """Whether a straight line would run behind other boxes of the same column."""
    return above.x == box.x and box.level - above.level > 1


def _line(above: Box, box: Box) -> str:
    if _skips(above, box):
        start, end = above.y + BOX_HEIGHT // 2, box.y + BOX_HEIGHT // 2
        aside = box.x - EDGE + 2
        return f"M{above.x} {start} C{aside} {start} {aside} {end} {box.x - 5} {end}"
    x1, x2 = above.x + BOX_WIDTH // 2, box.x + BOX_WIDTH // 2
    y1, y2 = above.y + BOX_HEIGHT, box.y - 5
    half = (y1 + y2) // 2
    return f"M{x1} {y1} C{x1} {half} {x2} {half} {x2} {y2}"


def _tip(above: Box, box: Box) -> str:
    if _skips(above, box):
        return f"M{box.x} {box.y + BOX_HEIGHT // 2} l-7 -4 v8 z"
    return f"M{box.x + BOX_WIDTH // 2} {box.y} l-4 -7 h8 z"


def _link(stem: Box, box: Box) -> str:
    start, end = stem.y + BOX_HEIGHT // 2, box.y + BOX_HEIGHT // 2
    return f"M{stem.x + BOX_WIDTH} {start} h{BETWEEN // 2} V{end} H{box.x}"
