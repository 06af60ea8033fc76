"""Dead letters: what could not be processed, to be looked at, replayed or discarded."""

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from activity_core.api.body import Body, Words, documented, json_body
from activity_core.api.parts import Actor, Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import Cursor, Filter, Limit, StrictRoute, listing, problems, query
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.dead_letters import (
    DeadLetterDetail,
    DeadLetterItem,
    LetterGroups,
    LetterOutcome,
    LetterOutcomes,
)
from activity_core.core.errors import BadInputError
from activity_core.core.expression.condition import rfc3339
from activity_core.ports.dead_letters import (
    DeadLetter,
    DeadLetterStatus,
    LetterFilter,
    LetterGroup,
)
from activity_core.services.dead_letters import MOST, GroupReport, Resolution

router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"], route_class=StrictRoute)

_GONE = problems(_404="no such dead letter", _409="it was closed before")
_Cause = Annotated[Words | None, Field(max_length=2_000)]


class Resolving(Body):
    """What to do with one letter; `dry_run`: only say what would become of it."""

    dry_run: bool = False


class ResolvingGroup(Resolving):
    """Which open letters, by their cause; at least one of `via`, `code`, `source_id` is given."""

    via: _Cause = None
    code: _Cause = None
    source_id: _Cause = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = MOST
    after: Annotated[Words, Field(max_length=100)] = ""

    @property
    def chosen(self) -> LetterFilter:
        """The letters that are meant.

        Raises:
            BadInputError: all of them would be.
        """
        if self.via is None and self.code is None and self.source_id is None:
            raise BadInputError(
                "say which: at least one of via, code and source_id",
                hint="GET /v1/dead-letters/groups lists what there is",
            )
        return LetterFilter(self.via, self.code, self.source_id)


_EXAMPLE = {"code": "schema_mismatch", "source_id": "shop", "dry_run": True}
_ASKED = documented(ResolvingGroup, _EXAMPLE)
_WHICH = problems(_400="no cause given")
Group = Annotated[ResolvingGroup, Depends(json_body(ResolvingGroup))]
One = Annotated[Resolving, Depends(json_body(Resolving))]


@router.get("", response_model=PageOf[DeadLetterItem], responses=problems(_400="bad parameters"))
async def list_dead_letters(
    parts: Parts,
    *,
    status: DeadLetterStatus | None = None,
    via: Filter = None,
    code: Filter = None,
    source_id: Filter = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Dead letters, newest first."""
    filters = {"status": status, "via": via, "code": code, "source_id": source_id}
    return listing(await parts.reading.dead_letters(query(filters, limit, cursor)))


@router.get("/groups", response_model=LetterGroups)
async def group_dead_letters(
    parts: Parts, *, via: Filter = None, code: Filter = None, source_id: Filter = None
) -> Response:
    """Open dead letters by their cause, the largest group first."""
    groups = await parts.dead_letters.groups(LetterFilter(via, code, source_id))
    return JsonResponse({"items": [_group(group) for group in groups]})


@router.post("/replay", response_model=LetterOutcomes, openapi_extra=_ASKED, responses=_WHICH)
async def replay_dead_letters(parts: Parts, actor: Actor, wanted: Group) -> Response:
    """Replay a group; what fails stays open, with the error, and stops no other."""
    report = await parts.dead_letter_desk.replay_group(
        wanted.chosen, actor, limit=wanted.limit, after=wanted.after, dry_run=wanted.dry_run
    )
    return _report(report, DeadLetterStatus.REPLAYED, dry_run=wanted.dry_run)


@router.post("/discard", response_model=LetterOutcomes, openapi_extra=_ASKED, responses=_WHICH)
async def discard_dead_letters(parts: Parts, actor: Actor, wanted: Group) -> Response:
    """Close a group without processing it; the bytes are kept."""
    report = await parts.dead_letter_desk.discard_group(
        wanted.chosen, actor, limit=wanted.limit, after=wanted.after, dry_run=wanted.dry_run
    )
    return _report(report, DeadLetterStatus.DISCARDED, dry_run=wanted.dry_run)


@router.get(
    "/{dead_letter_id}",
    response_model=DeadLetterDetail,
    responses=problems(_404="no such dead letter"),
)
async def show_dead_letter(parts: Parts, dead_letter_id: str) -> Response:
    """One of them with its headers and raw bytes."""
    return JsonResponse(_shown(await parts.dead_letters.get(dead_letter_id)))


@router.post(
    "/{dead_letter_id}/replay",
    response_model=LetterOutcome,
    openapi_extra=documented(Resolving, required=False),
    responses=_GONE,
)
async def replay_dead_letter(
    parts: Parts, actor: Actor, dead_letter_id: str, wanted: One
) -> Response:
    """Send it the way of any other event; what is still no event stays, with the error."""
    outcome = await parts.dead_letter_desk.replay(dead_letter_id, actor, dry_run=wanted.dry_run)
    return JsonResponse(_outcome(outcome, DeadLetterStatus.REPLAYED))


@router.post("/{dead_letter_id}/discard", response_model=LetterOutcome, responses=_GONE)
async def discard_dead_letter(parts: Parts, actor: Actor, dead_letter_id: str) -> Response:
    """Close it without processing it; its bytes are kept."""
    await parts.dead_letter_desk.discard(dead_letter_id, actor)
    return JsonResponse(_outcome(Resolution(dead_letter_id), DeadLetterStatus.DISCARDED))


def _report(report: GroupReport, done: DeadLetterStatus, *, dry_run: bool) -> Response:
    items = [_outcome(outcome, done) for outcome in report.outcomes]
    return JsonResponse({"items": items, "after": report.after, "dry_run": dry_run})


def _outcome(outcome: Resolution, done: DeadLetterStatus) -> dict[str, Any]:
    error = outcome.error
    return {
        "dead_letter_id": outcome.dead_letter_id,
        "status": DeadLetterStatus.OPEN if error else done,
        "events": [{"source": event.source, "id": event.id} for event in outcome.events],
        "run_id": outcome.run_id,
        "error": {"code": error.code, "detail": str(error)} if error else None,
    }


def _group(group: LetterGroup) -> dict[str, Any]:
    return {
        "via": group.via,
        "code": group.code,
        "source_id": group.source_id,
        "count": group.count,
        "oldest_at": rfc3339(group.oldest_at),
        "newest_at": rfc3339(group.newest_at),
        "example_id": group.example_id,
        "example_message": group.example_message,
    }


def _shown(letter: DeadLetter) -> dict[str, Any]:
    """Bytes as text if they are UTF-8, as base64 in any case."""
    try:
        text = letter.body.decode()
    except UnicodeDecodeError:
        text = None
    return {
        "dead_letter_id": letter.dead_letter_id,
        "via": letter.via,
        "source_id": letter.source_id,
        "run_id": letter.run_id,
        "definition_id": letter.definition_id,
        "subject": letter.subject,
        "code": letter.code,
        "message": letter.message,
        "buried_at": rfc3339(letter.buried_at),
        "status": letter.status,
        "resolved_by": letter.resolved_by,
        "resolved_at": letter.resolved_at and rfc3339(letter.resolved_at),
        "headers": dict(letter.headers),
        "body": text,
        "body_base64": base64.b64encode(letter.body).decode(),
    }
