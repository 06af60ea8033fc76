"""What pydantic finds wrong with a document, said in plain words and at its place in the file.

In: the document's `Node`, its model, a `ValidationError`. Out: `Issue`s, for `definition_file`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails

from activity_core.core.definition.connection import REFERENCES
from activity_core.core.definition.model import NAME, SLUG, Model
from activity_core.core.definition_file.yaml_tree import Node, Place, path_text
from activity_core.core.errors import Issue
from activity_core.core.schedule.lag import spelled

_SHOWN = 60
_EXPECTED = {
    "string_type": "text (put it in quotes)",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "model_type": "keys with values",
    "dict_type": "keys with values",
    "tuple_type": "a list",
}
_BOUNDS = {
    "greater_than": "more than",
    "greater_than_equal": "at least",
    "less_than": "less than",
    "less_than_equal": "at most",
}
_PART_OF_TIME = re.compile(r"(\w+)=(\d+)")
_SPELLINGS = {
    SLUG: "at most 64 lower-case letters, digits and hyphens",
    NAME: "at most 63 lower-case letters, digits and underscores",
}


def issues_of(
    error: ValidationError, model: type[Model], document: Node, *, file: str, prefix: Sequence[int]
) -> list[Issue]:
    """One issue per error; `prefix` is the document's own path in the text (JSON arrays)."""
    found = []
    for details in error.errors(include_url=False):
        if _only_follows(details):
            continue
        path = [step for step in details["loc"] if not str(step).startswith("[")]
        path = _written(document, path)
        if details["type"] in document.at(path).keys:  # our own errors may name a key of the model
            path.append(details["type"])
        is_key = details["type"] == "extra_forbidden" or "[key]" in details["loc"]
        place = _place(document, path, is_key=is_key)
        where = path_text([*prefix, *path])
        found.append(Issue(file, place.line, place.column, where, _message(details, model)))
    return found


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing."""
    close = get_close_matches(word[:_SHOWN].lower(), sorted(known), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


def shown(value: JsonValue) -> str:
    """A value as it can stand in a line of text."""
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text if len(text) <= _SHOWN else text[:_SHOWN] + '…'}`"


def _only_follows(details: ErrorDetails) -> bool:
    """Items that are wrong do not count, which is said of the items already."""
    if details["type"] != "too_short":
        return False
    return bool(details["ctx"]["actual_length"] < len(details["input"]))


def _written(document: Node, path: list[str | int]) -> list[str | int]:
    """Without the keys of a long spelling where the short one is written: `due: 5`."""
    for depth in range(len(path)):
        if not isinstance(document.at(path[:depth]).value, dict | list):
            return path[:depth]
    return path


def _place(document: Node, path: Sequence[str | int], *, is_key: bool) -> Place:
    parent = document.at(path[:-1])
    if is_key and path and path[-1] in parent.keys:
        return parent.keys[str(path[-1])]
    return document.at(path).place


def _message(details: ErrorDetails, model: type[Model]) -> str:
    kind = details["type"]
    if kind == "extra_forbidden":
        return _unknown_key(str(details["loc"][-1]), _model_at(model, details["loc"][:-1]))
    if kind == "string_pattern_mismatch" and details["ctx"]["pattern"] in REFERENCES:
        return f"expected {REFERENCES[details['ctx']['pattern']]}, never the secret itself"
    expected = _EXPECTED.get(kind) or _expected(kind, details.get("ctx", {}))
    if expected:
        return f"expected {expected}{_found(details)}"
    if kind == "value_error":
        return str(details["ctx"]["error"])
    if kind == "missing":
        return "the key is missing"
    message = details["msg"]
    return message if message[:2].isupper() else message[:1].lower() + message[1:]


def _found(details: ErrorDetails) -> str:
    """Nothing where a secret may stand that should have been a reference."""
    if "verify" in details["loc"] and details["type"] in _EXPECTED:
        return ""
    return f", found {shown(details['input'])}"


def _expected(kind: str, context: Mapping[str, Any]) -> str:
    if kind in ("literal_error", "enum"):
        return str(context["expected"])
    if kind == "string_pattern_mismatch":
        return _SPELLINGS.get(context["pattern"]) or f"text like {context['pattern']}"
    if kind == "too_short":
        return f"at least {context['min_length']} of them"
    if kind == "too_long":
        return f"at most {context['max_length']} of them"
    if kind in _BOUNDS:
        (bound,) = context.values()
        return f"{_BOUNDS[kind]} {_bound(str(bound))}"
    return ""


def _bound(text: str) -> str:
    """Pydantic hands over a length of time as Python would write it."""
    if not text.startswith("datetime.timedelta("):
        return text
    parts = {unit: int(number) for unit, number in _PART_OF_TIME.findall(text)}
    return spelled(timedelta(**parts)).replace(".0 s", " s")


def _unknown_key(key: str, model: type[Model] | None) -> str:
    if model is None:
        return f"unknown key `{key:.60}`"
    known = [field.alias or name for name, field in model.model_fields.items()]
    hint = did_you_mean(key, known) or f"; known are {', '.join(known)}"
    return f"unknown key `{key:.60}`{hint}"


def _model_at(model: type[Model], path: Sequence[str | int]) -> type[Model] | None:
    """The model that reads the mapping at a path."""
    annotation: Any = model
    for step in path:
        if str(step).startswith("["):  # which form of a value it was
            continue
        annotation = _plain(annotation)
        if _is_model(annotation):
            fields = {f.alias or name: f.annotation for name, f in annotation.model_fields.items()}
            annotation = fields.get(str(step))
        elif get_origin(annotation) in (dict, tuple):
            annotation = get_args(annotation)[0 if get_origin(annotation) is tuple else 1]
        else:
            return None
    annotation = _plain(annotation)
    return annotation if _is_model(annotation) else None


def _plain(annotation: Any) -> Any:
    """Without `Annotated` and `| None`; of several forms the one with keys."""
    while get_args(annotation) and get_origin(annotation) not in (dict, tuple):
        forms = [arg for arg in get_args(annotation) if arg is not type(None)]
        annotation = next((form for form in forms if _is_model(_plain(form))), forms[0])
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Model)
