"""Event types as files: read, refused with place and reason, and kept as they were published."""

import json
from typing import Any

import pytest
from tests.unit.test_source_files import NOW, read
from tests.unit.test_source_files import issues as read_issues

from activity_core.cli import definition_files
from activity_core.core.definition.event_type import EventType
from activity_core.core.definition_file.evolution import check_evolution
from activity_core.core.definition_file.known import Known
from activity_core.core.definition_file.review import review

ORDER = """\
kind: event_type
id: order
type: order.created
owner: shop
compatibility: backward
versions:
  - {type: object, required: [id, amount], properties: {id: {type: string}, amount: {type: number}}}
  - {type: object, required: [id], properties: {id: {type: string}, amount: {type: number}}}
redact: [/card/number, "/items/*/name"]
"""


def refused(text: str, *published: str) -> list[str]:
    types = [event_type for each in published for event_type in read(each).event_types]
    known = Known(event_types=types, published_types={each.id: each for each in types})
    found = review(read(text), known, NOW)
    assert found.warnings == []
    return [str(issue).removeprefix("f.yaml:") for issue in found.refusals]


def test_an_event_type_is_read_and_written() -> None:
    (order,) = read(ORDER).event_types
    assert (order.id, order.type, order.compatibility) == ("order", "order.created", "backward")
    assert len(order.versions) == 2
    [document] = definition_files.documents(read(ORDER))
    assert document["kind"] == "event_type"
    assert read(json.dumps(document)).event_types == (order,)
    assert refused(ORDER) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("versions:", "version:", "6:1: version: unknown key `version`; did you mean `versions`?"),
        ("backward", "both", "5:16: compatibility: expected 'backward', 'forward', 'full' or"),
        ("type: order.created", "type: '*.created'", "3:7: type: expected text like "),
        ("[/card/number,", "[card/number,", "9:10: redact[0]: expected text like "),
        ("amount: {type: number}", "amount: {type: numbr}", "7:5: versions[0]: not a JSON Schema"),
        ("redact:", "redacted:", "9:1: redacted: unknown key `redacted`; did you mean `redact`?"),
    ],
)
def test_one_mistake(old: str, new: str, expected: str) -> None:
    text = ORDER.replace(old, new, 1)
    assert text != ORDER
    assert [issue for issue in read_issues(text) if issue.startswith(expected)], read_issues(text)


def test_two_types_with_one_pattern() -> None:
    other = ORDER.replace("id: order\n", "id: other\n", 1)
    assert refused(f"{ORDER}---\n{other}") == [
        "13:7: type: the type `order.created` belongs to event type `order` already (f.yaml:2)"
    ]
    [issue] = refused(other, ORDER)
    assert issue.endswith("belongs to event type `order` already (in the registry)")
    assert refused(other.replace("order.created", "order.*"), ORDER) == []


def test_a_version_that_does_not_follow_has_its_place() -> None:
    [issue] = refused(ORDER.replace("required: [id],", "required: [id, name],"))
    assert issue.startswith("8:5: versions[1]: version 2 is not backward-compatible: ")


def test_published_versions_stay() -> None:
    assert refused(ORDER, ORDER) == []
    assert refused(ORDER.replace("owner: shop", "owner: sales"), ORDER) == []
    changed = ORDER.replace("required: [id],", "required: [],")
    [issue] = refused(changed, ORDER)
    assert issue.startswith("8:5: versions[1]: version 2 was published and must stay as it was; ")
    assert issue.endswith("add what is new as version 3")
    shorter = "\n".join(line for line in ORDER.splitlines() if "required: [id]," not in line)
    assert refused(shorter, ORDER) == [
        "7:3: versions: version 2 was published and must stay, as it was"
    ]


NUMBER: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "number"}}}
INTEGER: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}}


def evolution(new: list[Any], old: list[Any] | None, rule: str = "backward") -> list[str]:
    def event_type(versions: list[Any]) -> EventType:
        document = {"id": "a", "type": "a", "compatibility": rule, "versions": versions}
        return EventType.model_validate(document)

    found = check_evolution(event_type(new), event_type(old) if old else None)
    return [f"{'.'.join(map(str, path))}: {message.split(': ')[0]}" for path, message in found]


@pytest.mark.parametrize(
    ("rule", "widening", "narrowing"),
    [
        ("backward", False, True),
        ("forward", True, False),
        ("full", True, True),
        ("none", False, False),
    ],
)
@pytest.mark.parametrize("published", [False, True])
def test_the_rule_says_what_may_follow(
    rule: str, *, widening: bool, narrowing: bool, published: bool
) -> None:
    refusal = [f"versions.1: version 2 is not {rule}-compatible"]
    for versions, wrong in (([INTEGER, NUMBER], widening), ([NUMBER, INTEGER], narrowing)):
        found = evolution(versions, versions[:1] if published else None, rule)
        assert found == (refusal if wrong else [])


def test_every_pair_of_neighbours_is_judged() -> None:
    assert evolution([INTEGER, NUMBER, INTEGER, NUMBER, INTEGER], None) == [
        "versions.2: version 3 is not backward-compatible",
        "versions.4: version 5 is not backward-compatible",
    ]


def test_what_was_published_is_not_judged_again() -> None:
    assert evolution([NUMBER, INTEGER], [NUMBER, INTEGER]) == []
    assert evolution([NUMBER, INTEGER, INTEGER], [NUMBER, INTEGER]) == []


def test_one_and_true_are_different_schemas() -> None:
    [issue] = evolution([{"const": True}], [{"const": 1}])
    assert issue.startswith("versions.0: version 1 was published and must stay as it was")
