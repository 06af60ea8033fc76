"""An instant in a request: RFC 3339 with its offset; in UTC from there on."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError


def _instant(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        if found is not None and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError("instant", "write an instant like 2026-11-21T09:00:00Z")


Instant = Annotated[datetime, BeforeValidator(_instant)]
