"""The HTTP API: one application out of its parts.

In: requests, through `door` (who is it), to one file per noun. Out: canonical JSON, or a problem
document; under `/console`, pages. Nothing here knows how a part is made: `bootstrap` hands them in.
"""

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.routing import Route

from activity_core.api import (
    backfills,
    dead_letters,
    decisions,
    definition_control,
    definitions,
    events,
    health,
    outbox,
    runs,
    schemas,
    slots,
    tasks,
)
from activity_core.api.door import Door
from activity_core.api.openapi import install_openapi
from activity_core.api.parts import ApiKeys, ApiLimits, ApiParts
from activity_core.api.problem import install_handlers
from activity_core.console.routes import create_console

DESCRIPTION = "Events and slots in, runs decide, tasks come out. Errors are RFC 9457 problems."

DIRECT = {("POST", "/v1/events"): events.receive_events}
NOUNS = (
    events,
    runs,
    tasks,
    definitions,
    definition_control,
    slots,
    backfills,
    decisions,
    dead_letters,
    outbox,
    schemas,
    health,
)


def create_app(parts: ApiParts, *, api_keys: ApiKeys, limits: ApiLimits) -> FastAPI:
    """The API as an ASGI application; it opens and closes nothing.

    Without keys everybody is `anonymous`, and only requests to a loopback name are answered.
    """
    app = FastAPI(
        title="activity-core",
        version="1",
        description=DESCRIPTION,
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        middleware=[Middleware(Door, keys=api_keys, direct=DIRECT)],
    )
    app.state.parts = parts
    app.state.limits = limits
    for (method, path), handler in DIRECT.items():
        app.router.routes.append(Route(path, handler, methods=[method]))
    for noun in NOUNS:
        app.include_router(noun.router)
    app.router.routes += create_console(
        parts.reading, parts.registry_store, parts.explain, parts.schedules
    )
    install_handlers(app)
    install_openapi(app, with_keys=bool(api_keys))
    return app
