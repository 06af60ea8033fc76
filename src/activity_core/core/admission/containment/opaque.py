"""Keywords that are not taken apart: they have to stay as they are.

In: facts about a value, and a schema that it may or may not fit. Out: a finding for each of them
that no part of the facts has to the letter.
"""

from collections.abc import Iterator
from typing import Any

from activity_core.core.admission.containment.document import refers
from activity_core.core.admission.containment.facts import Facts
from activity_core.core.admission.containment.finding import Finding, within
from activity_core.core.jsontext import canonical_json

_ONLY_AS_IT_IS = (
    ("if", "then", "else"),
    ("contains", "minContains", "maxContains"),
    ("dependentSchemas",),
    ("propertyNames",),
    ("unevaluatedItems",),
    ("unevaluatedProperties",),
    ("$dynamicRef",),
)
"""Each with those that it means something together with."""
_ABOUT_ALL_BESIDE = ("unevaluatedItems", "unevaluatedProperties", "$dynamicRef")
"""These depend on more than themselves: only a schema that is the same as a whole keeps them."""


def about_the_rest(facts: Facts, schema: dict[str, Any], path: str) -> Iterator[Finding]:
    """What is left of the keywords."""
    for keywords in _ONLY_AS_IT_IS:
        if keywords[0] not in schema:
            continue
        asked = {keyword: schema[keyword] for keyword in keywords if keyword in schema}
        text = canonical_json(asked)
        kept = any(
            canonical_json({key: part.schema[key] for key in keywords if key in part.schema})
            == text
            for part in facts.parts
            if isinstance(part.schema, dict)
        )
        if not kept or keywords[0] in _ABOUT_ALL_BESIDE or refers(asked):
            yield Finding(within(path, keywords[0]))
