"""Answers: canonical JSON, and problem documents (RFC 9457) for whatever went wrong.

In: any error that a route, FastAPI or Starlette raises. Out: `application/problem+json` with the
stable code; nothing of the inside is told.
"""

from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from activity_core.core.errors import (
    ActivityCoreError,
    BadInputError,
    InvalidDefinitionError,
    OverloadedError,
    SchemaMismatchError,
    UnauthorisedError,
    UnavailableError,
)
from activity_core.core.jsontext import canonical_json

PROBLEM = "application/problem+json"
RETRY_AFTER = "2"
"""Seconds after which asking again is worth it when a part of ours is away."""


class JsonResponse(Response):
    """JSON in its canonical form."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Sorted keys, no white space, ASCII."""
        return canonical_json(content)


class ProblemResponse(JsonResponse):
    """A problem document."""

    media_type = PROBLEM


def problem_of(error: ActivityCoreError, **more: Any) -> ProblemResponse:
    """The answer for an error of ours; `more` stands beside the standard members."""
    if isinstance(error, InvalidDefinitionError):
        more["issues"] = [asdict(issue) for issue in error.issues]
    if isinstance(error, SchemaMismatchError):
        more["pointers"] = list(error.pointers)
    headers = {}
    if isinstance(error, OverloadedError):
        headers["Retry-After"] = str(max(1, ceil(error.retry_after)))
    if isinstance(error, UnavailableError):
        headers["Retry-After"] = RETRY_AFTER
    if isinstance(error, UnauthorisedError):
        headers["WWW-Authenticate"] = "Bearer"
    return _problem(
        error.code,
        error.status,
        error.message,
        subject=error.subject,
        hint=error.hint,
        headers=headers,
        more=more,
    )


def internal_error() -> ProblemResponse:
    """The answer when it was us; the log has the rest."""
    return _problem("internal", 500, "something went wrong on our side; it is in the log")


def install_handlers(app: FastAPI) -> None:
    """Let every expected error be answered by a problem document."""

    async def ours(_: Request, error: Exception) -> Response:
        assert isinstance(error, ActivityCoreError)  # noqa: S101 - registered for nothing else
        return problem_of(error)

    async def parameters(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        return problem_of(BadInputError("; ".join(map(_parameter_issue, error.errors()))))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - as above
        return _http_problem(request, error)

    app.add_exception_handler(ActivityCoreError, ours)
    app.add_exception_handler(RequestValidationError, parameters)
    app.add_exception_handler(HTTPException, http)


def _http_problem(request: Request, error: HTTPException) -> ProblemResponse:
    """No such route, no such method."""
    status = HTTPStatus(error.status_code)
    known = {
        HTTPStatus.NOT_FOUND: f"there is nothing at {request.url.path}",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not allowed here",
    }
    return _problem(
        status.phrase.lower().replace(" ", "_"),
        status,
        known.get(status, status.phrase),
        hint="see /openapi.json",
        headers=error.headers,
    )


def _parameter_issue(error: Mapping[str, Any]) -> str:
    where, *names = error["loc"]
    name = ".".join(map(str, names)) or where
    return f"{where} parameter `{name}`: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _problem(
    code: str,
    status: int,
    detail: str,
    *,
    subject: str = "",
    hint: str = "",
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> ProblemResponse:
    return ProblemResponse(
        {
            "type": f"urn:activity-core:error:{code}",
            "title": code.replace("_", " ").capitalize(),
            "status": int(status),
            "detail": detail,
            "code": code,
            "subject": subject,
            "hint": hint,
            **(more or {}),
        },
        status_code=status,
        headers=headers,
    )
