"""Rollouts as `jsonb`, and back."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from activity_core.core.rollout import Rollout


def rollout_document(rollout: Rollout) -> dict[str, Any]:
    """What is kept in `registry_log.rollout`."""
    return asdict(rollout) | {"since": rollout.since.isoformat()}


def rollout_from_document(document: Mapping[str, Any] | None) -> Rollout | None:
    """The reverse."""
    if document is None:
        return None
    return Rollout(**{**document, "since": datetime.fromisoformat(document["since"])})
