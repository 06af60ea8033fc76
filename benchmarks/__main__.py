"""`python -m benchmarks [NAME]`: one benchmark, or all of them, one JSON line per figure."""

import logging
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence

import uvloop

from activity_core.telemetry import configure_logs
from benchmarks import (
    batches,
    coalescing,
    execution,
    inbox,
    ingress,
    intake,
    latency,
    ledger,
    matching,
    runs,
    schedules,
    webhook,
)
from benchmarks.figure import Figure, publish

BENCHMARKS: Mapping[str, Callable[[], Awaitable[Sequence[Figure]]]] = {
    "runs": runs.measure,
    "execution": execution.measure,
    "inbox": inbox.measure,
    "coalescing": coalescing.measure,
    "batches": batches.measure,
    "ingress": ingress.measure,
    "latency": latency.measure,
    "intake": intake.measure,
    "webhook": webhook.measure,
    "matching": matching.measure,
    "schedules": schedules.measure,
    "ledger": ledger.measure,
}


async def main(names: Sequence[str]) -> None:
    """Run benchmarks one after the other, each on servers of its own."""
    for name in names:
        publish(name, await BENCHMARKS[name]())


if __name__ == "__main__":
    wanted = sys.argv[1:] or list(BENCHMARKS)
    if unknown := set(wanted) - set(BENCHMARKS):
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    configure_logs(json=False, level=logging.WARNING)
    uvloop.run(main(wanted))
