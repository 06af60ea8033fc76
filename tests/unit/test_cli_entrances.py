"""Commands about who may send what, and about what was buried, by its cause."""

import json
from pathlib import Path

import pytest
from tests.unit.memory_system import event
from tests.unit.test_api_operations import bury
from tests.unit.test_api_sources import ENTRANCES
from tests.unit.test_cli_commands import Shell, shell

__all__ = ["shell"]


@pytest.fixture
def applied(shell: Shell, tmp_path: Path) -> Shell:
    path = tmp_path / "entrances.yaml"
    path.write_text(ENTRANCES)
    shell.run("apply", str(path))
    return shell


def test_sources_are_listed_paused_resumed_and_retired(applied: Shell) -> None:
    listed = applied.run("sources", "list").stdout
    assert [line.split()[0] for line in listed.splitlines()[1:]] == ["crm", "parts", "shop"]
    assert "SHOP_SECRET" not in applied.run("sources", "show", "shop").stdout
    paused = applied.run("sources", "pause", "shop", "--reason", "too loud").stdout
    assert paused == "paused: shop v1\n"
    assert applied.json("sources", "show", "shop")["reason"] == "too loud"
    assert applied.run("sources", "resume", "shop").stdout == "active: shop v1\n"
    assert applied.run("sources", "retire", "shop").stdout == "retired: shop v1\n"
    assert applied.run("sources", "show", "none", ok=False).exit_code == 1


def test_event_types_are_listed_and_retired(applied: Shell) -> None:
    assert "/card" in applied.run("event-types", "list").stdout
    assert len(applied.json("event-types", "show", "order")["versions"]) == 2
    assert applied.run("event-types", "retire", "order").stdout == "retired: order\n"


def test_refusals_are_listed_and_explained(applied: Shell) -> None:
    applied.run("emit", "t", "--id", "1", "--data", '{"n": 1}')
    applied.run("emit", "t", "--id", "1", "--data", '{"n": 2}', ok=False)
    assert "event_conflict" in applied.run("refusals", "list").stdout
    assert applied.run("refusals", "list", "--code", "unverified").stderr == "nothing\n"
    assert "refused event_conflict" in applied.run("explain", "event", "1").stdout


def test_letters_are_replayed_and_discarded_by_their_cause(shell: Shell) -> None:
    for id_, body in (("a", json.dumps(event("o-1")).encode()), ("b", b"{bad")):
        shell.portal.call(bury, shell.system, id_, body)
    assert "event_invalid" in shell.run("dead-letters", "groups").stdout
    rehearsed = shell.run("dead-letters", "replay", "--via", "nats", "--dry-run", ok=False)
    assert "would be: 1 open, 1 replayed" in rehearsed.stderr
    replayed = shell.run("dead-letters", "replay", "--via", "nats", ok=False)
    assert "replayed: a /shop o-1" in replayed.stdout
    assert "open: b json_malformed" in replayed.stdout
    assert shell.json("dead-letters", "discard", "--code", "event_invalid")[0]["status"] == (
        "discarded"
    )
    assert shell.run("dead-letters", "groups").stderr == "nothing\n"


@pytest.mark.parametrize(
    "args",
    [
        ("replay",),
        ("discard",),
        ("replay", "a", "--code", "x"),
        ("discard", "a", "--dry-run"),
    ],
)
def test_which_letters_are_meant_must_be_said(shell: Shell, args: tuple[str, ...]) -> None:
    assert shell.run("dead-letters", *args, ok=False).exit_code == 2
