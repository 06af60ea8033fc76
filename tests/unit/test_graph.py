"""The interpreter of task graphs, over random graphs, ends and orders of them."""

import random  # noqa: TID251 - dice of tests
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.run.graph import Graph, _Node
from activity_core.core.run.join import Fate, fate_of, join_holds
from activity_core.core.run.progress import Patience, TaskStep

PATIENCE = Patience(1, 1, 1, 1)
JOINS = ("all_succeeded", "any_succeeded", "all_done", "any_failed")
ENDS = (
    ("completed", "done"),
    ("completed", "done"),
    ("failed", "failed"),
    ("skipped", "not_wanted"),
    ("skipped", "skipped"),
    ("expired", "expired"),
    ("expired", "too_late"),
    ("cancelled", ""),
)


def step(task_id: str, *needs: str, group: str = "r#0", **more: object) -> TaskStep:
    rule, _, _ = group.partition("#")
    return replace(TaskStep(task_id, list(needs), PATIENCE, group=group, rule=rule), **more)  # type: ignore[arg-type]


@st.composite
def groups(draw: st.DrawFn) -> list[TaskStep]:
    """Steps of a few rules and items, in an order in which needs may come later."""
    steps: list[TaskStep] = []
    for rule in range(draw(st.integers(1, 2))):
        parallel = draw(st.integers(1, 3))
        for item in range(draw(st.integers(1, 3))):
            name = f"r{rule}#{item}"
            count = draw(st.integers(1, 6))
            for number in range(count):
                earlier = [f"{name}.{n}" for n in range(number)]
                needs = draw(st.lists(st.sampled_from(earlier), unique=True)) if earlier else []
                over = draw(st.sampled_from([None] * 12 + list(ENDS)))
                steps.append(
                    step(
                        f"{name}.{number}",
                        *needs,
                        group=name,
                        parallel=parallel,
                        join=draw(st.sampled_from(JOINS)) if needs else "all_succeeded",
                        on_failure=draw(st.sampled_from(["fail", "continue", "compensate"])),
                        by_person=draw(st.sampled_from([False, False, True])),
                        undo=draw(st.booleans()),
                        status=over[0] if over else "",
                        outcome=over[1] if over else "",
                    )
                )
    return draw(st.permutations(steps))


@dataclass
class World:
    """Carries tasks out in a random order and keeps a ledger of what happened."""

    steps: list[TaskStep]
    dice: random.Random
    graph: Graph = field(default_factory=Graph)
    under_way: dict[str, TaskStep] = field(default_factory=dict)
    ends: dict[str, tuple[str, str]] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    completed: list[str] = field(default_factory=list)
    undone: dict[str, list[str]] = field(default_factory=dict)
    taken_away: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.of = {each.task_id: each for each in self.steps}
        for each in self.steps:
            if each.status:
                self.ends[each.task_id] = (each.status, each.outcome)

    def play(self) -> None:
        self.graph.add(self.steps)
        self._begin()
        while self.under_way:
            task_id = self.dice.choice(sorted(self.under_way))
            self._end(task_id, *self.dice.choice(ENDS))
            self._begin()
        assert self.graph.is_over
        assert self.graph.load == 0

    def fates(self) -> dict[str, Fate]:
        return {id_: fate_of(self.of[id_], *end) for id_, end in self.ends.items()}

    def _end(self, task_id: str, status: str, outcome: str) -> None:
        del self.under_way[task_id]
        self.ends[task_id] = (status, outcome)
        if status == "completed":
            self.completed.append(task_id)
        assert self.graph.end(task_id, status, outcome)
        assert not self.graph.end(task_id, "failed")  # the first end counts

    def _begin(self) -> None:
        for each in [self.of[each.task_id] for each in self.graph.starting()]:
            assert each.task_id not in self.begun
            assert each.task_id not in self.ends
            assert each.group not in self.undone
            self._check_join(each)
            self.begun.append(each.task_id)
            self.under_way[each.task_id] = each
        busy = Counter(each.rule for each in self.under_way.values() if not each.by_person)
        for each in self.under_way.values():
            assert each.by_person or busy[each.rule] <= each.parallel
        for task_id in self.graph.take_halted():
            self.taken_away.add(task_id)
            # A machine may have done it before it hears that it should not.
            done = self.dice.random() < 0.3
            self._end(task_id, *(("completed", "done") if done else ("cancelled", "")))
        stopped = stopped_groups(self)
        assert not [each for each in self.under_way.values() if each.group in stopped]
        for group in self.graph.take_due():
            assert group not in self.undone
            assert not [each for each in self.under_way.values() if each.group == group]
            here = [id_ for id_ in self.completed if self.of[id_].group == group]
            self.undone[group] = [id_ for id_ in reversed(here) if self.of[id_].undo]

    def _check_join(self, each: TaskStep) -> None:
        """Whatever is not over and cannot begin any more counts as blocked."""
        fates, wanted = self.fates(), expected(self)
        known = [
            fates.get(need, Fate.BLOCKED if wanted.get(need) is Fate.BLOCKED else None)
            for need in each.needs
        ]
        assert join_holds(each.join, known)


def expected(world: World) -> dict[str, Fate]:
    """The naive reading of the rules, by going over all tasks until nothing changes."""
    fates = world.fates()
    changed = True
    while changed:
        changed = False
        for each in world.steps:
            known = [fates.get(need) for need in each.needs]
            if each.task_id in fates or each.task_id in world.begun:
                continue
            if join_holds(each.join, known) is False:
                fates[each.task_id] = Fate.BLOCKED
                changed = True
    return fates


def stopped_groups(world: World) -> set[str]:
    """Groups of which something failed that compensates."""
    return {
        world.of[id_].group
        for id_, fate in world.fates().items()
        if fate is Fate.FAILED and world.of[id_].on_failure == "compensate"
    }


@given(groups(), st.randoms(use_true_random=False))
def test_every_group_comes_to_its_end_by_the_rules(
    steps: list[TaskStep], dice: random.Random
) -> None:
    world = World(steps, dice)
    world.play()
    stopped = stopped_groups(world)
    assert set(world.undone) == stopped
    fates = expected(world)
    for each in steps:
        if each.group not in stopped:  # it ended, or it can never start
            assert fates.get(each.task_id) is not None
            begun = each.task_id in world.begun or bool(each.status)
            assert begun != (each.task_id not in world.ends)
    assert {world.of[id_].group for id_ in world.taken_away} <= stopped
    for group, undone in world.undone.items():  # nothing was completed after it was handed out
        here = [id_ for id_ in world.completed if world.of[id_].group == group]
        assert undone == [id_ for id_ in reversed(here) if world.of[id_].undo]


@given(groups(), st.randoms(use_true_random=False), st.integers(0, 6))
def test_a_stop_ends_everything_and_hands_out_nothing(
    steps: list[TaskStep], dice: random.Random, after: int
) -> None:
    graph = Graph()
    graph.add(steps)
    under_way: set[str] = set()
    for _ in range(after):
        under_way |= {each.task_id for each in graph.starting()}
        if under_way:
            task_id = dice.choice(sorted(under_way))
            under_way.remove(task_id)
            graph.end(task_id, "completed")
    graph.stop()
    assert graph.starting() == []
    assert set(graph.take_halted()) <= under_way
    for task_id in sorted(under_way):
        assert graph.end(task_id, "failed")
    assert graph.is_over
    assert graph.take_due() == []


@given(groups(), st.randoms(use_true_random=False))
def test_windows_of_whole_groups_change_nothing_but_the_order(
    steps: list[TaskStep], dice: random.Random
) -> None:
    """Ends that only depend on the task: read at once or group by group, they begin the same."""
    ends = {each.task_id: dice.choice(ENDS) for each in steps}

    def begun(windows: Iterator[list[TaskStep]]) -> set[str]:
        graph, seen = Graph(), set()
        for window in windows:
            graph.add(window)
            while starting := graph.starting():
                for each in starting:
                    seen.add(each.task_id)
                    graph.end(each.task_id, *ends[each.task_id])
        assert graph.is_over
        return seen

    unstoppable = [replace(each, on_failure="fail") for each in steps]
    names = sorted({each.group for each in steps})
    windows = ([each for each in unstoppable if each.group == name] for name in names)
    assert begun(windows) == begun(iter([unstoppable]))


class NeverStops(Graph):
    def _halt(self, group: object) -> None:
        pass


class NoBound(Graph):
    def add(self, steps: Iterable[TaskStep]) -> None:
        super().add([replace(each, parallel=99) for each in steps])


class StartsEarly(Graph):
    def add(self, steps: Iterable[TaskStep]) -> None:
        super().add([replace(each, join="any_succeeded") for each in steps])


class HandsOutEarly(Graph):
    def _settle(self, node: _Node, fate: Fate) -> None:
        super()._settle(node, fate)
        if self._groups[node.step.group].stopped:
            self._due.append(node.step.group)


@pytest.mark.parametrize("mistaken", [NeverStops, NoBound, StartsEarly, HandsOutEarly])
def test_a_mistake_is_found(mistaken: type[Graph]) -> None:
    def play() -> None:
        for seed in range(100):
            dice = random.Random(seed)  # noqa: S311 - the same dice every time
            world = World(list(_steps(dice)), dice, graph=mistaken())
            world.play()
            assert set(world.undone) == stopped_groups(world)

    with pytest.raises(AssertionError):
        play()


def _steps(dice: random.Random) -> Iterator[TaskStep]:
    for item in range(3):
        name = f"r#{item}"
        for number in range(4):
            needs = [f"{name}.{n}" for n in range(number) if dice.random() < 0.5]
            yield step(f"{name}.{number}", *needs, group=name, parallel=2, on_failure="compensate")


@pytest.mark.parametrize(
    ("join", "fates", "holds"),
    [
        ("all_succeeded", [], True),
        ("all_succeeded", ["succeeded", "passed_over"], True),
        ("all_succeeded", ["succeeded", None], None),
        ("all_succeeded", ["failed", None], False),
        ("all_succeeded", ["blocked"], False),
        ("any_succeeded", ["succeeded", None], True),
        ("any_succeeded", ["failed", None], None),
        ("any_succeeded", ["failed", "blocked"], False),
        ("any_succeeded", ["passed_over"], True),
        ("all_done", ["failed", None], None),
        ("all_done", ["failed", "blocked", "passed_over"], True),
        ("any_failed", ["failed", None], True),
        ("any_failed", ["blocked", None], None),
        ("any_failed", ["succeeded", "blocked"], False),
        ("any_failed", [], False),
    ],
)
def test_joins(join: str, fates: list[str | None], holds: bool | None) -> None:  # noqa: FBT001
    assert join_holds(join, [Fate(fate) if fate else None for fate in fates]) is holds


@pytest.mark.parametrize(
    ("status", "outcome", "on_failure", "fate"),
    [
        ("completed", "done", "fail", Fate.SUCCEEDED),
        ("failed", "failed", "fail", Fate.FAILED),
        ("failed", "failed", "continue", Fate.SUCCEEDED),
        ("failed", "failed", "compensate", Fate.FAILED),
        ("expired", "expired", "fail", Fate.FAILED),
        ("expired", "", "fail", Fate.FAILED),
        ("expired", "no", "fail", Fate.SUCCEEDED),
        ("expired", "expired", "continue", Fate.SUCCEEDED),
        ("skipped", "not_wanted", "fail", Fate.PASSED_OVER),
        ("skipped", "skipped", "fail", Fate.BLOCKED),
        ("cancelled", "cancelled", "continue", Fate.BLOCKED),
        ("compensated", "done", "fail", Fate.BLOCKED),
    ],
)
def test_fates(status: str, outcome: str, on_failure: str, fate: Fate) -> None:
    assert fate_of(step("a", on_failure=on_failure), status, outcome) is fate


def test_what_is_blocked_is_told_once() -> None:
    graph = Graph()
    graph.add([step("a"), step("b", "a"), step("c", "b"), step("d", "c", join="all_done")])
    graph.starting()
    graph.end("a", "failed")
    assert [each.task_id for each in graph.starting()] == ["d"]
    assert graph.take_blocked("r#0") == ["b", "c"]
    assert graph.take_blocked("r#0") == []


def test_a_group_that_failed_before_it_was_read_is_handed_out() -> None:
    graph = Graph()
    failed = step("a", status="failed", outcome="failed", on_failure="compensate")
    graph.add([step("b"), failed, step("c", "a"), step("x", group="r#1")])
    assert graph.take_due() == ["r#0"]
    assert [each.task_id for each in graph.starting()] == ["x"]


def test_machines_have_a_load_and_people_have_none() -> None:
    graph = Graph()
    graph.add([step("a", parallel=1), step("b", parallel=1), step("h", by_person=True)])
    assert graph.load == 2
    graph.starting()
    assert graph.load == 2
    graph.end("a", "completed")
    assert graph.load == 1
