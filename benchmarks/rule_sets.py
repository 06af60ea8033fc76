"""Rules and events that `matching` is measured with, in our words and in event-ruler's.

Whatever their number, one or a few rules of a set match an event: what is measured is finding
them, not handing over many.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random  # noqa: TID251 - seeded
from typing import Any

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.event.envelope import EventEnvelope

REGIONS = 20
AMOUNTS = 1_000_000
NOTE = "Delivered to the second door on the left, between nine and noon. " * 9
TASKS = [{"id": "r", "tasks": [{"id": "t", "human": {"title": "T"}}]}]


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition in both languages."""

    filter: str
    ruler: Mapping[str, Any]

    @property
    def ruler_text(self) -> str:
        """As event-ruler reads it."""
        return json.dumps({"type": ["order.created"], "data": self.ruler})

    def definition(self, number: int) -> ActivityDefinition:
        """A definition with this filter."""
        trigger = {"event": {"type": "order.*", "filter": self.filter}}
        return ActivityDefinition.model_validate(
            {"id": f"d{number}", "trigger": trigger, "rules": TASKS}
        )


def _equal(chance: Random, of: int) -> Rule:
    region, customer = chance.randrange(REGIONS), chance.randrange(_customers(of))
    return Rule(
        f'event.type == "order.created" && event.data.region == "region-{region}"'
        f' && event.data.customer == "customer-{customer}"',
        {"region": [f"region-{region}"], "customer": [f"customer-{customer}"]},
    )


def _prefix(chance: Random, of: int) -> Rule:
    prefix = f"lot-{chance.randrange(of)}-"
    return Rule(
        f'event.type == "order.created" && event.data.lot.startsWith("{prefix}")',
        {"lot": [{"prefix": prefix}]},
    )


def _range(chance: Random, of: int) -> Rule:
    """From narrow to a hundred times as wide, so that they overlap."""
    low = chance.randrange(AMOUNTS)
    high = low + max(int(AMOUNTS / of * 10 ** chance.uniform(-1, 1)), 1)
    return Rule(
        f'event.type == "order.created" && event.data.amount >= {low}'
        f" && event.data.amount < {high}",
        {"amount": [{"numeric": [">=", low, "<", high]}]},
    )


def _four_clauses(chance: Random, of: int) -> Rule:
    equal, low = _equal(chance, of), chance.randrange(AMOUNTS)
    high = low + AMOUNTS // 4
    return Rule(
        f"{equal.filter} && event.data.amount >= {low} && event.data.amount < {high}",
        {**equal.ruler, "amount": [{"numeric": [">=", low, "<", high]}]},
    )


def _mixed(chance: Random, of: int) -> Rule:
    return chance.choice([_equal, _prefix, _range, _four_clauses])(chance, of)


SETS: Mapping[str, Callable[[Random, int], Rule]] = {
    "equality": _equal,
    "prefix": _prefix,
    "numeric": _range,
    "mixed": _mixed,
    "four clauses": _four_clauses,
}


def rules(kind: str, count: int) -> list[Rule]:
    """So many of one set, the same ones each time."""
    chance = Random(f"{kind} {count}")  # noqa: S311 - to be the same each time
    return [SETS[kind](chance, count) for _ in range(count)]


def events(count: int, of: int) -> Sequence[bytes]:
    """So many of 1.2 KiB, for sets of `of` rules."""
    return list(_events(Random(of), count, of))  # noqa: S311 - to be the same each time


def _events(chance: Random, count: int, of: int) -> Iterator[bytes]:
    for number in range(count):
        yield EventEnvelope(
            id=f"{number:012}",
            source="/shop/eu",
            type="order.created",
            subject=f"order-{number}",
            datacontenttype="application/json",
            data={
                "region": f"region-{chance.randrange(REGIONS)}",
                "customer": f"customer-{chance.randrange(_customers(of))}",
                "amount": chance.randrange(100 * AMOUNTS) / 100,
                "lot": f"lot-{chance.randrange(of)}-{number}",
                "currency": "EUR",
                "lines": [
                    {"sku": f"sku-{line}", "quantity": line + 1, "price": 9.99} for line in range(5)
                ],
                "address": {"street": "Main Street 1", "city": "Springfield", "zip": "10115"},
                "note": NOTE,
            },
        ).to_bytes()


def _customers(of: int) -> int:
    return max(of // REGIONS, 1)
