"""What a sender means by a schema: objects with the properties that it lists, and no others.

Strictly, a schema that lists `properties` takes any others too, with any value. So no property
could ever be added to it: data that fits today might have one of that name with another type. Who
evolves schemas does not mean that. `closed` says what they mean as a schema of its own:

- where a schema lists `properties` and says nothing of others (`additionalProperties`,
  `unevaluatedProperties`), others are not sent. Whoever does send others says so:
  `additionalProperties: true`;
- the same in all that it reaches by properties, items, and the choices of a plain `anyOf`, `oneOf`
  or `$ref`;
- what is composed otherwise (`allOf`, `not`, `if`, or a choice beside other applicators) is taken
  to the letter: its parts list properties for each other.
"""

from activity_core.core.admission.containment.document import (
    LISTS,
    MAPS,
    SINGLES,
    Schema,
    rebuilt,
    refers,
)

_TO_THE_LETTER = "to-the-letter"
"""The definition under which the document stands a second time, for what is not closed."""

_DEFINITIONS = ("$defs", "definitions")
_CHILDREN = ("properties", "patternProperties", "additionalProperties", "items", "prefixItems")
_CHOICES = frozenset({"anyOf", "oneOf", "$ref"})
_COMPOSITION = _CHOICES | {
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "$dynamicRef",
}


def closed(schema: Schema) -> Schema:
    """The schema of what is sent by whoever has this one."""
    result = _closed(schema)
    if isinstance(schema, dict) and isinstance(result, dict) and refers(schema):
        letter = _to_the_letter({key: schema[key] for key in schema if key != "$id"})
        definitions = {**result.get("$defs", {}), _TO_THE_LETTER: letter}
        result = {**result, "$defs": definitions}
    return result


def _closed(schema: Schema) -> Schema:
    if not isinstance(schema, dict):
        return schema
    composed = _COMPOSITION & schema.keys()
    if composed:
        applied = composed | (schema.keys() & {*MAPS, *LISTS, *SINGLES} - {*_DEFINITIONS})
        if len(applied) > 1 or not composed <= _CHOICES:
            return _to_the_letter(schema)
        return rebuilt(schema, ("anyOf", "oneOf", *_DEFINITIONS), _closed)
    result = rebuilt(schema, (*_CHILDREN, *_DEFINITIONS), _closed)
    others = {*SINGLES} - {*_CHILDREN}
    result = rebuilt(result, others, _to_the_letter)
    if "properties" in schema and "unevaluatedProperties" not in schema:
        result.setdefault("additionalProperties", False)
    return result


def _to_the_letter(schema: Schema) -> Schema:
    """The same, with references that lead to what is not closed."""
    if not isinstance(schema, dict):
        return schema
    result = rebuilt(schema, (*MAPS, *LISTS, *SINGLES), _to_the_letter)
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        result["$ref"] = f"#/$defs/{_TO_THE_LETTER}{reference[1:]}"
    return result
