"""Advice: what is wrong or unwise about a definition's schedule, told by a clock and calendars.

In: a valid definition, all calendars that it names, the time. Out: what is refused and what is
only warned of, each as a key path in YAML's spelling and a sentence. Called by `review`.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.misfire import MisfirePolicy, OverlapPolicy
from activity_core.core.definition.slot_trigger import SlotTrigger
from activity_core.core.definition.trigger import TriggerSet
from activity_core.core.definition_file.clock_changes import clock_changes
from activity_core.core.definition_file.lifetime import ended, never_fires
from activity_core.core.expression.template import Path
from activity_core.core.schedule.lag import spelled
from activity_core.core.schedule.settlement import ON_TIME
from activity_core.core.schedule.slots import shortest_period
from activity_core.core.schedule.spec import SlotSource, schedule_of

Advice = Iterator[tuple[Path, str]]

_MANY_SLOTS = timedelta(minutes=1)
_LONG_WINDOW = timedelta(days=1)
_WINDOW: Path = ("trigger", "misfire", "window")


def advise(
    definition: ActivityDefinition, calendars: Mapping[str, Calendar], now: datetime
) -> tuple[list[tuple[Path, str]], list[tuple[Path, str]]]:
    """Refusals and warnings; none for a definition without a slot trigger.

    Args:
        definition: a valid model.
        calendars: by id, at least those that it names.
        now: aware; what lies before it is past.
    """
    spec = schedule_of(definition, calendars)
    if spec is None:
        return [], []
    triggers = definition.trigger
    parts: list[tuple[Path, SlotTrigger, SlotSource]] = [
        (("trigger", kind), trigger, source)
        for kind, trigger, source in zip(
            triggers.kinds, triggers.slot_triggers, spec.sources, strict=False
        )
    ]
    period = shortest_period(spec, now)
    refusals = [issue for part in parts for issue in never_fires(*part)]
    refusals += _jitter_as_long_as_the_period(parts[0][0], spec.jitter, period)
    if refusals:
        return refusals, []
    warnings = [issue for part in parts for issue in ended(*part, now)]
    warnings += [issue for part in parts for issue in clock_changes(*part, now)]
    warnings += _window_within_the_period(triggers, period)
    warnings += _window_that_is_on_time(triggers)
    warnings += _many_slots_to_catch_up_with(triggers)
    warnings += _overlap_against_catching_up(triggers)
    return [], warnings


def _jitter_as_long_as_the_period(
    here: Path, jitter: timedelta, period: timedelta | None
) -> Advice:
    if period is not None and jitter >= period:
        message = f"must be shorter than the shortest time between two slots, {_span(period)}"
        yield (*here, "jitter"), message


def _window_within_the_period(triggers: TriggerSet, period: timedelta | None) -> Advice:
    misfire = triggers.misfire
    if misfire.policy is MisfirePolicy.SKIP or period is None or misfire.longest_delay >= period:
        return
    message = (
        f"shorter than the time between two slots, {_span(period)}: an outage of more than "
        f"{_span(misfire.longest_delay)} may lose a slot that `{misfire.policy}` should make up for"
    )
    yield _WINDOW, message


def _window_that_is_on_time(triggers: TriggerSet) -> Advice:
    if triggers.misfire.longest_delay < ON_TIME:
        yield _WINDOW, f"slots that are up to {_span(ON_TIME)} late count as on time and run"


def _many_slots_to_catch_up_with(triggers: TriggerSet) -> Advice:
    misfire, interval = triggers.misfire, triggers.interval
    if (
        interval is not None
        and interval.every <= _MANY_SLOTS
        and misfire.policy is MisfirePolicy.CATCH_UP
        and misfire.longest_delay > _LONG_WINDOW
    ):
        slots = misfire.longest_delay // interval.every
        message = (
            f"an outage as long as the window misses {slots} slots, each of which is decided; "
            f"{misfire.most_runs} run (`max_runs`). `policy: compress` makes one run for all"
        )
        yield _WINDOW, message


def _overlap_against_catching_up(triggers: TriggerSet) -> Advice:
    misfire = triggers.misfire
    if (
        triggers.overlap is OverlapPolicy.SKIP
        and misfire.policy is MisfirePolicy.CATCH_UP
        and misfire.most_runs > 1
    ):
        message = (
            "of the missed slots that `catch_up` runs, `overlap: skip` lets only the first start; "
            "`buffer_all` runs them one after the other"
        )
        yield ("trigger", "overlap"), message


def _span(value: timedelta) -> str:
    return spelled(value).replace(".0 s", " s")
