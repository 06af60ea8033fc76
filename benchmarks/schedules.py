"""Schedules: what many definitions cost to reconcile, and how a herd of them fires.

`BENCH_SIZE=1000 make bench NAME=schedules` tries the same with fewer definitions.
"""

import os
from collections.abc import Sequence

from benchmarks import herds, reconciling
from benchmarks.figure import Figure

SIZE = int(os.environ.get("BENCH_SIZE", "10000"))
"""Definitions that are reconciled; a tenth as many fire in one second."""


async def measure() -> Sequence[Figure]:
    """Reconciles, then herds."""
    return [*await reconciling.measure(SIZE), *await herds.measure(SIZE // 10)]
