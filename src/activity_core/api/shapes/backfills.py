"""Backfills as the API shows them."""

from pydantic import Field

from activity_core.api.shapes.base import Shape
from activity_core.ports.backfills import BackfillOrder, BackfillStatus


class BackfillItem(Shape):
    """How far a backfill is.

    `counts` by status of the slots' runs, plus `waiting` (no run yet) and `existing` (had a run
    before, left alone); only what is not 0. `slots` is their sum.
    """

    backfill_id: str
    definition_id: str
    from_: str = Field(alias="from")
    to: str
    order: BackfillOrder
    max_concurrent: int
    actor: str
    reason: str
    status: BackfillStatus
    slots: int
    counts: dict[str, int]
    requested_at: str
    finished_at: str | None


class BackfillPreview(Shape):
    """What a backfill would do: `slots` are to be run, in the order of their turns.

    The list is cut off after 1,000; `counts` (`waiting`, `existing`) are exact.
    """

    definition_id: str
    from_: str = Field(alias="from")
    to: str
    order: BackfillOrder
    slots: list[str]
    counts: dict[str, int]
