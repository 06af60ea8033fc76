"""Every error that a user can meet, with a stable code.

Raised anywhere; shown by the API as problem documents (RFC 9457), by the CLI as one line and an
exit code, and stored as text with dead letters, runs and tasks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class ActivityCoreError(Exception):
    """What happened, to what, and what to do next.

    Attributes:
        code: stable, machine-readable (snake_case); part of the published contract.
        status: the HTTP status that the API answers with.
        subject: what it happened to (`definition invoice-chaser`, `event e.12ab…`), may be empty.
        hint: what to do next, may be empty.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, subject: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.subject = subject
        self.hint = hint

    def __str__(self) -> str:
        parts = [f"{self.subject}: {self.message}" if self.subject else self.message]
        if self.hint:
            parts.append(f"({self.hint})")
        return " ".join(parts)


class BadInputError(ActivityCoreError):
    """The caller sent something that can never be accepted as it is."""

    code = "bad_input"
    status = 400


class MalformedJsonError(BadInputError):
    """Not JSON, not UTF-8, duplicate keys, too deep, or a number no double can hold."""

    code = "json_malformed"


class InvalidEventError(BadInputError):
    """JSON, but not a CloudEvent 1.0 (nor its plain spelling)."""

    code = "event_invalid"


class PayloadTooLargeError(BadInputError):
    """Over the configured limit of bytes or items."""

    code = "payload_too_large"
    status = 413


class UnsupportedMediaTypeError(BadInputError):
    """A content type that no binding of ours speaks."""

    code = "media_type_unsupported"
    status = 415


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong with a file of definitions.

    `line` and `column` count from 1; `path` is the key path (`trigger.event.filter`).
    """

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class InvalidDefinitionError(BadInputError):
    """One or more definitions are wrong; `issues` names every place."""

    code = "definition_invalid"
    status = 422

    def __init__(self, issues: Sequence[Issue]) -> None:
        super().__init__("; ".join(str(issue) for issue in issues))
        self.issues = tuple(issues)


class ExpressionError(BadInputError):
    """A CEL expression or `${…}` template does not compile, or failed on this input."""

    code = "expression_failed"
    status = 422


class NotFoundError(ActivityCoreError):
    """No such thing."""

    code = "not_found"
    status = 404


class AmbiguousError(BadInputError):
    """More than one thing answers to that name."""

    code = "ambiguous"
    status = 409


class ConflictError(ActivityCoreError):
    """The state of the thing does not allow this."""

    code = "conflict"
    status = 409


class EventConflictError(ConflictError):
    """The same (source, id) came before with another body."""

    code = "event_conflict"


class UnauthorisedError(ActivityCoreError):
    """No valid API key."""

    code = "unauthorised"
    status = 401


class UnverifiedError(ActivityCoreError):
    """A signature, token or certificate that does not prove what it should.

    The sender is always told the same. `reason` is for operators alone: what was looked at and
    found wanting, never a value of it.
    """

    code = "unverified"
    status = 401

    def __init__(self, reason: str) -> None:
        super().__init__("the request does not prove that it is from this source")
        self.reason = reason


class ForbiddenError(ActivityCoreError):
    """Known, but not allowed to do this (or to send this)."""

    code = "forbidden"
    status = 403


class SchemaMismatchError(BadInputError):
    """Data does not fit its schema: an event's type, a task's form; `pointers` names every place.

    They are pointers (RFC 6901) into the data.
    """

    code = "schema_mismatch"
    status = 422

    def __init__(
        self, message: str, *, subject: str = "", hint: str = "", pointers: Sequence[str] = ()
    ) -> None:
        super().__init__(message, subject=subject, hint=hint)
        self.pointers = tuple(pointers)


class MappingError(BadInputError):
    """A source's `map:` did not make an event of a message."""

    code = "mapping_failed"
    status = 422


class PoisonError(BadInputError):
    """A message that fails again and again for no reason that we know."""

    code = "poison"


class OverloadedError(ActivityCoreError):
    """Too much at once; nothing was taken. `retry_after`: seconds after which to ask again."""

    code = "overloaded"
    status = 429

    def __init__(
        self, message: str, *, subject: str = "", hint: str = "", retry_after: float = 1.0
    ) -> None:
        super().__init__(message, subject=subject, hint=hint)
        self.retry_after = retry_after


class UnavailableError(ActivityCoreError):
    """A part we need (PostgreSQL, Temporal, the broker) cannot be reached now; safe to repeat."""

    code = "unavailable"
    status = 503


class PausedError(UnavailableError):
    """A source that an operator, or its file, has paused; it keeps what it has."""

    code = "source_paused"


class RejectedError(ActivityCoreError):
    """The store can never keep this as it is; what came along with it may be fine by itself."""

    code = "store_rejected"
    status = 422


class ConfigurationError(ActivityCoreError):
    """The settings or the machine do not allow the process to start."""

    code = "configuration"
