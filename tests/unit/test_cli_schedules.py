"""Commands about schedules: warnings, previews with and without a server, slots explained."""

import json
from pathlib import Path

import pytest
from tests.unit.test_cli_commands import Shell, shell
from typer.testing import CliRunner, Result

from activity_core.cli.main import app

__all__ = ["shell"]

RULES = "rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]\n"
NIGHTLY = f"""\
id: nightly
trigger:
  cron: {{expression: 30 2 * * *, timezone: Europe/Berlin}}
{RULES}"""
HOLIDAYS = "kind: calendar\nid: holidays\ndays: [2026-03-30]\n"
BY_HAND = f"id: by-hand\ntrigger: {{manual: }}\n{RULES}"


def write(path: Path, *documents: str) -> str:
    path.write_text("---\n".join(documents))
    return str(path)


def offline(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, args)
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ("30 2 * * *,", "30 2 * * *, until: 2020-01-01,", "3:41: trigger.cron.until: it is over"),
        (
            "trigger:\n",
            "trigger:\n  misfire: {policy: compress, window: 1h}\n",
            "3:39: trigger.misfire.window: shorter than the time between two slots",
        ),
        (NIGHTLY, NIGHTLY, "3:22: trigger.cron.expression: clocks in Europe/Berlin skip 02:30"),
    ],
)
def test_validate_warns_with_the_place(tmp_path: Path, old: str, new: str, warning: str) -> None:
    file = write(tmp_path / "a.yaml", NIGHTLY.replace(old, new))
    result = offline("validate", file)
    assert any(line.startswith(f"warning: {file}:{warning}") for line in result.stderr.splitlines())
    assert result.stdout == "valid: 1 definition in 1 file\n"
    listed = json.loads(offline("validate", file, "--json").stdout)
    assert any(warning.startswith(f"{each['line']}:") for each in listed["warnings"])


@pytest.mark.parametrize(
    ("old", "new", "issue"),
    [
        ("30 2 * * *", "0 0 30 2 *", "3:22: trigger.cron.expression: day-of-month and month"),
        ("Berlin", "Berln", "3:44: trigger.cron.timezone: `Europe/Berln` is not a time zone"),
        ("30 2", "jitter: 25h, expression: 30 2", None),
        ("Berlin", "Berlin, jitter: 25h", "3:67: trigger.cron.jitter: must be shorter than"),
        (
            "Berlin",
            "Berlin, from: 2030-02-01, until: 2030-01-01",
            "3:84: trigger.cron.until: `from` must not be later than `until`",
        ),
    ],
)
def test_validate_refuses_with_the_place(
    tmp_path: Path, old: str, new: str, issue: str | None
) -> None:
    file = write(tmp_path / "a.yaml", NIGHTLY.replace(old, new))
    result = offline("validate", file, code=1)
    assert f"{file}:{issue or '3:'}" in result.stderr


def test_a_calendar_of_the_server_is_no_mistake_offline(tmp_path: Path, shell: Shell) -> None:
    text = NIGHTLY.replace("Berlin", "Berlin, exclude: [holidays]")
    file = write(tmp_path / "a.yaml", text)
    offline("validate", file)
    refused = shell.run("apply", file, ok=False)
    place = f"{file}:3:69: trigger.cron.exclude[0]: no calendar holidays (there is none)"
    assert refused.stderr.splitlines() == [place, "error: 1 issue, nothing applied"]
    applied = shell.run("apply", write(tmp_path / "b.yaml", HOLIDAYS, text))
    assert applied.stdout.splitlines() == ["created   nightly v1", "calendar  holidays"]
    shell.run("apply", file)


def test_apply_warns_once_at_the_place_in_the_file(tmp_path: Path, shell: Shell) -> None:
    file = write(
        tmp_path / "a.yaml", HOLIDAYS, NIGHTLY.replace("Berlin", "Berlin, until: 2020-01-01")
    )
    result = shell.run("apply", file)
    [warning] = [line for line in result.stderr.splitlines() if "until" in line]
    assert warning.startswith(f"warning: {file}:7:66: trigger.cron.until: ")
    [listed] = [each for each in shell.json("apply", file)["warnings"] if "until" in each["path"]]
    assert (listed["file"], listed["line"], listed["column"]) == (file, 7, 66)


def test_a_preview_of_a_file_needs_no_server(tmp_path: Path) -> None:
    text = NIGHTLY.replace("Berlin", "Berlin, exclude: [holidays]")
    file = write(tmp_path / "a.yaml", BY_HAND, HOLIDAYS, text)
    args = ("schedule", "preview", file, "--from", "2026-03-28T12:00", "--count", "2")
    assert json.loads(offline(*args, "--json").stdout) == [
        {
            "utc": "2026-03-30T00:30:00Z",
            "local": "2026-03-30T02:30:00+02:00",
            "note": "02:30 on 2026-03-29 does not exist (clocks go forward), no slot; "
            "excluded: 2026-03-30 in calendar holidays",
        },
        {"utc": "2026-03-31T00:30:00Z", "local": "2026-03-31T02:30:00+02:00", "note": ""},
    ]
    table = offline(*args).stdout.splitlines()
    assert table[0].split() == ["utc", "local", "note"]
    assert len(table) == 3


def test_a_preview_says_when_days_are_not_known(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", NIGHTLY.replace("Berlin", "Berlin, exclude: [holidays]"))
    assert "calendar holidays is not in" in offline("schedule", "preview", file).stderr


def test_a_file_with_several_schedules_asks_which(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", NIGHTLY, NIGHTLY.replace("nightly", "other"), BY_HAND)
    assert (
        "choose with --definition: nightly, other"
        in offline("schedule", "preview", file, code=1).stderr
    )
    chosen = offline("schedule", "preview", file, "--definition", "other", "--json")
    assert len(json.loads(chosen.stdout)) == 10
    wrong = offline("schedule", "preview", file, "--definition", "none", code=1)
    assert "no definition `none` in it" in wrong.stderr
    unscheduled = offline("schedule", "preview", file, "--definition", "by-hand", code=1)
    assert "definition by-hand: it has no schedule" in unscheduled.stderr
    nothing = offline("schedule", "preview", write(tmp_path / "b.yaml", BY_HAND), code=1)
    assert "no definition in it has a schedule" in nothing.stderr


def test_a_preview_of_what_is_in_force(tmp_path: Path, shell: Shell) -> None:
    shell.run("apply", write(tmp_path / "a.yaml", NIGHTLY, BY_HAND))
    start = ("--from", "2026-07-01T00:00:00Z")
    [item] = shell.json("schedule", "preview", "nightly", *start, "--count", "1")
    assert item == {"utc": "2026-07-01T00:30:00Z", "local": "2026-07-01T02:30:00+02:00", "note": ""}
    assert "it has no schedule" in shell.run("schedule", "preview", "by-hand", ok=False).stderr
    shell.run("schedule", "preview", "nightly", "--definition", "x", ok=False)
    shell.run("schedule", "preview", "none", ok=False)


def test_a_slot_is_explained(tmp_path: Path, shell: Shell) -> None:
    shell.run("apply", write(tmp_path / "a.yaml", NIGHTLY))
    told = shell.run("explain", "slot", "nightly", "2026-03-29T02:30").stdout
    assert "slot 2026-03-29T01:30:00Z  of nightly" in told
    assert "2026-03-29 02:30 does not exist" in told
    assert shell.json("explain", "slot", "nightly", "2026-03-30T02:30")["state"] == "not_due"
    shell.run("explain", "slot", "nightly", "soon", ok=False)


def test_decisions_are_listed(tmp_path: Path, shell: Shell) -> None:
    shell.run("apply", write(tmp_path / "a.yaml", BY_HAND))
    shell.run("trigger", "by-hand", "--request-id", "r1")
    table = shell.run("decisions", "list", "--outcome", "fired").stdout
    assert "by-hand v1" in table
    assert "m.r1" in table
    assert shell.json("decisions", "list", "--definition", "none")["items"] == []
    assert shell.json("decisions", "list", "--since", "2h")["items"]
    assert shell.json("decisions", "list", "--since", "2h", "--until", "1h")["items"] == []
    shell.run("decisions", "list", "--outcome", "odd", ok=False)


def test_where_schedules_stand_is_listed(tmp_path: Path, shell: Shell) -> None:
    shell.run("apply", write(tmp_path / "a.yaml", NIGHTLY, BY_HAND))
    head = shell.run("definitions", "list").stdout.splitlines()[0]
    assert "next slot" in head
    assert "lag" in head
    [nightly] = [
        each
        for each in shell.json("definitions", "list")["items"]
        if each["definition_id"] == "nightly"
    ]
    assert nightly["next_slot"] is None  # nobody planned it here
