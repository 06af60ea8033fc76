"""The review: everything that stands against a set, each issue at its place in the files.

In: a bundle, what the deployment has already, the time. Out: refusals and warnings, for `validate`
and `apply`. The checks know what is wrong; here stands which parts they are asked about.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from activity_core.core.definition_file.bundle import MAX_ISSUES, Bundle
from activity_core.core.definition_file.check import check_definition
from activity_core.core.definition_file.check_source import check_source
from activity_core.core.definition_file.claims import rival_claims
from activity_core.core.definition_file.cycles import cycles
from activity_core.core.definition_file.evolution import check_evolution
from activity_core.core.definition_file.flow_advice import advise_on_flow
from activity_core.core.definition_file.known import Known
from activity_core.core.definition_file.saga_advice import advise_on_sagas
from activity_core.core.definition_file.schedule_review import review_schedules
from activity_core.core.errors import InvalidDefinitionError, Issue

_NOTHING = Known()


@dataclass(frozen=True, slots=True)
class Review:
    """`refusals` stop the whole set; `warnings` are for whoever wrote it."""

    refusals: Sequence[Issue] = ()
    warnings: Sequence[Issue] = ()


def passed(bundle: Bundle, known: Known | None, now: datetime) -> Sequence[Issue]:
    """The warnings about a set that may be applied, up to `MAX_ISSUES`. See `review`.

    Raises:
        InvalidDefinitionError: with every refusal, up to `MAX_ISSUES`.
    """
    found = review(bundle, known, now)
    if found.refusals:
        raise InvalidDefinitionError(found.refusals[:MAX_ISSUES])
    return found.warnings[:MAX_ISSUES]


def review(bundle: Bundle, known: Known | None, now: datetime) -> Review:
    """Look at everything in a bundle.

    Args:
        bundle: what is to be applied; its own parts count.
        known: what is there already; None: not known here. Then names that the bundle does not
            explain are passed over.
        now: an aware time; what lies in the past is judged by it.
    """
    beside = known or _NOTHING
    refusals, warnings = review_schedules(bundle, beside.calendars if known else None, now)
    refusals = [*_definitions(bundle, known), *refusals]
    for source in bundle.sources:
        refused, warned = check_source(source, beside.api_keys)
        refusals += (bundle.issue(source, *issue) for issue in refused)
        warnings += (bundle.issue(source, *issue) for issue in warned)
    for event_type in bundle.event_types:
        published = beside.published_types.get(event_type.id)
        refusals += (
            bundle.issue(event_type, *issue) for issue in check_evolution(event_type, published)
        )
    refusals += rival_claims(bundle, beside.sources, beside.event_types)
    for definition in bundle.definitions:
        advice = [*advise_on_flow(definition), *advise_on_sagas(definition)]
        warnings += (bundle.issue(definition, *issue) for issue in advice)
    by_id = {definition.id: definition for definition in bundle.definitions}
    for definition_id, message in cycles(bundle.definitions, beside.definitions):
        definition = by_id[definition_id]
        place = ["trigger", "composite" if definition.trigger.composite else "event"]
        warnings.append(bundle.issue(definition, place, message))
    return Review(refusals, warnings)


def _definitions(bundle: Bundle, known: Known | None) -> Iterator[Issue]:
    if known is not None:
        known = replace(
            known,
            connections={**known.connections, **{item.id: item for item in bundle.connections}},
            calendars={**known.calendars, **{item.id: item for item in bundle.calendars}},
        )
    for definition in bundle.definitions:
        for path, message in check_definition(definition, known):
            yield bundle.issue(definition, path, message)
