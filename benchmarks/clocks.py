"""Clocks to try schedules with: minutes of the week, and definitions that are due at them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from activity_core.core.definition.definition import ActivityDefinition, definition_from_document

PER_WEEK = 7 * 24 * 60
"""As many clocks that differ."""


@dataclass(frozen=True, slots=True)
class Weekly:
    """Once a week, in UTC, at a minute that counts from Sunday 00:00; wraps around."""

    number: int

    @classmethod
    def at(cls, slot: datetime) -> "Weekly":
        """The one that is due at a whole minute, given in UTC."""
        return cls((slot.isoweekday() % 7 * 24 + slot.hour) * 60 + slot.minute)

    @property
    def minute(self) -> int:
        """0 to 59."""
        return self.number % 60

    @property
    def hour(self) -> int:
        """0 to 23."""
        return self.number // 60 % 24

    @property
    def weekday(self) -> int:
        """0 is Sunday, as in cron."""
        return self.number % PER_WEEK // (24 * 60)

    @property
    def cron(self) -> str:
        """As five fields."""
        return f"{self.minute} {self.hour} * * {self.weekday}"


def weekly_definition(number: int, clocks: Iterable[Weekly]) -> ActivityDefinition:
    """One of many definitions: each of its slots makes one human task."""
    human = {"title": "Check the meter of ${run.definition_id}", "assign": {"group": "meters"}}
    return definition_from_document(
        {
            "id": f"weekly-{number:05}",
            "title": "Check a meter",
            "owner": "meters",
            "trigger": {"cron": {"expressions": [clock.cron for clock in clocks]}},
            "rules": [{"id": "always", "tasks": [{"id": "check", "human": human}]}],
        }
    )
