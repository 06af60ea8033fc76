"""What a mapping sees of a message: its body as JSON, and the headers that hold no secret.

In: messages from `mapping`. Out: values for CEL. Forms become objects of strings; a form of
nothing but a `payload` that holds JSON, which is how GitHub and Slack send forms, is that JSON.
"""

import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl

from activity_core.core.definition.verification import Verification
from activity_core.core.errors import (
    MappingError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
)
from activity_core.core.event.media_type import is_json, media_type_of
from activity_core.core.event.message import Message
from activity_core.core.jsontext import JsonValue, parse_json

MOST_FIELDS = 1_000
"""Fields of a form."""

FORM = "application/x-www-form-urlencoded"
_CREDENTIAL = re.compile(
    r"auth|cookie|signature|token|secret|passw|credential|hmac|jwt|session|csrf|assertion"
    r"|api-?key|access-?key|(^|-)sig(-|$)|client-cert"
)


def body_of(message: Message, *, max_depth: int) -> JsonValue:
    """The body as JSON; without a content type it has to be JSON.

    Raises:
        MalformedJsonError: it says that it is JSON, and is not.
        MappingError: it is no form that can be read, or has a field twice.
        PayloadTooLargeError: a form of too many fields.
        UnsupportedMediaTypeError: neither JSON nor a form.
    """
    media_type = media_type_of(message.headers.get("content-type", ""))
    if not media_type or is_json(media_type):
        return parse_json(message.body, max_depth=max_depth)
    if media_type == FORM:
        return _form(message.body, max_depth)
    raise UnsupportedMediaTypeError(
        f"content type {media_type[:80]!r}", hint=f"send JSON or {FORM}"
    )


def visible_headers(headers: Mapping[str, str], hidden: Collection[str] = ()) -> dict[str, str]:
    """The headers but those that carry a credential or a signature, and those in `hidden`."""
    return {
        name: value
        for name, value in headers.items()
        if name not in hidden and not _CREDENTIAL.search(name)
    }


def proof_headers(verification: Verification | None) -> frozenset[str]:
    """Headers, in lower case, that a source of its own choice proves itself by."""
    if verification is None:
        return frozenset()
    chosen = (part.header for part in (verification.bearer_, verification.hmac_) if part)
    return frozenset(name.lower() for name in chosen if name)


def _form(body: bytes, max_depth: int) -> JsonValue:
    if body.count(b"&") >= MOST_FIELDS:
        raise PayloadTooLargeError(f"a form of more than {MOST_FIELDS} fields")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeError:
        raise MappingError("the form is not percent-encoded UTF-8") from None
    form: dict[str, JsonValue] = {}
    for name, value in fields:
        if name in form:  # two readers may take different ones
            raise MappingError(f"the form has the field {name[:40]!r} twice")
        form[name] = value
    payload = form.get("payload")
    if len(form) == 1 and isinstance(payload, str) and payload[:1] in ("{", "["):
        return parse_json(payload.encode(), max_depth=max_depth)
    return form
