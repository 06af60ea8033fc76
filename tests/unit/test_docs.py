"""The reference says what the code does: settings, errors, schemas, links."""

import json
import re
from pathlib import Path

import pytest

from activity_core.core.definition_file.schema import (
    calendar_json_schema,
    connection_json_schema,
    definition_json_schema,
    event_type_json_schema,
    source_json_schema,
)
from activity_core.core.event.envelope import envelope_json_schema
from activity_core.settings import Settings

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
CODE = re.compile(r'^\s+code(?:: ClassVar\[str\])? = "(\w+)"', re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")
CODE_SPAN = re.compile(r"`[^`\n]+`")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks/README.md"])

INTERNAL = {"internal", "unreachable", "refused"}
"""Of the command line's own client, never sent by the API; and the base class."""


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


def test_every_setting_is_described():
    text = (REFERENCE / "settings.md").read_text()
    described = set(re.findall(r"^\| `(ACTIVITY_CORE_\w+)`", text, re.MULTILINE))
    names = {f"ACTIVITY_CORE_{name.upper()}" for name in Settings.model_fields}
    assert names <= described


def test_every_error_code_is_described():
    text = (REFERENCE / "errors.md").read_text()
    sources = (path.read_text() for path in ROOT.glob("src/**/*.py"))
    codes = {code for source in sources for code in CODE.findall(source)} - INTERNAL
    assert codes
    assert {code for code in codes if f"`{code}`" not in text} == set()


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("event-envelope", envelope_json_schema),
        ("activity-definition", definition_json_schema),
        ("connection", connection_json_schema),
        ("calendar", calendar_json_schema),
        ("event-source", source_json_schema),
        ("event-type", event_type_json_schema),
    ],
)
def test_published_schemas_are_generated(name, schema):
    published = json.loads((REFERENCE / f"{name}.schema.json").read_text())
    assert published == schema(), "make schemas"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in LINK.findall(CODE_SPAN.sub("", page.read_text())):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_the_layout_in_architecture_is_the_layout():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    layout = text[text.index("## Layout") : text.index("## Words")]
    named = set(re.findall(r"^ {4,8}(\w+)/? ", layout, re.MULTILINE))
    core = ROOT / "src/activity_core/core"
    there = {path.stem for path in core.rglob("*.py") if path.stem != "__init__"}
    assert there <= named
