"""Match: what an event costs among 10 or 10,000 definitions, on one core.

Ours is the match index over rows of the inbox, from text to hits, as the router has them: events
were validated at the door. `validate and match` validates each one whole besides. References: the
same with 10 definitions, every filter in turn by CEL, and AWS event-ruler over the same rules and
texts (`make ruler`), a Java process of its own that takes rounds in turn with ours.
"""

import asyncio
import gc
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from activity_core.core.errors import ExpressionError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.stored_event import StoredEvent
from activity_core.core.expression.condition import Bindings, compile_expression
from activity_core.core.matching.match_index import EVENT_VARIABLES, MatchIndex
from benchmarks.figure import Figure, Measure, in_turns
from benchmarks.rule_sets import Rule, events, rules

EVENTS = 20_000
EVENTS_IN_TURN = 10
WANTED = 50_000.0  # events a second and core
DEARER = 1.5  # times that 10,000 definitions may cost what 10 do
SIZES = tuple(int(size) for size in os.environ.get("RULES", "10 1000 10000 100000").split())
GOALS = {"equality": 0.5, "prefix": 0.5, "numeric": 1.0, "mixed": 1.0}
JARS = Path(".rivals/event-ruler")
BENCH = Path(__file__).parent / "event_ruler" / "Bench.java"

Row = tuple[str, str, str, bytes]
"""Of the inbox: source, id, type, body."""


async def measure() -> Sequence[Figure]:
    """Figures of our own first, then those beside event-ruler."""
    return [*await _of_four_clauses(), *await _beside_ruler()]


async def _of_four_clauses() -> list[Figure]:
    few, many = rules("four clauses", 10), rules("four clauses", 10_000)
    of_few, of_many, rows = _index(few), _index(many), _rows(events(EVENTS, 10_000))
    figures = []
    for way, does in (("match", _indexed), ("validate and match", _validated)):
        cheap, ours = does(of_few, rows), does(of_many, rows)
        name = f"{way}, 10,000 definitions"
        figures += [
            _figure(name, await in_turns(_wanted, ours), "what is wanted", 1.0),
            _figure(name, await in_turns(cheap, ours), "10", round(1 / DEARER, 2)),
        ]
    for some, index in ((few, of_few), (many, of_many)):
        pairs = await in_turns(_in_turn(some, rows), _indexed(index, rows))
        name = f"match, {len(some):,} definitions"
        figures.append(_figure(name, pairs, "every filter in turn", 1.0))
    return figures


async def _beside_ruler() -> list[Figure]:
    figures = []
    for kind, goal in GOALS.items():
        for size in SIZES:
            some, bodies = rules(kind, size), events(EVENTS, size)
            index, rows = _index(some), _rows(bodies)
            async with _ruler(some, bodies) as ruler:
                pairs = await in_turns(ruler.rate, _indexed(index, rows))
            hits = sum(len(index.match(StoredEvent(*row)).hits) for row in rows)
            assert hits == ruler.found > 0
            figures.append(
                _figure(f"match, {size:,} rules, {kind}", pairs, "AWS event-ruler", goal)
            )
    return figures


def _figure(name: str, pairs: Sequence[tuple[float, float]], reference: str, goal: float) -> Figure:
    return Figure.of(name, pairs, reference_name=reference, goal=goal, unit="events/s")


async def _wanted() -> float:
    return WANTED


def _index(some: Sequence[Rule]) -> MatchIndex:
    index = MatchIndex()
    for number, rule in enumerate(some):
        index.put(rule.definition(number), 1)
    index.match(StoredEvent(*_rows(events(1, 1))[0]))  # reads the filters
    gc.unfreeze()
    gc.collect()
    gc.freeze()  # as every process of ours does
    return index


def _rows(bodies: Sequence[bytes]) -> Sequence[Row]:
    envelopes = map(EventEnvelope.from_bytes, bodies)
    return [
        (each.source, each.id, each.type, body)
        for each, body in zip(envelopes, bodies, strict=True)
    ]


def _indexed(index: MatchIndex, rows: Sequence[Row]) -> Measure:
    async def rate() -> float:
        began = time.process_time()
        for row in rows:
            index.match(StoredEvent(*row))
        return len(rows) / (time.process_time() - began)

    return rate


def _validated(index: MatchIndex, rows: Sequence[Row]) -> Measure:
    async def rate() -> float:
        began = time.process_time()
        for row in rows:
            event = StoredEvent(*row)
            assert event.envelope
            index.match(event)
        return len(rows) / (time.process_time() - began)

    return rate


def _in_turn(some: Sequence[Rule], rows: Sequence[Row]) -> Measure:
    programs = [compile_expression(rule.filter, variables=EVENT_VARIABLES) for rule in some]

    async def rate() -> float:
        began = time.process_time()
        for row in rows[:EVENTS_IN_TURN]:
            bindings = Bindings({"event": StoredEvent(*row).envelope.for_conditions()})
            for program in programs:
                try:
                    program.holds(bindings)
                except ExpressionError:
                    continue
        return EVENTS_IN_TURN / (time.process_time() - began)

    return rate


class _Ruler:
    """One process of event-ruler; `found` is how often rules matched in its last round."""

    def __init__(self, process: asyncio.subprocess.Process, events_per_round: int) -> None:
        self._process = process
        self._events = events_per_round
        self.found = 0

    async def rate(self) -> float:
        """One round over all events."""
        assert self._process.stdin
        self._process.stdin.write(b"\n")
        nanoseconds, self.found = await self.answer()
        return self._events / nanoseconds * 1e9

    async def answer(self) -> tuple[int, int]:
        """Of the last round: how long it took, how often rules matched."""
        assert self._process.stdout
        nanoseconds, found = (await self._process.stdout.readline()).split()
        return int(nanoseconds), int(found)


@asynccontextmanager
async def _ruler(some: Sequence[Rule], bodies: Sequence[bytes]) -> AsyncIterator[_Ruler]:
    with tempfile.TemporaryDirectory() as directory:
        files = Path(directory, "rules"), Path(directory, "events")
        files[0].write_text("".join(rule.ruler_text + "\n" for rule in some))
        files[1].write_bytes(b"".join(body + b"\n" for body in bodies))
        process = await asyncio.create_subprocess_exec(
            *("java", "-Xmx3g", "-cp", f"{JARS}/*", str(BENCH), *map(str, files)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        ruler = _Ruler(process, len(bodies))
        try:
            await ruler.answer()  # it has read its files
            yield ruler
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
