"""The interpreter of task graphs: which tasks may start now, and which never will.

In: the steps of a run, whole groups at a time, and the end of each task. Out: the steps to begin,
and the groups that are to be compensated once nothing of them is under way. The `RunActivity`
workflow drives it, in its sandbox: standard library only, and the same calls give the same answers.
What a task needs is of its own group; groups that are over are forgotten.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from activity_core.core.run.join import Fate, fate_of, join_holds
from activity_core.core.run.progress import TaskStep


@dataclass(slots=True, eq=False)
class _Node:
    step: TaskStep
    needs: list["_Node"] = field(default_factory=list)
    needed_by: list["_Node"] = field(default_factory=list)
    fate: Fate | None = None
    queued: bool = False
    begun: bool = False


@dataclass(slots=True)
class _Group:
    nodes: list[_Node] = field(default_factory=list)
    open: int = 0
    stopped: bool = False
    blocked: list[str] = field(default_factory=list)


_Lane = tuple[bool, str]
"""Whether people do it, and the rule: each lane has its own line of tasks that may start."""


class Graph:
    """The tasks of one run, as far as they were added."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._groups: dict[str, _Group] = {}
        self._lines: dict[_Lane, deque[_Node]] = {}
        self._busy: Counter[_Lane] = Counter()
        self._halted: list[str] = []
        self._due: list[str] = []
        self._stopped = False

    @property
    def is_over(self) -> bool:
        """Nothing is under way, and nothing waits."""
        return not self._groups

    @property
    def load(self) -> int:
        """How many tasks machines do, or could do if there were room."""
        waiting = sum(len(line) for (person, _), line in self._lines.items() if not person)
        return waiting + self._busy.total()

    def add(self, steps: Iterable[TaskStep]) -> None:
        """More tasks, whole groups at a time; those with a status are over already."""
        nodes = [_Node(step) for step in steps]
        for node in nodes:
            self._nodes[node.step.task_id] = node
            group = self._groups.setdefault(node.step.group, _Group())
            group.nodes.append(node)
            group.open += 1
        for node in nodes:
            node.needs = [self._nodes[need] for need in node.step.needs]
            for need in node.needs:
                need.needed_by.append(node)
        for node in nodes:
            if node.step.status and node.fate is None:
                self._settle(node, fate_of(node.step, node.step.status, node.step.outcome))
        self._consider(nodes)
        for name in dict.fromkeys(node.step.group for node in nodes):
            self._tidy(name)

    def starting(self) -> list[TaskStep]:
        """Those that begin now, in the order in which they became able to."""
        found = []
        for lane, line in self._lines.items():
            by_person, _ = lane
            while line and (by_person or self._busy[lane] < line[0].step.parallel):
                node = line.popleft()
                node.begun = True
                if not by_person:
                    self._busy[lane] += 1
                found.append(node.step)
        return found

    def end(self, task_id: str, status: str, outcome: str = "") -> bool:
        """A task that had begun is over; False if it was already, and nothing changes."""
        node = self._nodes.get(task_id)
        if node is None or not node.begun or node.fate is not None:
            return False
        if not node.step.by_person:
            self._busy[_lane(node)] -= 1
        self._settle(node, fate_of(node.step, status, outcome))
        self._consider(node.needed_by)
        self._tidy(node.step.group)
        return True

    def stop(self) -> None:
        """Nothing starts any more, in no group; who stops it compensates them all."""
        self._stopped = True
        for name in list(self._groups):
            self._halt(self._groups[name])
            self._tidy(name)
        self._due.clear()

    def take_halted(self) -> list[str]:
        """Tasks under way in groups that stopped since this was asked; they must be ended."""
        found, self._halted = self._halted, []
        return [one for one in found if one in self._nodes and self._nodes[one].fate is None]

    def take_due(self) -> list[str]:
        """Groups that are to be compensated now, each once."""
        found, self._due = self._due, []
        return found

    def take_blocked(self, group: str) -> list[str]:
        """Tasks of a group that can never start, each once."""
        there = self._groups[group]
        found, there.blocked = there.blocked, []
        return found

    def _consider(self, nodes: Iterable[_Node]) -> None:
        """Look at tasks anew, and at those that wait in vain because of them."""
        changed = deque(nodes)
        while changed:
            node = changed.popleft()
            if not self._decide(node):
                changed.extend(node.needed_by)

    def _decide(self, node: _Node) -> bool:
        """Queue a waiting task if what it needs says so; False if it is given up just now."""
        if node.fate is not None or node.queued:
            return True
        holds = join_holds(node.step.join, [need.fate for need in node.needs])
        if holds:
            node.queued = True
            self._lines.setdefault(_lane(node), deque()).append(node)
        elif holds is False:
            self._settle(node, Fate.BLOCKED)
            self._groups[node.step.group].blocked.append(node.step.task_id)
        return holds is not False

    def _settle(self, node: _Node, fate: Fate) -> None:
        group = self._groups[node.step.group]
        node.fate = fate
        group.open -= 1
        if fate is Fate.FAILED and node.step.on_failure == "compensate":
            self._halt(group)

    def _halt(self, group: _Group) -> None:
        if group.stopped:
            return
        group.stopped = True
        for node in group.nodes:
            if node.fate is not None or node.step.status:
                continue
            if node.begun:
                self._halted.append(node.step.task_id)
            else:
                if node.queued:
                    self._lines[_lane(node)].remove(node)
                self._settle(node, Fate.BLOCKED)

    def _tidy(self, name: str) -> None:
        """Forget a group that is over."""
        group = self._groups[name]
        if group.open:
            return
        for node in self._groups.pop(name).nodes:
            del self._nodes[node.step.task_id]
        if group.stopped and not self._stopped:
            self._due.append(name)


def _lane(node: _Node) -> _Lane:
    return node.step.by_person, node.step.rule
