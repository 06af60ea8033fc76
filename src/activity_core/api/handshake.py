"""The handshake before deliveries: who pushes CloudEvents asks first whether it may.

In: `OPTIONS` where events come in, with the origin that asks. Out: the permission, or a refusal.
Names and rules: "HTTP 1.1 Web Hooks for Event Delivery" of the CloudEvents project, section 4
(abuse protection). It grants nothing by itself, each delivery still needs its key or proof; so it
asks for none, and says the same of every path, whether or not there is such a source.
"""

from collections.abc import Sequence

from fastapi import Request, Response

from activity_core.api.parts import ApiParts
from activity_core.core.errors import ActivityCoreError, BadInputError, ForbiddenError
from activity_core.services.reception import Visitor

EVERYBODY = "*"
_LONGEST_ORIGIN = 255


async def ask_to_deliver(request: Request) -> Response:
    """Whether an origin may deliver events here, and how many a minute."""
    origin = request.headers.get("webhook-request-origin", "")
    try:
        _check(origin, request.app.state.origins)
    except ActivityCoreError as error:
        parts: ApiParts = request.app.state.parts
        await parts.reception.refuse(Visitor("http", origin[:_LONGEST_ORIGIN]), error)
        raise
    return Response(
        headers={
            "WebHook-Allowed-Origin": origin,
            "WebHook-Allowed-Rate": EVERYBODY,  # too many are told so by 429, when it is so
            "Allow": "POST, OPTIONS",
        }
    )


def _check(origin: str, allowed: Sequence[str]) -> None:
    if not origin or len(origin) > _LONGEST_ORIGIN:
        raise BadInputError(
            "the header WebHook-Request-Origin is missing or too long",
            hint="name the system that wants to deliver, like eventemitter.example.com",
        )
    if EVERYBODY not in allowed and origin.lower() not in {name.lower() for name in allowed}:
        raise ForbiddenError("this origin may not deliver events")
