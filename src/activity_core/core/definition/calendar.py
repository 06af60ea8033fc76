"""Calendars of days: holidays, quarter ends; registry entries that slot triggers name.

Comes from `definition_file` (`kind: calendar`) or the store. The newest one is in force: next
year's holidays need no new version of every definition.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from activity_core.core.definition.day import Day
from activity_core.core.definition.model import Model, Slug, Text

MOST_DAYS = 4_000


class NamedDay(Model):
    """A day and what it is called, for people who ask why nothing happened."""

    day: Day
    name: Text


def _spelling(value: object) -> str:
    return "[named]" if isinstance(value, dict | NamedDay) else "[bare]"


DayOfCalendar = Annotated[
    Annotated[Day, Tag("[bare]")] | Annotated[NamedDay, Tag("[named]")], Discriminator(_spelling)
]
"""In brackets, so that issues leave the tags out of their paths, as they do with `[key]`."""


class Calendar(Model):
    """A named set of days."""

    kind: Literal["calendar"] = "calendar"
    id: Slug
    title: Text | None = None
    days: Annotated[tuple[DayOfCalendar, ...], Field(min_length=1, max_length=MOST_DAYS)]

    @property
    def names(self) -> dict[date, str]:
        """Its days with their names; empty where there is none."""
        return {
            item.day if isinstance(item, NamedDay) else item: (
                item.name if isinstance(item, NamedDay) else ""
            )
            for item in self.days
        }
