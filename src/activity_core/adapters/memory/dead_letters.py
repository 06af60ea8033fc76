"""Dead letters in memory."""

from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.state import State
from activity_core.core.errors import NotFoundError
from activity_core.ports.dead_letters import DeadLetter, DeadLetterStatus


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
        letters = self._state.tables.dead_letters.values()
        return sum(letter.status is DeadLetterStatus.OPEN for letter in letters)
