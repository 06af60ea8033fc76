"""The published schemas accept what the reader accepts, and refuse the usual mistakes."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from tests.unit.definition_texts import (
    CALENDAR,
    CONNECTIONS,
    CRON,
    DESIGN_EVENT,
    EVENT,
    FORM,
    MANUAL,
    PARTS,
)

from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.definition_file.schema import (
    calendar_json_schema,
    connection_json_schema,
    definition_json_schema,
    event_type_json_schema,
    source_json_schema,
)
from activity_core.core.definition_file.yaml_tree import read_yaml

DEFINITION = Draft202012Validator(definition_json_schema(), validate_formats=True, offline=True)
CONNECTION = Draft202012Validator(connection_json_schema(), validate_formats=True, offline=True)
CALENDARS = Draft202012Validator(calendar_json_schema(), validate_formats=True, offline=True)
SOURCE = Draft202012Validator(source_json_schema(), validate_formats=True, offline=True)
EVENT_TYPE = Draft202012Validator(event_type_json_schema(), validate_formats=True, offline=True)
KINDS = {
    "definition": DEFINITION,
    "connection": CONNECTION,
    "calendar": CALENDARS,
    "source": SOURCE,
    "event_type": EVENT_TYPE,
}

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


def document(text: str) -> Any:
    (node,) = read_yaml(text, file="f")
    return node.value


@pytest.mark.parametrize("text", [CRON, EVENT, DESIGN_EVENT, MANUAL, *PARTS])
def test_accepts_definitions_as_they_are_written(text: str) -> None:
    DEFINITION.validate(document(text))


@pytest.mark.parametrize("text", [CRON, EVENT, DESIGN_EVENT, MANUAL, *PARTS])
def test_accepts_definitions_as_they_are_stored(text: str) -> None:
    (definition,) = parse_definitions(text, file="f", read_form=lambda _: FORM).definitions
    DEFINITION.validate(definition.document())


def test_accepts_connections() -> None:
    for node in read_yaml(CONNECTIONS, file="f"):
        CONNECTION.validate(node.value)


def test_accepts_calendars() -> None:
    CALENDARS.validate(document(CALENDAR))


@pytest.mark.parametrize(
    "day", ["24.12.2026", "2026-12-24T00:00:00Z", "{day: 2026-12-24}", "{day: x, name: y}", "7"]
)
def test_refuses_days_that_are_none(day: str) -> None:
    text = CALENDAR.replace("2026-12-24", day)
    assert text != CALENDAR
    assert not CALENDARS.is_valid(document(text))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_accepts_the_examples_that_ship(file: Path) -> None:
    text = file.read_text()
    parse_definitions(
        text, file=file.name, read_form=lambda name: (file.parent / name).read_bytes()
    )
    for node in read_yaml(text, file=file.name):
        assert isinstance(node.value, dict)
        KINDS[str(node.value.get("kind", "definition"))].validate(node.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("id: by-hand", "id: By Hand"),
        ("enabled: false", "enabled: no"),
        ("labels:", "lables:"),
        ("offset: 3s", "offset: 3 seconds"),
        ("title: Look", "title: 5"),
        ("backoff: 1s", "backoff: 1"),
        ("wait: true", "remind: 5"),
        ("python: {plugin: ours}, queue", "python: {plugin: ours}, emit: {type: a}, queue"),
        ("python: {plugin: ours}, queue", "queue"),
        ("form: {type: object}", "form: 7"),
        ("static: [1, 2.5, null, true, {a: b}]", "statik: 1"),
    ],
)
def test_refuses_the_usual_mistakes(old: str, new: str) -> None:
    text = MANUAL.replace(old, new)
    assert text != MANUAL
    assert not DEFINITION.is_valid(document(text))


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        (0, "on_error: false", "on_error: true"),
        (0, "dedupe_window", "dedup_window"),
        (0, "priority: 1", "priority: 6"),
        (1, "quiet: 1s, ", ""),
        (1, "keep: all", "keep: newest"),
        (2, "limit: 5", "limit: 0"),
        (4, "cancel_oldest", "cancel"),
        (5, "type: a}, {", ""),
        (6, "within: 1h", "at: 1h"),
        (6, "any_of", "anyof"),
        (7, "within: 1h", "count: {type: a, at_least: 2}, within: 1h"),
        (8, ", at_least: 3", ""),
        (8, "at_least: 3", "at_least: 1001"),
    ],
)
def test_refuses_mistakes_of_flow_control(part: int, old: str, new: str) -> None:
    assert old in PARTS[part]
    assert not DEFINITION.is_valid(document(PARTS[part].replace(old, new)))


def test_refuses_a_secret_in_the_open() -> None:
    assert not CONNECTION.is_valid(
        {"kind": "connection", "id": "a", "sql": {"url": "postgres://x"}}
    )


def test_is_a_schema_of_the_dialect_with_a_name() -> None:
    schema = definition_json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == "urn:activity-core:schema:activity-definition:v1"
    assert connection_json_schema()["$id"] == "urn:activity-core:schema:connection:v1"
    assert schema["title"] == "ActivityDefinition"
    assert all(part.get("description") for part in schema["$defs"].values())
