"""Members: which parts of a variable an expression looks at, whatever hides or resembles it."""

import pytest

from activity_core.core.errors import ExpressionError
from activity_core.core.expression.members import members_of


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tasks.a.outputs.n + 1", ("a",)),
        ("tasks['a-b'].outcome == tasks.c.outcome", ("a-b", "c")),
        ("has(tasks.a.outputs.x) && has(tasks.b)", ("a", "b")),
        ("size(tasks)", (None,)),
        ("tasks[event.id].status", (None,)),
        ("[tasks.a, {'k': tasks.b}]", ("a", "b")),
        ("context.tasks.a + event['tasks'] + 'tasks.a'", ()),
        ("mytasks.a", ()),
        ("event.data.map(tasks, tasks.a)", ()),
        ("tasks.a.outputs.all(tasks, tasks.b)", ("a",)),
        ("event.data.exists(n, n == tasks.a.outputs)", ("a",)),
        ("tasks.a ? tasks.b : tasks.a", ("a", "b", "a")),
    ],
)
def test_members(text: str, found: tuple[str | None, ...]) -> None:
    assert members_of(text, "tasks") == found


def test_what_cannot_be_parsed() -> None:
    with pytest.raises(ExpressionError):
        members_of("tasks.", "tasks")
