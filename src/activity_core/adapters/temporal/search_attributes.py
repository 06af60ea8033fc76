"""Search attributes: Temporal's own pages filter our workflows by them.

Added to the namespace when a starter begins, if that is allowed; where it is not, this is said
once, and workflows are started without. They are a convenience: nothing of ours asks for them.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError

from activity_core.core.run.errors import StartRefusedError
from activity_core.core.run.run import Execution
from activity_core.ports.engine import Purpose
from activity_core.workflows.outcome import DEFINITION, OCCURRENCE, OUTCOME, OWNER, VERSION

KEYS: tuple[SearchAttributeKey[Any], ...] = (DEFINITION, VERSION, OCCURRENCE, OWNER, OUTCOME)
"""SQL databases have room for three lists and ten words per namespace."""

MOST_CHARACTERS = 1_500
"""Of one list: Temporal refuses workflows with values above 2 KiB."""

SEVERAL = "several"
"""The owner of an execution whose runs have more than one."""

PATIENCE = 15.0
"""Seconds until the servers of a namespace have heard of a new attribute."""
PAUSE = 0.25

_log = structlog.get_logger(__name__)


async def add_search_attributes(client: Client) -> bool:
    """Whether the namespace has all of them now; adds those that it lacks."""
    try:
        return await _have(client)
    except RPCError as error:
        _log.warning(
            "no_search_attributes",
            error=error.message,
            hint="have them created with `temporal operator search-attribute create`, "
            "or set ACTIVITY_CORE_SEARCH_ATTRIBUTES=off",
        )
        return False


async def _have(client: Client) -> bool:
    operator, namespace = client.operator_service, client.namespace
    found = await operator.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
    wanted = {key.name: _type(key) for key in KEYS}
    known = found.custom_attributes
    if wrong := sorted(name for name in wanted if known.get(name, wanted[name]) != wanted[name]):
        _log.warning("no_search_attributes", error=f"of another type: {', '.join(wrong)}")
        return False
    if missing := {name: type_ for name, type_ in wanted.items() if name not in known}:
        request = AddSearchAttributesRequest(search_attributes=missing, namespace=namespace)
        await operator.add_search_attributes(request)
        await _until_known(client, missing)
    return True


async def _until_known(client: Client, names: Iterable[str]) -> None:
    """Servers learn of them late, and refuse workflows that come with them before."""
    query = " and ".join(f"{name} = '-'" for name in names)
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        try:
            await client.count_workflows(query)
        except RPCError:
            if asyncio.get_running_loop().time() > deadline:
                raise
        else:
            return
        await asyncio.sleep(PAUSE)


def _type(key: SearchAttributeKey[Any]) -> IndexedValueType.ValueType:
    if key.indexed_value_type.name == "KEYWORD_LIST":
        return IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST
    return IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD


def attributes_of(execution: Execution) -> TypedSearchAttributes:
    """What its workflow is found by; of a shared one, as many values as fit."""
    owner = execution.owners[0] if len(execution.owners) == 1 else SEVERAL
    return _attributes(
        execution.definitions,
        execution.versions,
        execution.occurrences,
        owner if execution.owners else "",
    )


def attributes_for(purpose: Purpose) -> TypedSearchAttributes:
    """What the workflow of a case or of a single task is found by."""
    version = f"{purpose.definition_id}@{purpose.version}"
    return _attributes([purpose.definition_id], [version], [purpose.occurrence], purpose.owner)


def _attributes(
    definitions: Iterable[str], versions: Iterable[str], occurrences: Iterable[str], owner: str
) -> TypedSearchAttributes:
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(DEFINITION, _fitting(definitions)),
        SearchAttributePair(VERSION, _fitting(versions)),
        SearchAttributePair(OCCURRENCE, _fitting(occurrences)),
    ]
    if owner:
        pairs.append(SearchAttributePair(OWNER, owner))
    return TypedSearchAttributes(pairs)


def is_about_attributes(error: StartRefusedError) -> bool:
    """Whether a start was refused because the namespace does not take them (any more)."""
    return "search attribute" in str(error).lower()


def _fitting(values: Iterable[str]) -> list[str]:
    kept: list[str] = []
    room = MOST_CHARACTERS
    for value in values:
        room -= len(value.encode()) + 3
        if room < 0:
            break
        kept.append(value)
    return kept
