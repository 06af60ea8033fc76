"""Slots as the API shows them: previews, and explanations."""

from typing import Literal

from activity_core.api.shapes.base import Shape
from activity_core.api.shapes.runs import DecisionItem, RunDetail


class PreviewedSlot(Shape):
    """An instant in UTC and as the schedule's clock shows it; `note` says what is special."""

    utc: str
    local: str
    note: str


class SchedulePreview(Shape):
    """The next slots."""

    definition_id: str
    items: list[PreviewedSlot]


class SlotExplained(Shape):
    """`state` none: there is no such slot. `next_look`: when a slot is decided at the latest."""

    definition_id: str
    slot: str
    local: str
    timezone: str
    state: Literal["decided", "not_due", "undecided", "unexplained", "none"]
    why: str
    previous_slot: str | None
    next_slot: str | None
    next_look: str | None
    decisions: list[DecisionItem]
    runs: list[RunDetail]
