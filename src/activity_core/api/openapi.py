"""OpenAPI: FastAPI's own document, plus what it cannot see.

That is what the door calls itself (`openapi_direct`), the API keys (checked there, too) and the
shape of problems.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from activity_core.api.openapi_direct import direct_operations
from activity_core.api.route import problems
from activity_core.api.shapes.base import IssueItem, Problem
from activity_core.api.shapes.events import Accepted, AcceptedBatch, SlackChallenge
from activity_core.core.event.envelope import envelope_json_schema

_REF = "#/components/schemas/{model}"
_ANY = problems(_400="Bad parameters, or a body that cannot be read.")
_OURS = problems(_503="A part that is needed cannot be reached now; ask again.")
_WITH_BODY = problems(_413="Too many bytes.", _415="Not a content type that is read.")
_WITH_KEYS = problems(_401="No valid API key.")


def install_openapi(app: FastAPI, *, with_keys: bool) -> None:
    """Make `/openapi.json` say all of it."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            _complete(document, with_keys=with_keys)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way


def _complete(document: dict[str, Any], *, with_keys: bool) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for model in (Problem, IssueItem, Accepted, AcceptedBatch, SlackChallenge):
        schema = model.model_json_schema(ref_template=_REF)
        schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
    schemas["EventEnvelope"] = {
        key: value for key, value in envelope_json_schema().items() if not key.startswith("$")
    }
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path in document["paths"].values():
        for operation in path.values():
            if "HTTPValidationError" in str(operation["responses"].get("422", "")):
                del operation["responses"]["422"]  # ours are 400, and problems
    for (path, method), operation in direct_operations().items():
        document["paths"].setdefault(path, {})[method] = operation
    for name, path in document["paths"].items():
        for operation in path.values():
            _add_what_all_answer(operation, ours=name.startswith("/v1/"), with_keys=with_keys)
    if with_keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]


def _add_what_all_answer(operation: dict[str, Any], *, ours: bool, with_keys: bool) -> None:
    more = dict(_ANY)
    if ours:
        more |= _OURS
        if with_keys and "security" not in operation:
            more |= _WITH_KEYS
    if "requestBody" in operation:
        more |= _WITH_BODY
    for status, answer in more.items():
        operation["responses"].setdefault(str(status), answer)
