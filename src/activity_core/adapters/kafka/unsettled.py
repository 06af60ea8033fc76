"""What of our partitions is handed out and not settled: how far may be committed, and what is due.

Kafka keeps one number per partition, and everything before it counts as done. So the number may
only be that of the first message which is not settled. No I/O here, and no clock: told by
`consumer`.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aiokafka.structs import ConsumerRecord, TopicPartition

Record = ConsumerRecord[bytes, bytes]


@dataclass(slots=True, eq=False)
class Mark:
    """One partition, for as long as it is ours without a break.

    Attributes:
        end: the offset after the last message that was handed out.
        committed: what the cluster knows.
        lost: it is another's now, or ours anew; its messages come again, to whoever has it.
    """

    end: int = 0
    committed: int = 0
    lost: bool = False
    # In order of their offsets, as messages are handed out in order, and a retry keeps its place.
    open: dict[int, None] = field(default_factory=dict)

    def reached(self) -> int:
        """Everything before this offset is settled."""
        return next(iter(self.open), self.end)


@dataclass(slots=True, eq=False)
class Handed:
    """A message in somebody's hands, the `attempt`th time."""

    record: Record
    mark: Mark
    attempt: int = 1
    returned: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is still ours to settle."""
        return not self.mark.lost and self.record.offset in self.mark.open


class Unsettled:
    """The messages of one member of a group."""

    def __init__(self) -> None:
        self._marks: dict[TopicPartition, Mark] = {}
        self._later: list[tuple[float, int, Handed]] = []
        self._returns = 0

    def __len__(self) -> int:
        """How many are handed out, or wait to be handed out again."""
        return sum(len(mark.open) for mark in self._marks.values())

    def goes_on(self, partition: TopicPartition, offset: int) -> bool:
        """Whether a message comes after those before it; a log made anew begins at 0."""
        mark = self._marks.get(partition)
        return mark is None or offset >= mark.end

    def end(self, partition: TopicPartition) -> int | None:
        """The offset after the last message that was handed out; None before the first."""
        mark = self._marks.get(partition)
        return mark.end if mark else None

    def hand_out(self, partition: TopicPartition, record: Record) -> Handed:
        """A message that goes on (`goes_on`) from the last one of its partition."""
        if partition not in self._marks:
            self._marks[partition] = Mark(committed=record.offset)
        mark = self._marks[partition]
        mark.open[record.offset] = None
        mark.end = record.offset + 1
        return Handed(record, mark)

    def settle(self, handed: Handed) -> None:
        """It is done; of a partition that we lost, this means nothing."""
        handed.mark.open.pop(handed.record.offset, None)

    def give_back(self, handed: Handed, due_at: float) -> None:
        """It is to be handed out again at `due_at`; what is settled, or lost, is not."""
        if handed.is_open and not handed.returned:
            handed.returned = True
            self._returns += 1
            heapq.heappush(self._later, (due_at, self._returns, handed))

    def due(self, now: float, most: int) -> list[Handed]:
        """Those to be handed out again by now, at most so many."""
        found: list[Handed] = []
        while self._later and self._later[0][0] <= now and len(found) < most:
            _, _, handed = heapq.heappop(self._later)
            if handed.is_open:
                found.append(Handed(handed.record, handed.mark, handed.attempt + 1))
        return found

    def next_due(self) -> float | None:
        """When the next one is to be handed out again."""
        return self._later[0][0] if self._later else None

    def reached(self) -> Mapping[TopicPartition, int]:
        """How far each partition may be committed, where the cluster does not know it yet."""
        return {
            partition: mark.reached()
            for partition, mark in self._marks.items()
            if mark.reached() != mark.committed
        }

    def committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        """The cluster knows these now."""
        for partition, offset in offsets.items():
            if partition in self._marks:
                self._marks[partition].committed = offset

    def lose(self, partitions: Iterable[TopicPartition]) -> None:
        """They are not ours any more: nothing of them is committed, or handed out again."""
        for partition in set(partitions) & self._marks.keys():
            self._marks.pop(partition).lost = True

    def lose_all(self) -> None:
        """None is ours any more."""
        self.lose(tuple(self._marks))
