"""Drawings of tasks: nothing covers anything else, and lines lead from what is needed."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from activity_core.console.task_graph import BOX_HEIGHT, BOX_WIDTH, Box, drawings


def task(id_: str, *needs: str, about: str | None = None, **changes: Any) -> dict[str, Any]:
    role = "compensation" if about else "task"
    return {
        "task_id": id_,
        "rule": "r",
        "item": 0,
        "spec_id": id_,
        "needs": list(needs),
        "role": role,
        "about": about,
        "created_at": "2026-11-21T09:00:00Z",
    } | changes


def boxes(*tasks: dict[str, Any]) -> dict[str, Box]:
    [drawing] = drawings(tasks)
    return {box.task["task_id"]: box for box in drawing.boxes}


def test_what_is_needed_stands_above_even_if_it_comes_later_in_the_rows() -> None:
    found = boxes(task("a", "z"), task("m", "a", "z"), task("z"))
    assert found["z"].y < found["a"].y < found["m"].y
    assert found["z"].x == found["a"].x == found["m"].x


def test_a_line_that_skips_a_level_goes_round() -> None:
    [drawing] = drawings([task("a"), task("b", "a"), task("c", "b", "a")])
    at = {box.task["task_id"]: box for box in drawing.boxes}
    starts = sorted(line.split()[0] for line in drawing.lines)
    below = at["a"].x + BOX_WIDTH // 2
    assert f"M{at['a'].x}" in starts
    assert starts.count(f"M{below}") == 2


def test_what_undoes_a_task_stands_beside_it_and_help_below_that() -> None:
    undo = task("a/compensate", about="a")
    help_ = task("a/compensate/help", about="a/compensate", role="help")
    found = boxes(task("a"), task("b", "a"), help_, undo)
    assert found["a/compensate"].beside is found["a"]
    assert found["a/compensate"].y == found["a"].y
    assert found["a/compensate/help"].x == found["a/compensate"].x > found["a"].x
    assert found["a/compensate"].y < found["a/compensate/help"].y < found["b"].y


def test_each_rule_and_item_is_a_drawing_of_its_own() -> None:
    found = drawings([task("a", item=1), task("b"), task("c", rule="q"), task("d", item=1)])
    assert [(each.rule, each.item, len(each.boxes)) for each in found] == [
        ("q", 0, 1),
        ("r", 0, 1),
        ("r", 1, 2),
    ]


def test_what_is_about_nothing_that_is_there_stands_alone() -> None:
    assert boxes(task("a/notify", about="gone", role="notification"))["a/notify"].beside is None


@given(st.lists(st.tuples(st.sets(st.integers(0, 11)), st.integers(0, 3)), max_size=12))
def test_no_box_covers_another_and_all_are_within(rows: list[tuple[set[int], int]]) -> None:
    tasks = []
    for number, (needs, undone) in enumerate(rows):
        tasks.append(task(f"t{number}", *(f"t{need}" for need in needs if need < number)))
        tasks += [task(f"t{number}/{n}", about=f"t{number}") for n in range(undone)]
    for drawing in drawings(tasks):
        assert len(drawing.boxes) == len(tasks)
        for one, box in enumerate(drawing.boxes):
            assert box.x + BOX_WIDTH <= drawing.width
            assert box.y + BOX_HEIGHT <= drawing.height
            for other in drawing.boxes[:one]:
                apart = abs(box.x - other.x) >= BOX_WIDTH or abs(box.y - other.y) >= BOX_HEIGHT
                assert apart, (box, other)
        assert len(drawing.lines) == len(drawing.tips) == sum(len(t["needs"]) for t in tasks)
