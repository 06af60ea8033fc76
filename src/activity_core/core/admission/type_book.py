"""The type book: the registered event types, and what they ask of the data of an event.

In: event types (from `admission`) and envelopes. Out: nothing when the data fits, or where it does
not; the envelope with its secrets masked. A schema is compiled when the first event needs it, and
kept as long as the book.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from urllib.parse import unquote

from jsonschema_rs import Draft202012Validator, ValidationError

from activity_core.core.admission.redaction import MASK, masked, parsed
from activity_core.core.definition.event_type import EventType
from activity_core.core.definition.json_schema import pointer
from activity_core.core.errors import SchemaMismatchError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.patterns import PatternIndex
from activity_core.core.expression.message import shorten
from activity_core.core.jsontext import JsonValue

MOST_POINTERS = 5
MOST_VALUES = 2_000
"""In larger data only the first mismatch is named: finding them all takes 13 µs each."""

_VERSION_URN = "urn:event-type:"
_LONGEST_REASON = 100


class TypeBook:
    """Event types by the types that they take: the exact one, else the longest pattern.

    Of two for the very same types the first one counts.
    """

    def __init__(self, types: Sequence[EventType]) -> None:
        self._pages = PatternIndex((type_.type, _Page(type_)) for type_ in types)

    def check(self, envelope: EventEnvelope, *, required: bool) -> None:
        """Let an event pass whose data fits its type; `required`: it must have one.

        Raises:
            SchemaMismatchError: it does not, or names a version that there is not. The message
                and the pointers say where, never what was there.
        """
        page = self._page_of(envelope.type)
        if page is not None:
            page.check(envelope)
        elif required:
            raise SchemaMismatchError(
                f"type {envelope.type[:200]!r} is not registered",
                subject=_event(envelope),
                hint="its source asks for registered types: apply a `kind: event_type` for it",
            )

    def redacted(self, envelope: EventEnvelope) -> EventEnvelope:
        """The event with the secrets of its type masked.

        Binary data, which no pointer leads into, is masked as a whole if its type has secrets.
        """
        page = self._page_of(envelope.type)
        if page is None or not page.secrets:
            return envelope
        if envelope.data_base64 is not None:
            return replace(envelope, data=MASK, data_base64=None)
        data = masked(envelope.data, page.secrets)
        return envelope if data is envelope.data else replace(envelope, data=data)

    def _page_of(self, event_type: str) -> "_Page | None":
        return next(self._pages.taking(event_type), None)


class _Page:
    """One event type; its versions are compiled one by one."""

    def __init__(self, event_type: EventType) -> None:
        self._type = event_type
        self._validators: dict[int, Draft202012Validator] = {}

    @cached_property
    def secrets(self) -> Sequence[tuple[str, ...]]:
        return [parsed(pointer) for pointer in self._type.redact]

    def check(self, envelope: EventEnvelope) -> None:
        version = self._version(envelope)
        value = envelope.data
        if envelope.data_base64 is not None:
            schema = self._type.versions[version - 1]
            if schema and schema.get("contentEncoding") != "base64":
                raise self._mismatch(envelope, version, [("", "it is binary, JSON is asked for")])
            value = envelope.data_base64
        validator = self._validators.get(version) or self._compiled(version)
        if not validator.is_valid(value):
            raise self._mismatch(envelope, version, _places(validator, value))

    def _compiled(self, version: int) -> Draft202012Validator:
        # The mask stands for values in what it says: they may be secret.
        validator = Draft202012Validator(
            self._type.versions[version - 1], validate_formats=True, offline=True, mask="it"
        )
        self._validators[version] = validator
        return validator

    def _version(self, envelope: EventEnvelope) -> int:
        newest = len(self._type.versions)
        schema = envelope.dataschema or ""
        named_type, _, version = schema.removeprefix(_VERSION_URN).rpartition(":")
        if not schema.startswith(_VERSION_URN) or unquote(named_type) != envelope.type:
            return newest
        known = {str(number): number for number in range(1, newest + 1)}
        if version not in known:
            raise SchemaMismatchError(
                f"event type {self._type.id} has no version {version[:40]!r}",
                subject=_event(envelope),
                hint=f"known: {', '.join(known)}",
            )
        return known[version]

    def _mismatch(
        self, envelope: EventEnvelope, version: int, places: Sequence[tuple[str, str]]
    ) -> SchemaMismatchError:
        reasons = "; ".join(f"{pointer or 'the data'}: {reason}" for pointer, reason in places)
        return SchemaMismatchError(
            f"the data does not fit version {version} of event type {self._type.id}: {reasons}",
            subject=_event(envelope),
            pointers=[pointer for pointer, _ in places],
        )


def _places(validator: Draft202012Validator, value: JsonValue) -> list[tuple[str, str]]:
    """Pointers (RFC 6901) and reasons, at most five."""
    if _is_large(value):
        try:
            validator.validate(value)
        except ValidationError as error:
            return [_place(error)]
    return [_place(error) for error in islice(validator.iter_errors(value), MOST_POINTERS)]


def _place(error: ValidationError) -> tuple[str, str]:
    return pointer(error.instance_path), shorten(error.message, _LONGEST_REASON)


def _is_large(value: JsonValue) -> bool:
    seen, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        seen += 1
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
        if seen + len(waiting) > MOST_VALUES:
            return True
    return False


def _event(envelope: EventEnvelope) -> str:
    return f"event {envelope.source} {envelope.id}"
