"""Parse, validate and match: what an event costs among 10 or 10,000 definitions, on one core.

Ours is the real envelope and match index over stored texts, as the router has them. References: the
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


async def measure() -> Sequence[Figure]:
    """Figures of our own first, then those beside event-ruler."""
    return [*await _of_four_clauses(), *await _beside_ruler()]


async def _of_four_clauses() -> list[Figure]:
    few, many = rules("four clauses", 10), rules("four clauses", 10_000)
    bodies = events(EVENTS, 10_000)
    ours, of_few = _indexed(_index(many), bodies), _indexed(_index(few), bodies)
    return [
        _figure("10,000 definitions", await in_turns(_wanted, ours), "what is wanted", 1.0),
        _figure("10,000 definitions", await in_turns(of_few, ours), "10", round(1 / DEARER, 2)),
        *[
            _figure(f"{len(some):,} definitions", pairs, "every filter in turn", 1.0)
            for some, index in ((few, of_few), (many, ours))
            for pairs in [await in_turns(_in_turn(some, bodies), index)]
        ],
    ]


async def _beside_ruler() -> list[Figure]:
    figures = []
    for kind, goal in GOALS.items():
        for size in SIZES:
            some, bodies = rules(kind, size), events(EVENTS, size)
            index = _index(some)
            async with _ruler(some, bodies) as ruler:
                pairs = await in_turns(ruler.rate, _indexed(index, bodies))
            hits = sum(len(index.match(EventEnvelope.from_bytes(body)).hits) for body in bodies)
            assert hits == ruler.found > 0
            figures.append(_figure(f"{size:,} rules, {kind}", pairs, "AWS event-ruler", goal))
    return figures


def _figure(of: str, pairs: Sequence[tuple[float, float]], reference: str, goal: float) -> Figure:
    name = f"match, {of}"
    return Figure.of(name, pairs, reference_name=reference, goal=goal, unit="events/s")


async def _wanted() -> float:
    return WANTED


def _index(some: Sequence[Rule]) -> MatchIndex:
    index = MatchIndex()
    for number, rule in enumerate(some):
        index.put(rule.definition(number), 1)
    index.match(EventEnvelope.from_bytes(events(1, 1)[0]))  # reads the filters
    gc.unfreeze()
    gc.collect()
    gc.freeze()  # as every process of ours does
    return index


def _indexed(index: MatchIndex, bodies: Sequence[bytes]) -> Measure:
    async def rate() -> float:
        began = time.process_time()
        for body in bodies:
            index.match(EventEnvelope.from_bytes(body))
        return len(bodies) / (time.process_time() - began)

    return rate


def _in_turn(some: Sequence[Rule], bodies: Sequence[bytes]) -> Measure:
    programs = [compile_expression(rule.filter, variables=EVENT_VARIABLES) for rule in some]

    async def rate() -> float:
        began = time.process_time()
        for body in bodies[:EVENTS_IN_TURN]:
            bindings = Bindings({"event": EventEnvelope.from_bytes(body).for_conditions()})
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
