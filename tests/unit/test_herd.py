"""Herds: told once each, with a jitter that is long enough and not too long."""

from datetime import UTC, datetime
from typing import Any

from tests.unit.test_advice import daily, definition

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition_file.herd import AT_EASE, herd

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def same_second(count: int, **more: Any) -> list[ActivityDefinition]:
    return [definition(f"d{n:04}", cron=daily(**more)) for n in range(count)]


def test_a_herd_is_told_once_with_a_jitter_that_spreads_it() -> None:
    assert herd(same_second(AT_EASE), {}, NOW) == []
    assert herd(same_second(AT_EASE + 1), {}, NOW) == [
        (
            "d0000",
            (
                "31 definitions (d0000, d0001, d0002, …) have a slot at 2026-03-03T09:00:00Z and "
                "no jitter; `jitter: 2s` in each would spread their starts"
            ),
        )
    ]
    ((_, many),) = herd(same_second(1_000), {}, NOW)
    assert "`jitter: 1m`" in many


def test_what_does_not_start_at_once_is_no_herd() -> None:
    assert herd(same_second(100, jitter="1m"), {}, NOW) == []
    assert herd(same_second(100, exclude=["2026-03-03"], until="2026-03-03"), {}, NOW) == []
    assert herd([definition(f"d{n}", manual={}) for n in range(100)], {}, NOW) == []
    off = [definition(f"d{n}", enabled=False, cron=daily()) for n in range(100)]
    assert herd(off, {}, NOW) == []
    apart = [definition(f"d{n}", cron={"expression": f"{n} 9 * * *"}) for n in range(60)]
    assert herd(apart, {}, NOW) == []


def test_herds_of_different_clocks_meet_and_the_shortest_period_bounds_the_jitter() -> None:
    quick = [definition(f"q{n:02}", interval={"every": "20s"}) for n in range(20)]
    slow = [definition(f"s{n:04}", cron={"expression": "* * * * *"}) for n in range(900)]
    ((first, message),) = herd([*slow, *quick], {}, NOW)
    assert first == "q00"
    assert message.startswith("920 definitions")
    assert "`jitter: 15s`" in message
    seconds = [definition(f"d{n}", interval={"every": "1s"}) for n in range(100)]
    assert herd(seconds, {}, NOW) == []
