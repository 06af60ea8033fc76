"""The review of schedules: what is refused and what is warned of, each at its place in the files.

In: a bundle, the calendars of the registry, the time. Out: issues for `review`. `advice` knows
what is unwise; here stands which definitions are asked about with which calendars.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.slot_trigger import CalendarTriggerConfig
from activity_core.core.definition.trigger import KINDS
from activity_core.core.definition_file.advice import advise
from activity_core.core.definition_file.bundle import Bundle
from activity_core.core.definition_file.herd import herd
from activity_core.core.errors import Issue
from activity_core.core.expression.message import did_you_mean
from activity_core.core.expression.template import Path


def review_schedules(
    bundle: Bundle, registered: Mapping[str, Calendar] | None, now: datetime
) -> tuple[list[Issue], list[Issue]]:
    """Refusals and warnings about the schedules of all definitions of a bundle.

    Args:
        bundle: what is to be applied; its own calendars count.
        registered: the calendars that are there already; None: not known here. Then definitions
            that name a calendar which does not come along are passed over.
        now: an aware time; what lies in the past is judged by it.
    """
    calendars = {**(registered or {}), **{item.id: item for item in bundle.calendars}}
    refusals: list[Issue] = []
    warnings: list[Issue] = []
    for definition in bundle.definitions:
        unknown = list(_unknown_calendars(definition, calendars))
        if unknown:
            if registered is not None:
                refusals += (bundle.issue(definition, *issue) for issue in unknown)
            continue
        refused, warned = advise(definition, calendars, now)
        refusals += (bundle.issue(definition, *issue) for issue in refused)
        warnings += (bundle.issue(definition, *issue) for issue in warned)
    by_id = {definition.id: definition for definition in bundle.definitions}
    for definition_id, message in herd(bundle.definitions, calendars, now):
        warnings.append(bundle.issue(by_id[definition_id], ["trigger"], message))
    return refusals, warnings


def _unknown_calendars(
    definition: ActivityDefinition, known: Mapping[str, Calendar]
) -> Iterator[tuple[Path, str]]:
    for kind in KINDS:
        trigger = getattr(definition.trigger, kind)
        lists = {"exclude": getattr(trigger, "exclude", ())}
        if isinstance(trigger, CalendarTriggerConfig):
            lists["days"] = trigger.days
        for key, items in lists.items():
            for at, item in enumerate(items):
                if isinstance(item, str) and item not in known:
                    hint = did_you_mean(item, known) or "there is none"
                    yield ("trigger", kind, key, at), f"no calendar {item} ({hint})"
