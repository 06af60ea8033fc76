"""Bodies of requests: read no further than the limit, then checked.

In: the request's stream. Out: bytes, or a model read from JSON that is as strict as an event's
(duplicate keys, depth). FastAPI's own reading knows neither limit, so no route uses it.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from activity_core.api.parts import ApiLimits
from activity_core.core.definition_file.issue import did_you_mean
from activity_core.core.errors import (
    BadInputError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
)
from activity_core.core.event.media_type import media_type_of
from activity_core.core.jsontext import parse_json


class Body(BaseModel):
    """What a request may say; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", strict=True)


Words = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""Text without the one character that PostgreSQL's has not."""

Why = Annotated[Words, Field(max_length=2_000)]
"""A reason; it is kept on record."""


class Because(Body):
    """Why somebody does this; it is kept on record."""

    reason: Why = ""


BodyT = TypeVar("BodyT", bound=Body)


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, if it has at most `limit` bytes.

    Raises:
        PayloadTooLargeError: it has more, or says so; the rest is not read.
        UnsupportedMediaTypeError: it is compressed.
    """
    headers = request.headers
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaTypeError("compressed bodies are not read", hint="send it as it is")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def media_type(request: Request) -> str:
    """The content type without its parameters, in lower case."""
    return media_type_of(request.headers.get("content-type", ""))


def json_body(model: type[BodyT]) -> Callable[[Request], Awaitable[BodyT]]:
    """A dependency that reads the body as `model`; an empty body is `{}`."""

    async def read(request: Request) -> BodyT:
        limits: ApiLimits = request.app.state.limits
        raw = await read_body(request, limits.max_body_bytes)
        if raw and media_type(request) != "application/json":
            raise UnsupportedMediaTypeError(
                f"content type {media_type(request)[:80]!r}", hint="send application/json"
            )
        value = parse_json(raw, max_depth=limits.max_json_depth) if raw else {}
        try:
            return model.model_validate(value)
        except ValidationError as error:
            issues = [
                _issue(model, item["loc"], item["type"], item["msg"]) for item in error.errors()
            ]
            raise BadInputError("; ".join(issues)) from None

    return read


Reason = Annotated[Because, Depends(json_body(Because))]


def documented(
    model: type[Body], *examples: dict[str, Any], required: bool = True
) -> dict[str, Any]:
    """The request body for OpenAPI, which FastAPI cannot know."""
    whole = model.model_json_schema()
    schema = _inlined(whole, whole.pop("$defs", {}))
    if examples:
        schema["examples"] = list(examples)
    return {
        "requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}
    }


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:
    """Without references, which would be looked up in OpenAPI's own place for schemas."""
    match part:
        case {"$ref": str(name), **rest}:
            return _inlined(definitions[name.removeprefix("#/$defs/")], definitions) | rest
        case dict():
            return {key: _inlined(value, definitions) for key, value in part.items()}
        case list():
            return [_inlined(item, definitions) for item in part]
        case _:
            return part


def _issue(model: type[Body], path: tuple[str | int, ...], kind: str, message: str) -> str:
    if not path and kind == "model_type":  # whose own words name a class of ours
        return "the body: it is no JSON object"
    name = ".".join(map(str, path)) or "the body"
    if kind == "extra_forbidden":
        return f"unknown key `{name:.60}`{did_you_mean(name, model.model_fields)}"
    return f"{name}: {message[:1].lower()}{message[1:]}"


def _too_large(limit: int) -> PayloadTooLargeError:
    return PayloadTooLargeError(f"the body is larger than {limit} bytes")
