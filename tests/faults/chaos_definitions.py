"""Definitions for chaos: every kind of flow control, in many ways, with filters of many kinds.

They are written as the documents that are published; whoever counts reads those, and asks nothing
of the product what they mean. Everything ends soon: no wait is longer than two seconds.
"""

import json
import random  # noqa: TID251 - of a seed
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from tests.api import Json

BY_KEY = "event.subject"
LANE = "event.data.lane"
PAIR = "event.data.pair"
SOON = {"max_size": 10, "max_wait": "300ms"}

SHAPES: Mapping[str, Json] = {
    "plain": {},
    "batch": {"batch": SOON},
    "order": {"order": {"key": LANE}},
    "calls": {},
    "urgent": {"priority": 1},
    "same": {"dedupe_key": PAIR},
    "queue": {"concurrency": {"limit": 2, "key": LANE}, "priority": 2},
    "batch-by-key": {"batch": {"max_size": 5, "max_wait": "1s", "key": BY_KEY}},
    "batch-of-same": {"batch": SOON, "dedupe_key": PAIR, "dedupe_window": "1h"},
    "burst-last": {"debounce": {"quiet": "200ms", "max_wait": "1s", "key": BY_KEY}},
    "burst-first": {"debounce": {"quiet": "100ms", "keep": "first", "key": BY_KEY}},
    "burst-all": {"debounce": {"quiet": "300ms", "max_wait": "2s", "keep": "all"}},
    "paced": {"throttle": {"limit": 20, "per": "500ms"}},
    "paced-by-key": {"throttle": {"limit": 3, "per": "200ms", "key": BY_KEY}},
    "throttled": {"throttle": {"limit": 3, "per": "1s", "excess": "drop", "key": LANE}},
    "order-of-calls": {"order": {"key": LANE}, "priority": 5},
    "crowded-out": {"concurrency": {"limit": 1, "when_full": "drop", "key": LANE}},
    "newest": {"concurrency": {"limit": 2, "when_full": "cancel_oldest", "key": LANE}},
    "batches-in-order": {"batch": {**SOON, "key": LANE}, "order": {"key": LANE}},
    "all-at-once": {
        "throttle": {"limit": 8, "per": "300ms", "key": LANE},
        "order": {"key": LANE},
        "concurrency": {"limit": 2},
    },
    "bursts-in-turn": {"debounce": {"quiet": "150ms", "key": LANE}, "concurrency": {"limit": 3}},
    "crowd": {"type": "chaos.*", "batch": {"max_size": 100, "max_wait": "1s"}},
    "careful": {"on_error": "failed"},
    "very-careful": {"on_error": "dead_letter", "batch": SOON},
    "silent": {},
    "works": {},
    "ongoing": {},
}
"""What stands in the trigger beside types and filter."""

WHOLES: Mapping[str, Json] = {
    "all-of": {"all_of": ("made", "changed"), "within": "1s"},
    "any-of": {"any_of": ("made", "changed", "gone"), "at_least": 2, "within": "500ms"},
    "sequence": {"sequence": ("made", "changed"), "within": "1s"},
    "count": {"count": "made", "at_least": 3, "within": "2s"},
    "absent": {"absent": "changed", "after": "made", "within": "500ms"},
    "heartbeat": {"absent": "made", "within": "1s"},
}

FINE = ("", 'event.data.region == "eu"', 'event.data.region in ["eu", "us"]')
FILTERS = (
    *FINE,
    "event.data.amount >= 30 && event.data.amount < 95",
    'event.data.name.startsWith("a") || event.data.amount == 7',
    'event.data.name.startsWith("b")',
    "has(event.data.extra)",
    "event.data.n % 3 != 0",
    'event.data.region != "eu" && event.data.tags.exists(t, t == "red")',
    "event.data.extra.level > 1",
    'event.source == "/chaos/one" && event.data.amount <= 60',
)
FAILING = "event.data.extra.level > 1 || event.data.n % 2 == 0"
SPARSE = {"order", "concurrency", "throttle"}
CALLING = {"calls", "order-of-calls", "crowded-out"}
WAITING = {"newest"}
WORKING = {"works"}
PATIENT = {"retry": {"max_attempts": 50, "backoff": "100ms..1s"}, "timeout": "5s"}

BESIDE: Mapping[str, Json] = {
    "silent": {"enabled": False},
    "ongoing": {
        "lifecycle": "ongoing",
        "correlation": BY_KEY,
        "state": {"initial": {"n": 0}, "update": '{"n": state.n + 1}'},
        "ends_when": "state.n >= 5",
    },
}
"""What stands beside the trigger."""


@dataclass(frozen=True)
class Definition:
    """One of them: the `shape` says what to expect of it."""

    id: str
    shape: str
    document: Json

    @property
    def text(self) -> str:
        return json.dumps(self.document)

    @property
    def control(self) -> Json:
        """Its event trigger; empty for a composite."""
        found: Json = self.document["trigger"].get("event", {})
        return found

    @property
    def composite(self) -> Json:
        found: Json = self.document["trigger"].get("composite", {})
        return found

    @property
    def patterns(self) -> Mapping[str, Json]:
        """What it listens to, by the names of parts; an event trigger's only one has none."""
        if not (whole := self.composite):
            return {"": self.control}
        if (absent := whole.get("absent")) is not None:
            return {"after": absent["after"], "of": absent} if "after" in absent else {"of": absent}
        parts = whole.get("all_of") or whole.get("any_of") or whole.get("sequence")
        return {f"part{number}": part for number, part in enumerate(parts or [whole["count"]], 1)}


def make_definition(chance: random.Random, number: int, types: int) -> Definition:
    """The next shape in turn, for one of so many types of events."""
    shapes = [*SHAPES, *WHOLES]
    turn, place = divmod(number, len(shapes))
    shape = shapes[place]
    id_ = f"chaos-{number:03}-{shape}"
    kind = (number + turn) % types
    whole = WHOLES.get(shape)
    trigger = {"event": _control(chance, kind, shape)} if whole is None else _whole(whole, kind)
    rules = [{"id": "all", "tasks": _tasks(id_, shape)}]
    document = {"id": id_, "trigger": trigger, "rules": rules}
    return Definition(id_, shape, document | BESIDE.get(shape, {}))


def _control(chance: random.Random, kind: int, shape: str) -> Json:
    listens: Json = chance.choice(
        [
            {"type": f"chaos.{kind}.made"},
            {"type": f"chaos.{kind}.*"},
            {"types": [f"chaos.{kind}.changed", f"chaos.{kind}.gone"]},
            {"type": f"chaos.{kind}.*", "source": "/chaos/*"},
        ]
    )
    control = SHAPES[shape]
    wanted = FAILING if "on_error" in control else chance.choice(FILTERS)
    if SPARSE & control.keys() or shape in CALLING | WORKING:
        wanted = f"event.data.n % 8 == {chance.randrange(8)}"
    heard = {} if "type" in control else listens
    return {**heard, **({"filter": wanted} if wanted else {}), **control}


def _whole(whole: Json, kind: int) -> Json:
    def part(leaf: str) -> Json:
        return {"type": f"chaos.{kind}.{leaf}", "filter": "event.data.amount > 20"}

    parts: Json = {}
    for name, value in whole.items():
        if isinstance(value, tuple):
            parts[name] = [part(leaf) for leaf in value]
        elif name in {"count", "absent"}:
            parts[name] = part(value)
        elif name == "after" or (name == "at_least" and "count" in whole):
            parts["absent" if name == "after" else "count"][name] = (
                part(value) if name == "after" else value
            )
        else:
            parts[name] = value
    return {"composite": {**parts, "key": BY_KEY}}


def _tasks(id_: str, shape: str) -> list[Json]:
    events = "${events.map(e, e.source + ' ' + e.id)}"
    look = {"id": "look", "human": {"title": "Look", "wait": shape in WAITING}}
    say = {"id": "say", "emit": {"type": "chaos.said", "data": {"of": id_, "events": events}}}
    if shape in CALLING:
        http = {"connection": "world", "url": f"/chaos/{id_}", "json": {"events": events}}
        call = {"id": "call", "http": http, **PATIENT}
        return [look, call, {**say, "needs": ["call"]}]
    if shape in WAITING:
        return [look, say]
    if shape in WORKING:
        note = {"plugin": "note", "args": {"file": "/dev/null"}}
        return [look, {"id": "work", "python": note, **PATIENT}, {**say, "needs": ["work"]}]
    then = {"id": "then", "needs": ["say"], "emit": {"type": "chaos.then"}}
    return [look, say, then] if shape == "urgent" else [look, say]


def seconds(text: str) -> timedelta:
    """A duration of the documents here: `300ms` or `2s`."""
    number, unit = (text[:-2], 1_000) if text.endswith("ms") else (text[:-1], 1)
    return timedelta(seconds=int(number) / unit)
