"""What automated tasks put out, as it can be stored: JSON, bounded in size.

In: whatever performers, and those whom the workflow calls, answered. Out: plain JSON, or a failure
that no other attempt mends.
"""

from activity_core.core.errors import MalformedJsonError
from activity_core.core.jsontext import JsonValue, canonical_json, parse_json
from activity_core.core.run.errors import TaskFailedError

MAX_BYTES = 1 << 20
UNSERIALISABLE, TOO_LARGE = "unserialisable", "too_large"


def storable(value: object, subject: str) -> JsonValue:
    """The value through JSON text and back: only what can be stored comes out.

    Raises:
        TaskFailedError: of type `unserialisable` or `too_large`.
    """
    try:
        raw = canonical_json(value)  # type: ignore[arg-type]
        if len(raw) > MAX_BYTES:
            raise TaskFailedError(
                f"its outputs are {len(raw)} bytes, over the limit of {MAX_BYTES}",
                subject=subject,
                hint="keep them elsewhere and put out where",
                type=TOO_LARGE,
                retryable=False,
            )
        return parse_json(raw)
    except (TypeError, ValueError, RecursionError, MalformedJsonError) as error:
        raise TaskFailedError(
            f"its outputs cannot be said in JSON: {error}",
            subject=subject,
            type=UNSERIALISABLE,
            retryable=False,
        ) from None
