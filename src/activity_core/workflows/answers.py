"""What Temporal activities and workflows of others answer, as outputs of a task.

In: a payload as it came, from workers in whatever language. Out: JSON that can be stored, or a
failure with a clear type. Read here and not by the workflow: what cannot be read must fail the
task, never the workflow.
"""

from temporalio.common import RawValue

from activity_core.core.errors import MalformedJsonError
from activity_core.core.jsontext import JsonValue, parse_json
from activity_core.core.run.errors import TaskFailedError

_JSON, _NULL = frozenset({"json/plain", "json/protobuf"}), "binary/null"


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
    return TaskFailedError(message, type="unserialisable", retryable=False)
