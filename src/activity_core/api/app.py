"""The HTTP API: one application out of its parts.

In: requests, through `door` (who is it), to one file per noun. Out: canonical JSON, or a problem
document; under `/console`, pages. Nothing here knows how a part is made: `bootstrap` hands them in.
"""

from collections.abc import Sequence

from fastapi import FastAPI, Request
from starlette.middleware import Middleware
from starlette.routing import Route

from activity_core.api import (
    backfills,
    callbacks,
    cases,
    dead_letters,
    decisions,
    definition_control,
    definitions,
    event_replays,
    event_types,
    events,
    handshake,
    health,
    hooks,
    outbox,
    refusals,
    rollouts,
    run_control,
    runs,
    schemas,
    simulations,
    slots,
    sources,
    task_actions,
    tasks,
)
from activity_core.api.door import Direct, DirectRoutes, Door
from activity_core.api.openapi import install_openapi
from activity_core.api.parts import ApiKeys, ApiLimits, ApiParts
from activity_core.api.peer import Peers
from activity_core.api.problem import install_handlers
from activity_core.console.parts import ConsoleParts
from activity_core.console.routes import create_console
from activity_core.core.errors import ActivityCoreError
from activity_core.services.reception import Visitor

DESCRIPTION = "Events and slots in, runs decide, tasks come out. Errors are RFC 9457 problems."

DIRECT: DirectRoutes = {
    ("POST", "/v1/events"): Direct(events.receive_events),
    ("POST", hooks.PREFIX): Direct(hooks.receive_hook, keyless=True),
    ("OPTIONS", "/v1/events"): Direct(handshake.ask_to_deliver, keyless=True),
    ("OPTIONS", hooks.PREFIX): Direct(handshake.ask_to_deliver, keyless=True),
}
NOUNS = (
    events,
    event_replays,
    runs,
    run_control,
    tasks,
    task_actions,
    callbacks,
    definitions,
    definition_control,
    rollouts,
    slots,
    backfills,
    cases,
    decisions,
    dead_letters,
    refusals,
    sources,
    event_types,
    outbox,
    simulations,
    schemas,
    health,
)


def create_app(
    parts: ApiParts,
    *,
    api_keys: ApiKeys,
    limits: ApiLimits,
    origins: Sequence[str] = (),
    peers: Peers | None = None,
) -> FastAPI:
    """The API as an ASGI application; it opens and closes nothing.

    Without keys everybody is `anonymous`, and but for webhooks and callbacks only requests to a
    loopback name are answered. `origins`: who may deliver events, if it asks first (`*`:
    everybody).
    """
    app = FastAPI(
        title="activity-core",
        version="1",
        description=DESCRIPTION,
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        middleware=[
            Middleware(
                Door,
                keys=api_keys,
                direct=DIRECT,
                keyless=(callbacks.PREFIX,),
                on_refusal=_on_record,
            )
        ],
    )
    app.state.parts = parts
    app.state.limits = limits
    app.state.origins = origins
    app.state.peers = peers or Peers()
    for (method, path), direct in DIRECT.items():  # for whoever comes with another method
        whole = f"{path}{{source}}" if path.endswith("/") else path
        app.router.routes.append(Route(whole, direct.handler, methods=[method]))
    for noun in NOUNS:
        app.include_router(noun.router)
    app.router.routes += create_console(
        ConsoleParts(
            reading=parts.reading,
            registry=parts.registry_store,
            explain=parts.explain,
            schedules=parts.schedules,
            task_inbox=parts.task_inbox,
            case_desk=parts.case_desk,
            rollouts=parts.rollouts,
            clock=parts.clock,
        )
    )
    install_handlers(app)
    install_openapi(app, with_keys=bool(api_keys))
    return app


async def _on_record(request: Request, error: ActivityCoreError) -> None:
    """Events that nobody known sends are refused like others."""
    parts: ApiParts = request.app.state.parts
    await parts.reception.refuse(Visitor("http", ""), error)
