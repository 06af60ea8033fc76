"""What Temporal activities and workflows of others are asked and answer.

In: arguments before they are sent; a payload as it came, from workers in whatever language. Out:
JSON that can be sent or stored, or a failure with a clear type. Looked at here and not by the
workflow: what cannot be sent or read must fail the task, never the workflow.
"""

from collections.abc import Sequence

from temporalio.common import RawValue

from activity_core.core.errors import MalformedJsonError
from activity_core.core.jsontext import JsonValue, canonical_json, parse_json
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.task_outputs import TOO_LARGE, UNSERIALISABLE

_JSON, _NULL = frozenset({"json/plain", "json/protobuf"}), "binary/null"

MOST_ARGUMENTS = 1 << 20
"""Bytes of JSON; Temporal refuses what is above 2 MiB, together with the workflow that sends it."""


def check_arguments(args: Sequence[JsonValue]) -> None:
    """Whether a call can be sent.

    Raises:
        TaskFailedError: of type `too_large`.
    """
    size = len(canonical_json(list(args)))
    if size > MOST_ARGUMENTS:
        message = f"its arguments are {size} bytes, over the limit of {MOST_ARGUMENTS}"
        raise TaskFailedError(message, type=TOO_LARGE, retryable=False)


def outputs_of(answer: RawValue) -> JsonValue:
    """The JSON in a payload.

    Raises:
        TaskFailedError: of type `unserialisable`.
    """
    payload = answer.payload
    encoding = payload.metadata.get("encoding", b"").decode(errors="replace")
    if encoding == _NULL:
        return None
    if encoding not in _JSON:
        raise _refused(f"it answers {encoding or 'an unknown format'}, not JSON")
    try:
        return parse_json(payload.data)
    except MalformedJsonError as error:
        raise _refused(f"it answers unusable JSON: {error}") from None


def _refused(message: str) -> TaskFailedError:
    return TaskFailedError(message, type=UNSERIALISABLE, retryable=False)
