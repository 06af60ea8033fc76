"""Dead letters in memory."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.state import State
from activity_core.core.errors import NotFoundError
from activity_core.ports.dead_letters import (
    DeadLetter,
    DeadLetterStatus,
    LetterFilter,
    LetterGroup,
)


class MemoryDeadLetters:
    """See `ports.dead_letters.DeadLetters`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def bury(self, letter: DeadLetter) -> None:
        """See `DeadLetters.bury`."""
        async with self._state.transaction() as tables:
            tables.dead_letters.setdefault(letter.dead_letter_id, letter)

    async def get(self, dead_letter_id: str) -> DeadLetter:
        """See `DeadLetters.get`."""
        letter = self._state.tables.dead_letters.get(dead_letter_id)
        if letter is None:
            raise NotFoundError("no such dead letter", subject=f"dead letter {dead_letter_id}")
        return letter

    async def groups(self, chosen: LetterFilter) -> list[LetterGroup]:
        """See `DeadLetters.groups`."""
        found: defaultdict[tuple[str, str, str], list[DeadLetter]] = defaultdict(list)
        for letter in self._open(chosen):
            found[letter.via, letter.code, letter.source_id].append(letter)
        groups = [_group(letters) for letters in found.values()]
        return sorted(groups, key=lambda each: (-each.count, each.via, each.code, each.source_id))

    async def open_letters(
        self, chosen: LetterFilter, limit: int, *, after: str = ""
    ) -> list[DeadLetter]:
        """See `DeadLetters.open_letters`."""
        found = [letter for letter in self._open(chosen) if letter.dead_letter_id > after]
        return sorted(found, key=lambda letter: letter.dead_letter_id)[:limit]

    async def resolve(
        self, dead_letter_id: str, status: DeadLetterStatus, by: str, at: datetime
    ) -> bool:
        """See `DeadLetters.resolve`."""
        async with self._state.transaction() as tables:
            letter = tables.dead_letters.get(dead_letter_id)
            if letter is None or letter.status is not DeadLetterStatus.OPEN:
                return False
            tables.dead_letters[dead_letter_id] = replace(
                letter, status=status, resolved_by=by, resolved_at=at
            )
            return True

    async def depth(self) -> int:
        """See `DeadLetters.depth`."""
        return len(self._open(LetterFilter()))

    def _open(self, chosen: LetterFilter) -> list[DeadLetter]:
        return [
            letter
            for letter in self._state.tables.dead_letters.values()
            if letter.status is DeadLetterStatus.OPEN
            and chosen.via in {None, letter.via}
            and chosen.code in {None, letter.code}
            and chosen.source_id in {None, letter.source_id}
        ]


def _group(letters: Sequence[DeadLetter]) -> LetterGroup:
    ages = sorted(letters, key=lambda letter: (letter.buried_at, letter.dead_letter_id))
    oldest, newest = ages[0], ages[-1]
    return LetterGroup(
        via=newest.via,
        code=newest.code,
        source_id=newest.source_id,
        count=len(letters),
        oldest_at=oldest.buried_at,
        newest_at=newest.buried_at,
        example_id=newest.dead_letter_id,
        example_message=newest.message,
    )
