"""Compatibility: whether the next version of a schema may follow the one before.

In: two versions of an event type and its rule, from the registry when a change is applied. Out:
sentences for whoever wrote the change; none means that the rule is kept, as far as this promise
goes: data that is valid under the one schema *and holds no properties that the schema does not
list* is valid under the other. `containment.closed` says exactly which properties those are; with
`additionalProperties: true` a schema says that others are sent too, and nothing is left out of the
promise.
"""

from activity_core.core.admission.containment.closed import closed
from activity_core.core.admission.containment.document import Schema
from activity_core.core.admission.containment.finding import Finding
from activity_core.core.admission.containment.proof import obstacles
from activity_core.core.definition.event_type import Compatibility

MOST_SENTENCES = 20


def incompatibilities(old: Schema, new: Schema, rule: Compatibility) -> list[str]:
    """What breaks the rule, each place once, at most twenty sentences; empty if it is kept.

    `backward`: what fits `old` fits `new`; `forward`: what fits `new` fits `old`; `full`: both.
    What cannot be decided counts as broken, and is said so.
    """
    sentences: dict[str, None] = {}
    if rule in ("backward", "full"):
        for found in obstacles(closed(old), new):
            sentences[_sentence(found, found.narrow, found.wide)] = None
    if rule in ("forward", "full"):
        for found in obstacles(closed(new), old):
            sentences[_sentence(found, found.wide, found.narrow)] = None
    return list(sentences)[:MOST_SENTENCES]


def _sentence(found: Finding, was: str, now: str) -> str:
    place = found.path or "the schema"
    if was or now:
        return f"{place}: was {was}, now {now}"
    return (
        f"{place} cannot be shown to be compatible; leave it as it was, "
        "or give the event type `compatibility: none`"
    )
