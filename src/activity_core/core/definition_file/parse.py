"""Definition files: YAML or JSON text becomes a bundle of parts, or a list of issues.

In: the text of a file or of a request. Out: a `Bundle`, which the registry applies as one set.
`yaml_tree` reads, the models check, `definition_issue` says what is wrong and where.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import yaml.reader
from pydantic import JsonValue, ValidationError

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.connection import Connection
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition.event_type import EventType
from activity_core.core.definition_file.bundle import MAX_ISSUES, Bundle, Document, Part, merge
from activity_core.core.definition_file.issue import did_you_mean, issues_of, shown
from activity_core.core.definition_file.yaml_tree import read_yaml
from activity_core.core.errors import (
    ActivityCoreError,
    InvalidDefinitionError,
    Issue,
    MalformedJsonError,
)
from activity_core.core.jsontext import parse_json

__all__ = ["MAX_BYTES", "MAX_ISSUES", "Bundle", "ReadForm", "merge", "parse_definitions"]

MAX_BYTES: Final = 2**20

_MODELS: Final[Mapping[str, type[Part]]] = {
    "definition": ActivityDefinition,
    "connection": Connection,
    "calendar": Calendar,
    "source": EventSource,
    "event_type": EventType,
}

_ESCAPE = re.compile(
    r"\\u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})|\\."
)

ReadForm = Callable[[str], bytes]
"""The bytes of a file, named relative to the definition file; raises OSError or ValueError."""


def parse_definitions(text: str, *, file: str, read_form: ReadForm | None = None) -> Bundle:
    """Read one text: YAML documents, or JSON (one object, or an array of them).

    `file` is what issues call it. Without `read_form`, forms that name files are refused.

    Raises:
        InvalidDefinitionError: with every issue found, up to `MAX_ISSUES`.
    """
    _check_text(text, file)
    documents = list(_documents(text, file))
    if not documents:
        raise InvalidDefinitionError([Issue(file, 1, 1, "", "there is nothing in it")])
    bundles: list[Bundle] = []
    issues: list[Issue] = []
    for document in documents:
        try:
            bundles.append(_bundle(document, read_form))
        except InvalidDefinitionError as error:
            issues.extend(error.issues)
    try:
        bundle = merge(bundles)
    except InvalidDefinitionError as error:
        issues.extend(error.issues)
    if issues:
        raise InvalidDefinitionError(issues[:MAX_ISSUES])
    return bundle


def _check_text(text: str, file: str) -> None:
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise InvalidDefinitionError([Issue(file, 1, 1, "", f"larger than {MAX_BYTES} bytes")])
    if match := yaml.reader.Reader.NON_PRINTABLE.search(text):
        line, column = text.count("\n", 0, at := match.start()) + 1, at - text.rfind("\n", 0, at)
        message = f"the character U+{ord(match[0]):04X} is not allowed"
        raise InvalidDefinitionError([Issue(file, line, column, "", message)])


def _documents(text: str, file: str) -> Iterator[Document]:
    if text.lstrip()[:1] in ("{", "["):
        text = _as_yaml(text)
    for node in read_yaml(text, file=file):
        if isinstance(node.value, list):
            for at, item in enumerate(node.children.values()):
                yield Document(file, item, (at,))
        elif node.value is not None:  # `---` at the end of a file
            yield Document(file, node)


def _as_yaml(text: str) -> str:
    """JSON is YAML, but for tabs between values and for characters escaped as two halves."""
    try:
        parse_json(text.encode())
    except MalformedJsonError:
        return text
    return _ESCAPE.sub(_join_halves, text.replace("\t", " "))


def _join_halves(escape: re.Match[str]) -> str:
    if escape["high"] is None:
        return escape[0]
    joined = 0x10000 + (int(escape["high"], 16) - 0xD800) * 0x400 + int(escape["low"], 16) - 0xDC00
    return f"\\U{joined:08x}"


def _bundle(document: Document, read_form: ReadForm | None) -> Bundle:
    value = document.node.value
    if not isinstance(value, dict):
        message = f"expected keys with values, found {shown(value)}"
        raise InvalidDefinitionError([document.issue([], message)])
    model = _model(value.get("kind", "definition"), document)
    issues = list(_inline_forms(value, document, read_form)) if read_form else []
    try:
        part = model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        issues += issues_of(error, model, document.node, file=document.file, prefix=document.prefix)
    if issues:
        raise InvalidDefinitionError(issues)
    return Bundle.of([part], {(part.kind, part.id): document})


def _model(kind: JsonValue, document: Document) -> type[Part]:
    if isinstance(kind, str) and kind in _MODELS:
        return _MODELS[kind]
    message = f"unknown kind {shown(kind)}{did_you_mean(str(kind), _MODELS.keys())}"
    raise InvalidDefinitionError([document.issue(["kind"], message)])


def _inline_forms(value: JsonValue, document: Document, read_form: ReadForm) -> Iterator[Issue]:
    """Put the content of form files in the place of their names; what cannot be read is wrong."""
    for path, human in _human_tasks(value):
        name = human.get("form")
        if not isinstance(name, str):
            continue
        try:
            human["form"] = parse_json(read_form(name))
        except (OSError, ValueError, ActivityCoreError) as error:
            del human["form"]
            yield document.issue([*path, "form"], f"cannot use the form `{name:.60}`: {error}")


def _human_tasks(value: JsonValue) -> Iterator[tuple[list[str | int], dict[str, JsonValue]]]:
    # Before the models have checked anything: every level may be something else.
    for rule, rule_at in _items(value, "rules"):
        for task, task_at in _items(rule, "tasks"):
            human = task.get("human")
            if isinstance(human, dict):
                yield ["rules", rule_at, "tasks", task_at, "human"], human


def _items(value: JsonValue, key: str) -> Iterator[tuple[dict[str, JsonValue], int]]:
    items = value.get(key) if isinstance(value, dict) else None
    for at, item in enumerate(items if isinstance(items, list) else []):
        if isinstance(item, dict):
            yield item, at
