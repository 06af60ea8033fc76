"""Webhooks: `POST /v1/hooks/{source}`, without an API key: the message proves where it is from.

In: messages, through `services.message_reader` (proof, then mapping) to `services.reception`. Out:
an answer per event. Who has proved nothing yet learns nothing: each failed proof is answered alike.
"""

from collections.abc import Sequence

from fastapi import Request, Response

from activity_core.api.body import read_body
from activity_core.api.events import item_result
from activity_core.api.header_fields import header_fields
from activity_core.api.parts import ApiLimits, ApiParts
from activity_core.api.peer import Peers
from activity_core.api.problem import JsonResponse, problem_of
from activity_core.core.errors import (
    ActivityCoreError,
    MalformedJsonError,
    MappingError,
    PausedError,
)
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.message import Message
from activity_core.core.jsontext import parse_json
from activity_core.ports.inbox import Acceptance
from activity_core.services.reception import Visitor

PREFIX = "/v1/hooks/"
_HANDSHAKE = "url_verification"


async def receive_hook(request: Request) -> Response:
    """Accept what a source tells, durably, before answering."""
    parts: ApiParts = request.app.state.parts
    try:
        visitor = await parts.reception.visitor_of_hook(request.scope["path"].removeprefix(PREFIX))
    except PausedError as error:  # why it is so is for operators alone
        raise PausedError("the source is paused", hint="send it again later") from error
    try:
        message = await _message(request, visitor)
        challenge = _slack_challenge(visitor, message)
        events = await _read(parts, visitor, message, may_be_none=challenge is not None)
    except ActivityCoreError as error:
        await parts.reception.refuse(visitor, error)
        raise
    if challenge is not None:
        return JsonResponse({"challenge": challenge})
    return await _receive(parts, visitor, events)


async def _message(request: Request, visitor: Visitor) -> Message:
    limits: ApiLimits = request.app.state.limits
    peers: Peers = request.app.state.peers
    headers = header_fields(request)
    return Message(
        certificate=peers.certificate(request.scope, headers),
        headers=headers,
        place=f"webhook of source {visitor.name}",
        body=await read_body(request, limits.max_body_bytes),
    )


async def _read(
    parts: ApiParts, visitor: Visitor, message: Message, *, may_be_none: bool
) -> Sequence[EventEnvelope]:
    try:
        now = parts.clock.now()
        return await parts.message_reader.read(visitor.source, message, "http", now)
    except MappingError:  # after the proof
        if may_be_none:
            return ()
        raise


async def _receive(parts: ApiParts, visitor: Visitor, events: Sequence[EventEnvelope]) -> Response:
    answers = await parts.reception.receive_all(events, visitor)
    results = [item_result(*each) for each in zip(events, answers, strict=True)]
    for answer in answers:
        if isinstance(answer, ActivityCoreError):
            return problem_of(answer, items=results)
    status = 202 if Acceptance.ACCEPTED in answers else 200
    return JsonResponse({"items": results}, status_code=status)


def _slack_challenge(visitor: Visitor, message: Message) -> str | None:
    """What Slack wants to hear once, to see that the address is ours; that is no event."""
    way = visitor.source.webhook_ if visitor.source else None
    if way is None or way.verify.slack_ is None or _HANDSHAKE.encode() not in message.body:
        return None
    try:
        body = parse_json(message.body)
    except MalformedJsonError:
        return None
    if not isinstance(body, dict) or body.get("type") != _HANDSHAKE:
        return None
    challenge = body.get("challenge")
    return challenge if isinstance(challenge, str) else None
