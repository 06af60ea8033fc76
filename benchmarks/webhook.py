"""CPU time of judging a webhook of 2 KiB: proof, mapping, envelope, `allow` and schema. No I/O.

The real `MessageReader`, `Gate` and secrets, over a registry in memory. The reference is the time
that is allowed.
"""

import gc
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from activity_core.adapters.kept_secrets import KeptSecrets
from activity_core.adapters.memory.doorbell import MemoryDoorbell
from activity_core.adapters.memory.registry import MemoryRegistryStore
from activity_core.adapters.memory.secrets import MemoryKeySets
from activity_core.adapters.memory.state import State
from activity_core.adapters.system_clock import SystemClock
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.event.message import Message
from activity_core.services.gate import Gate
from activity_core.services.message_reader import MessageReader
from activity_core.services.registry import Registry
from activity_core.services.verifier import Verifier
from benchmarks.figure import Figure, Measure, in_turns
from benchmarks.webhook_entrances import ENTRANCES, SECRET_NAME
from benchmarks.webhook_senders import SECRET, SENDERS

ALLOWED = 200.0  # microseconds
MESSAGES = 500
ROUNDS = 21


async def measure() -> Sequence[Figure]:
    """One figure per way to sign."""
    os.environ[SECRET_NAME] = SECRET
    clock = SystemClock()
    store = MemoryRegistryStore(State())
    registry = Registry(store, MemoryDoorbell(), clock, config={})
    await registry.apply(parse_definitions(ENTRANCES, file="bench.yaml"), "bench")
    gate = Gate(store, clock, unlisted=False)
    reader = MessageReader(
        Verifier(KeptSecrets(clock), MemoryKeySets()), max_depth=64, max_events=1_000
    )
    gc.collect()
    gc.freeze()  # as every process of ours does
    return [await _figure(source_id, reader, gate) for source_id in SENDERS]


async def _figure(source_id: str, reader: MessageReader, gate: Gate) -> Figure:
    measured = _measure(source_id, reader, gate)
    pairs = await in_turns(_allowed, measured, rounds=ROUNDS)
    return Figure.of(
        f"webhook of 2 KiB, {source_id}",
        pairs,
        reference_name="what it may take",
        goal=1.0,
        unit="µs of CPU",
        less_is_better=True,
    )


async def _allowed() -> float:
    return ALLOWED


def _measure(source_id: str, reader: MessageReader, gate: Gate) -> Measure:
    async def microseconds() -> float:
        now = datetime.now(UTC)  # noqa: TID251 - a program of its own
        messages = [
            Message(body=body, headers=headers, place=f"webhook of source {source_id}")
            for body, headers in SENDERS[source_id](MESSAGES, now)
        ]
        began = time.process_time()
        for message in messages:
            source = await gate.source(source_id, "webhook")
            for envelope in await reader.read(source, message, "http", now):
                gate.admitted(envelope, source)
        return (time.process_time() - began) / MESSAGES * 1e6

    return microseconds
