"""What all shapes share: exact keys, pages, problems."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """An object with exactly these keys."""

    model_config = ConfigDict(extra="forbid")


ItemT = TypeVar("ItemT")


class PageOf(Shape, Generic[ItemT]):
    """Some items, and where the next ones start."""

    items: list[ItemT]
    next: str | None


class IssueItem(Shape):
    """One thing wrong with a definition, at its place."""

    file: str
    line: int
    column: int
    path: str
    message: str


class Problem(BaseModel):
    """RFC 9457. `code` is stable; `hint` says what to do next.

    `issues` come with definitions, `pointers` (RFC 6901, into the data) with events that do not fit
    their type and answers that do not fit their form.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    subject: str
    hint: str
    issues: list[IssueItem] | None = None
    pointers: list[str] | None = None
