"""Secrets by reference: read when used, and never part of an error."""

from pathlib import Path

import pytest

from activity_core.adapters.secrets import resolve_secret
from activity_core.core.errors import ConfigurationError


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SOME_SECRET", "one")
    assert resolve_secret("env:SOME_SECRET") == "one"
    monkeypatch.setenv("SOME_SECRET", "two")
    assert resolve_secret("env:SOME_SECRET") == "two"


def test_from_a_file_without_its_last_newline(tmp_path: Path):
    file = tmp_path / "secret"
    file.write_text(" with spaces \r\n")
    assert resolve_secret(f"file:{file}") == " with spaces "


@pytest.mark.parametrize("kind", ["env:NOT_THERE", "env:", "file:/not/there"])
def test_what_is_not_there_is_named(kind: str):
    with pytest.raises(ConfigurationError, match=kind.partition(":")[0]):
        resolve_secret(kind)


def test_an_empty_file_is_no_secret(tmp_path: Path):
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ConfigurationError, match="missing or empty"):
        resolve_secret(f"file:{tmp_path / 'empty'}")


def test_a_value_in_place_of_a_reference_is_not_told():
    with pytest.raises(ConfigurationError) as error:
        resolve_secret("hunter2")
    assert "hunter2" not in str(error.value)
