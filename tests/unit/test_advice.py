"""Advice about schedules: each rule with its place, its words, and the case that is just right."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition_file.advice import advise

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BERLIN = "Europe/Berlin"
YEAR = [str(date(2025, 1, 1) + timedelta(days=n)) for n in range(365)]
CALENDARS = {"year": Calendar.model_validate({"id": "year", "days": YEAR})}


def definition(id_: str = "d", *, enabled: bool = True, **trigger: Any) -> ActivityDefinition:
    task = {"id": "t", "human": {"title": "Do it"}}
    rules = [{"id": "r", "tasks": [task]}]
    return ActivityDefinition.model_validate(
        {"id": id_, "enabled": enabled, "trigger": trigger, "rules": rules}
    )


def advice(**trigger: Any) -> list[str]:
    refusals, warnings = advise(definition(**trigger), CALENDARS, NOW)
    return [
        f"{kind} {'.'.join(map(str, path))}: {message}"
        for kind, issues in (("refused", refusals), ("warned", warnings))
        for path, message in issues
    ]


def daily(**more: Any) -> dict[str, Any]:
    return {"expression": "0 9 * * *", **more}


@pytest.mark.parametrize(
    "trigger",
    [
        {"manual": {}},
        {"event": {"type": "a.*"}},
        {"cron": daily(jitter="23h59m")},
        {"cron": daily(until="2026-03-03", exclude=YEAR)},
        {"cron": daily(), "misfire": {"policy": "compress"}},
        {"cron": daily(), "misfire": {"window": "5s"}},
        {"cron": daily(), "misfire": {"policy": "catch_up", "max_runs": 1}, "overlap": "skip"},
        {"cron": daily(), "misfire": {"policy": "catch_up"}, "overlap": "buffer_all"},
        {"interval": {"every": "10s"}, "misfire": {"policy": "catch_up", "window": "1d"}},
        {"interval": {"every": "10s"}, "misfire": {"policy": "compress", "window": "2d"}},
        {"interval": {"every": "2m"}, "misfire": {"policy": "catch_up", "window": "2d"}},
        {"cron": {"expression": "30 2 * * *"}},
        {"cron": {"expression": "30 2 * JAN *", "timezone": BERLIN}},
        {"cron": {"expression": "30 2 * * *", "timezone": BERLIN, "until": "2026-03-28"}},
        {"calendar": {"days": ["2026-12-24"], "at": ["09:00"], "timezone": BERLIN}},
    ],
)
def test_nothing_is_said_of_what_is_right(trigger: Any) -> None:
    assert advice(**trigger) == []


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        (
            {"cron": daily(**{"from": "2025-01-01"}, until="2025-12-31", exclude=["year"])},
            "refused trigger.cron.exclude: it never fires: all its slots are on excluded days",
        ),
        (
            {
                "interval": {
                    "every": "1s",
                    "from": "2025-01-01",
                    "until": "2025-12-31",
                    "exclude": ["year"],
                }
            },
            "refused trigger.interval.exclude: it never fires: all its slots are on excluded days",
        ),
        (
            {"cron": daily(**{"from": "2026-01-01T10:00:00Z"}, until="2026-01-01")},
            "refused trigger.cron.until: it never fires: no slot is within `from` and `until`",
        ),
        (
            {"calendar": {"days": ["2024-12-24"], "at": ["09:00"], "from": "2025-01-01"}},
            "refused trigger.calendar.from: it never fires: no slot is within `from` and `until`",
        ),
        (
            {"calendar": {"days": ["2026-03-29"], "at": ["02:30"], "timezone": BERLIN}},
            "refused trigger.calendar: it never fires: clocks leap over all its times",
        ),
        (
            {"cron": daily(jitter="24h")},
            (
                "refused trigger.cron.jitter: must be shorter than the shortest time between two "
                "slots, 1 d"
            ),
        ),
        (
            {"cron": {"expressions": ["0 9 * * *", "5 9 * * MON"], "jitter": "5m"}},
            (
                "refused trigger.cron.jitter: must be shorter than the shortest time between two "
                "slots, 5 min"
            ),
        ),
    ],
)
def test_refused(trigger: Any, said: str) -> None:
    assert advice(**trigger) == [said]


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        (
            {"cron": daily(until="2024-06-30", timezone=BERLIN)},
            "warned trigger.cron.until: it is over: the last slot was 2024-06-30T07:00:00Z",
        ),
        (
            {"interval": {"every": "1s", "until": "2025-12-31", "exclude": ["2025-12-31"]}},
            "warned trigger.interval.until: it is over: the last slot was 2025-12-30T23:59:59Z",
        ),
        (
            {"interval": {"every": "1s", "until": "2026-01-01T00:00:00Z", "exclude": ["year"]}},
            "warned trigger.interval.until: it is over: the last slot was 2026-01-01T00:00:00Z",
        ),
        (
            {"calendar": {"days": ["year"], "at": ["09:00"]}},
            "warned trigger.calendar.days: it is over: the last slot was 2025-12-31T09:00:00Z",
        ),
        (
            {"cron": {"expression": "0 9 * * MON"}, "misfire": {"policy": "compress"}},
            (
                "warned trigger.misfire.window: shorter than the time between two slots, 7 d: an "
                "outage of more than 1 d may lose a slot that `compress` should make up for"
            ),
        ),
        (
            {"interval": {"every": "30s"}, "misfire": {"policy": "catch_up", "window": "20s"}},
            (
                "warned trigger.misfire.window: shorter than the time between two slots, 30 s: an "
                "outage of more than 20 s may lose a slot that `catch_up` should make up for"
            ),
        ),
        (
            {"cron": daily(), "misfire": {"window": "4s"}},
            "warned trigger.misfire.window: slots that are up to 5 s late count as on time and run",
        ),
        (
            {"interval": {"every": "1m"}, "misfire": {"policy": "catch_up", "window": "2d"}},
            (
                "warned trigger.misfire.window: an outage as long as the window misses 2880 slots, "
                "each of which is decided; 10 run (`max_runs`). `policy: compress` makes one run "
                "for all"
            ),
        ),
        (
            {"cron": daily(), "misfire": {"policy": "catch_up"}, "overlap": "skip"},
            (
                "warned trigger.overlap: of the missed slots that `catch_up` runs, `overlap: skip` "
                "lets only the first start; `buffer_all` runs them one after the other"
            ),
        ),
    ],
)
def test_warned(trigger: Any, said: str) -> None:
    assert advice(**trigger) == [said]


def test_both_changes_of_the_clock_are_told_with_their_policies() -> None:
    assert advice(cron={"expression": "30 2 * * *", "timezone": BERLIN}) == [
        (
            "warned trigger.cron.expression: clocks in Europe/Berlin skip 02:30 on 2026-03-29: "
            "no slot then (`dst.gap: skip`); also on 2027-03-28"
        ),
        (
            "warned trigger.cron.expression: clocks in Europe/Berlin show 02:30 twice on "
            "2026-10-25: the first counts (`dst.fold: first`); also on 2027-10-31"
        ),
    ]
    dst = {"gap": "next", "fold": "both"}
    expressions = ["0 9 * * *", "*/15 2 * * *"]
    cron = {"expressions": expressions, "timezone": "America/New_York", "dst": dst}
    assert advice(cron={**cron, "until": "2026-12-31"}) == [
        (
            "warned trigger.cron.expressions.1: clocks in America/New_York skip 02:00 to 02:45 "
            "(4 times) on 2026-03-08: the slot is at 03:00 (`dst.gap: next`)"
        ),
    ]


def test_half_an_hour_and_midnight_are_changes_too() -> None:
    lord_howe = {"expression": "45 1 * * *", "timezone": "Australia/Lord_Howe"}
    assert [
        line.split(": ", 1)[1] for line in advice(cron={**lord_howe, "until": "2026-12-31"})
    ] == [
        (
            "clocks in Australia/Lord_Howe show 01:45 twice on 2026-04-05: the first counts "
            "(`dst.fold: first`)"
        )
    ]
    days = {"days": ["2026-04-24", "2026-04-25"], "at": ["00:00", "09:00"]}
    assert advice(calendar={**days, "timezone": "Africa/Cairo"}) == [
        (
            "warned trigger.calendar.at: clocks in Africa/Cairo skip 00:00 on 2026-04-24: no slot "
            "then (`dst.gap: skip`)"
        )
    ]


def test_excluded_days_have_no_changes() -> None:
    cron = {"expression": "30 2 * * *", "timezone": BERLIN, "until": "2026-05-01"}
    assert len(advice(cron=cron)) == 1
    assert advice(cron={**cron, "exclude": ["2026-03-29"]}) == []
