"""Rollouts of definitions: a candidate for a part, then for all, or back to an older version."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from activity_core.api.body import Because, Reason, Words, documented, json_body
from activity_core.api.definitions import definition_answer
from activity_core.api.parts import Actor, ApiParts, Parts
from activity_core.api.problem import JsonResponse
from activity_core.api.route import StrictRoute, problems
from activity_core.api.shapes.definitions import DefinitionItem
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.errors import BadInputError
from activity_core.services.registry import entry_of
from activity_core.services.rollout_desk import Share

router = APIRouter(
    prefix="/v1/definitions/{definition_id}", tags=["definitions"], route_class=StrictRoute
)


class RollingOut(Because):
    """A new version and who gets it: `percent` of the occurrences, or of what `key` gives.

    It stops by itself when, of at least `min_runs` that are over, more than `stop_at` failed.
    """

    definition: dict[str, Any]
    percent: Annotated[float, Field(gt=0, le=100)]
    key: Annotated[Words | None, Field(max_length=1_000)] = None
    stop_at: Annotated[float, Field(ge=0, le=1)] = 0.2
    min_runs: Annotated[int, Field(ge=1, le=10_000)] = 20


class RollingBack(Because):
    """`to`: a version; else the rollout that is under way stops, or the one before comes back."""

    to: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None


_CHANGED = problems(_404="no such definition, or version", _409="its state does not allow this")
_EXAMPLE = {
    "definition": {"id": "look-at-large-orders", "trigger": {"manual": {}}, "rules": []},
    "percent": 10,
    "key": "event.data.customer",
}


@router.post(
    "/rollout",
    response_model=DefinitionItem,
    openapi_extra=documented(RollingOut, _EXAMPLE),
    responses=_CHANGED | problems(_422="with `issues`"),
)
async def start_rollout(
    parts: Parts,
    actor: Actor,
    definition_id: str,
    wanted: Annotated[RollingOut, Depends(json_body(RollingOut))],
) -> Response:
    """Publish a candidate and give it to a part; once more with the same changes the share."""
    share = Share(wanted.percent, wanted.key, wanted.stop_at, wanted.min_runs)
    definition = _definition(definition_id, wanted.definition)
    await parts.rollout_desk.start(definition, share, actor, wanted.reason)
    return await _answer(parts, definition_id)


@router.post(
    "/promote",
    response_model=DefinitionItem,
    openapi_extra=documented(Because, {"reason": "a week without failures"}, required=False),
    responses=_CHANGED,
)
async def promote_definition(
    parts: Parts, actor: Actor, definition_id: str, because: Reason
) -> Response:
    """Put the candidate of its rollout in force for all."""
    await parts.rollout_desk.promote(definition_id, actor, because.reason)
    return await _answer(parts, definition_id)


@router.post(
    "/rollback",
    response_model=DefinitionItem,
    openapi_extra=documented(RollingBack, {"to": 3, "reason": "it is slow"}, required=False),
    responses=_CHANGED | problems(_422="the older version does not fit any more"),
)
async def roll_back_definition(
    parts: Parts,
    actor: Actor,
    definition_id: str,
    wanted: Annotated[RollingBack, Depends(json_body(RollingBack))],
) -> Response:
    """Stop its rollout; without one, or `to` a version, publish an older document as the newest."""
    await parts.rollout_desk.roll_back(definition_id, actor, wanted.reason, to=wanted.to)
    return await _answer(parts, definition_id)


def _definition(definition_id: str, document: dict[str, Any]) -> ActivityDefinition:
    bundle = parse_definitions(json.dumps(document), file="definition")
    ids = [each.id for each in bundle.definitions]
    if ids != [definition_id]:
        raise BadInputError(
            f"the document is not of {definition_id}",
            subject=f"definition {definition_id}",
            hint="send the whole definition, with its id",
        )
    return bundle.definitions[0]


async def _answer(parts: ApiParts, definition_id: str) -> Response:
    entry = entry_of((await parts.registry_store.snapshot()).entries, definition_id)
    return JsonResponse(await definition_answer(parts, entry))
