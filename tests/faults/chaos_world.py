"""A world of chaos, made of a seed: definitions, and events for most of them.

Events have a type that some ten definitions hear, a subject, and lanes and pairs to be told apart
by. Their times go back and forth. The senders deliver some of them again and again.
"""

import random  # noqa: TID251 - of a seed
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.api import Json
from tests.faults.chaos_definitions import Definition, make_definition

LANES, PAIRS = 3, 40
"""Of what must take turns, so that several wait for each other; of what is the same."""

SOURCES = ("/chaos/one", "/chaos/two")
LEAVES = ("made", "made", "changed", "changed", "gone")


@dataclass(frozen=True)
class World:
    """Definitions, and events in the order in which they are sent."""

    definitions: Sequence[Definition]
    events: Sequence[Json]


def make_world(seed: int, definitions: int, events: int, begin: datetime) -> World:
    """The same for the same arguments; a type of events has some ten definitions."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    types = max(1, definitions // 10)
    return World(
        [make_definition(chance, number, types) for number in range(definitions)],
        [_event(chance, number, types, begin) for number in range(events)],
    )


def _event(chance: random.Random, number: int, types: int, begin: datetime) -> Json:
    """Ids repeat between the two sources; times go back and forth, and some have none."""
    data: dict[str, Any] = {
        "n": number,
        "lane": chance.randrange(LANES),
        "pair": chance.randrange(PAIRS),
        "amount": chance.randrange(100),
        "region": chance.choice(["eu", "us", "apac"]),
        "name": chance.choice(["anna", "bert", "cleo"]),
        "tags": chance.sample(["red", "green", "blue"], chance.randrange(3)),
    }
    if number % 4 == 0:
        data["extra"] = {"level": chance.randrange(4)}
    kind = f"chaos.{chance.randrange(types)}" if chance.random() < 0.95 else "nobody"
    event: Json = {
        "specversion": "1.0",
        "source": SOURCES[number % len(SOURCES)],
        "id": f"{number // len(SOURCES)}",
        "type": f"{kind}.{chance.choice(LEAVES)}",
        "subject": f"key-{chance.randrange(max(2, 72 // types))}",
        "data": data,
    }
    if chance.random() < 0.9:
        at = begin + timedelta(milliseconds=10 * number + chance.randrange(-400, 400))
        event["time"] = at.isoformat()
    return event
