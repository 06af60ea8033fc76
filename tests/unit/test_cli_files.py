"""Definition files from disk: found, read with their forms, checked, made one set."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from activity_core.cli import definition_files
from activity_core.cli.main import app
from activity_core.core.errors import InvalidDefinitionError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXAMPLES = Path(__file__).parents[2] / "examples"
FORM = '{"type": "object", "required": ["reached"]}'
TEXT = """
id: {id}
trigger: {{manual: }}
rules:
  - id: r
    when: "{when}"
    tasks: [{{id: t, human: {{title: T, form: {form}}}}}]
"""


def write(path: Path, id_: str = "a", *, when: str = "true", form: str = "f.schema.json") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXT.format(id=id_, when=when, form=form))
    return path


def issues(path: Path) -> list[str]:
    with pytest.raises(InvalidDefinitionError) as caught:
        definition_files.check(definition_files.read(path)[1], NOW)
    return [str(issue) for issue in caught.value.issues]


def test_the_examples_are_valid() -> None:
    result = CliRunner().invoke(app, ["validate", str(EXAMPLES)])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("valid: ")
    listed = json.loads(CliRunner().invoke(app, ["validate", str(EXAMPLES), "--json"]).stdout)
    assert "fulfil-order" in listed["definitions"]
    assert "shop" in listed["connections"]
    assert "order-created" in listed["event_types"]
    assert listed["warnings"] == []


def test_the_examples_have_a_source_of_each_kind() -> None:
    _, bundle = definition_files.read(EXAMPLES)
    ways = {source.way for source in bundle.sources}
    presets = {source.webhook_.preset for source in bundle.sources if source.webhook_}
    assert ways >= {"webhook", "nats", "kafka", "rabbitmq"}
    assert presets >= {"github", "stripe", "slack", "alertmanager"}


def test_a_directory_is_read_whole_but_for_forms_and_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "f.schema.json").write_text(FORM)
    write(tmp_path / "one.yaml", "one")
    write(tmp_path / "below" / "two.yml", "two", form="{type: object}")
    (tmp_path / "three.json").write_text(
        json.dumps({"kind": "connection", "id": "c", "http": {"base_url": "http://x"}})
    )
    write(tmp_path / ".hidden" / "x.yaml", "x")
    (tmp_path / "README.md").write_text("no definition")
    files, bundle = definition_files.read(tmp_path)
    assert [file.name for file in files] == ["two.yml", "one.yaml", "three.json"]
    assert {part.id for part in bundle.parts} == {"one", "two", "c"}
    documents = definition_files.documents(bundle)
    assert documents[0] == {"kind": "connection", "id": "c", "http": {"base_url": "http://x"}}
    [one] = [each for each in documents if each["id"] == "one"]
    assert one["rules"][0]["tasks"][0]["human"]["form"] == json.loads(FORM)


def test_every_file_is_looked_at_before_giving_up(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "A", form="{}")
    (tmp_path / "b.yaml").write_text("id: [")
    (tmp_path / "c.yaml").write_bytes(b"\xff")
    (tmp_path / "d.yaml").write_bytes(b"#" * (2**20 + 1))
    found = issues(tmp_path)
    assert [issue.split(":")[0].removeprefix(f"{tmp_path}/") for issue in found] == [
        "a.yaml",
        "b.yaml",
        "c.yaml",
        "d.yaml",
    ]


def test_the_same_id_in_two_files(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", form="{}")
    write(tmp_path / "b.yaml", form="{}")
    [issue] = issues(tmp_path)
    assert issue.startswith(f"{tmp_path}/b.yaml:2:")
    assert "a.yaml:2" in issue


def test_expressions_are_compiled_and_named_by_place(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", when="1 +", form="{}")
    [issue] = issues(file)
    assert issue.startswith(f"{file}:6:11: rules[0].when: ")
    result = CliRunner().invoke(app, ["validate", str(file)])
    assert result.exit_code == 1
    assert issue in result.stderr


@pytest.mark.parametrize(
    "form", ["../f.schema.json", "/etc/hostname", "link.json", "none.json", "sub", "not.json"]
)
def test_forms_stay_in_the_directory_of_their_file(tmp_path: Path, form: str) -> None:
    (tmp_path / "f.schema.json").write_text(FORM)
    file = write(tmp_path / "d" / "a.yaml", form=form)
    (file.parent / "sub").mkdir()
    (file.parent / "link.json").symlink_to(tmp_path / "f.schema.json")
    (file.parent / "not.json").write_text("{")
    [issue] = issues(file)
    assert f"cannot use the form `{form}`" in issue


def test_nothing_to_read(tmp_path: Path) -> None:
    assert "no file with definitions" in issues(tmp_path)[0]


def test_help_does_not_wait_for_what_it_does_not_need() -> None:
    heavy = {"httpx", "fastapi", "temporalio", "psycopg", "cel_expr_python", "jsonschema_rs"}
    code = "import sys, activity_core.cli.main; print(*sys.modules)"
    output = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert heavy.isdisjoint(output.split())
