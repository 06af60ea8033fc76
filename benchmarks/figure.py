"""Figures: a number of ours beside that of a reference, measured in the same run.

In: two ways to measure, taken in turns so that whatever else the machine does meets both. Out: one
JSON line, its ratio written so that higher is better.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

ROUNDS = 5
RESULTS = Path(__file__).parent / "results"

Measure = Callable[[], Awaitable[float]]
"""One round: how much of the unit."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a result. `ratio` is ours over the reference, inverted where less is better.

    Attributes:
        goal: the floor of `ratio`.
        rounds_ours: every round, in order; likewise `rounds_reference`.
    """

    name: str
    ours: float
    reference: float
    reference_name: str
    ratio: float
    goal: float
    unit: str
    rounds_ours: Sequence[float]
    rounds_reference: Sequence[float]

    @property
    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of(
        cls,
        name: str,
        pairs: Sequence[tuple[float, float]],
        *,
        reference_name: str,
        goal: float,
        unit: str,
        less_is_better: bool = False,
    ) -> "Figure":
        """From rounds of (reference, ours): medians, and the ratio between them."""
        reference = median(pair[0] for pair in pairs)
        ours = median(pair[1] for pair in pairs)
        ratio = reference / ours if less_is_better else ours / reference
        return cls(
            name=name,
            ours=round(ours, 2),
            reference=round(reference, 2),
            reference_name=reference_name,
            ratio=round(ratio, 3),
            goal=goal,
            unit=unit,
            rounds_ours=[round(pair[1], 2) for pair in pairs],
            rounds_reference=[round(pair[0], 2) for pair in pairs],
        )


async def in_turns(
    reference: Measure, ours: Measure, rounds: int = ROUNDS
) -> list[tuple[float, float]]:
    """Rounds of (reference, ours), after one of each that does not count."""
    await reference()
    await ours()
    return [(await reference(), await ours()) for _ in range(rounds)]


def publish(name: str, figures: Sequence[Figure]) -> None:
    """Print the figures of a benchmark, and keep them as the newest."""
    lines = [figure.line for figure in figures]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.jsonl").write_text("".join(line + "\n" for line in lines))
    for line in lines:
        print(line, flush=True)
