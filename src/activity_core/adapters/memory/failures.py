"""Outages on demand: what the twins of remote parts raise when a test or simulation says so."""

from collections import deque


class Failures:
    """Errors for the next calls, one each, in order; none means that the call works."""

    def __init__(self) -> None:
        self._before: deque[Exception] = deque()
        self._after: deque[Exception] = deque()

    def before(self, *errors: Exception) -> None:
        """The next calls fail and change nothing."""
        self._before.extend(errors)

    def after(self, *errors: Exception) -> None:
        """The next calls do their work, and then their answer is lost."""
        self._after.extend(errors)

    def raise_before(self) -> None:
        """Asked by a twin before it does anything."""
        if self._before:
            raise self._before.popleft()

    def raise_after(self) -> None:
        """Asked by a twin when it is done."""
        if self._after:
            raise self._after.popleft()
