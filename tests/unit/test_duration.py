"""Durations are read as people write them, and come back the same."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from activity_core.core.definition.duration import (
    LONGEST,
    Duration,
    format_duration,
    parse_duration,
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("10s", timedelta(seconds=10)),
        ("1h30m", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
        ("0s", timedelta()),
        ("P2D", timedelta(days=2)),
        ("PT24H", timedelta(days=1)),
        ("P1W", timedelta(weeks=1)),
        ("P1DT0.25S", timedelta(days=1, milliseconds=250)),
        ("000000000000000000000001s", timedelta(seconds=1)),
        ("P3660D", LONGEST),
    ],
)
def test_reads_both_spellings(text: str, meant: timedelta) -> None:
    assert parse_duration(text) == meant


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "10", "10 s", "s", "-5s", "1y", "P1M", "P1Y", "1.5s", "٣s", "5s\n", "5S"],
)
def test_refuses_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write 10s"):
        parse_duration(text)


@pytest.mark.parametrize("value", [10, 1.5, None, True, [], {"s": 1}, "9" * 5_000 + "s"])
def test_refuses_other_values_briefly(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration") as error:
        parse_duration(value)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    "value", ["3661d", "9" * 60 + "s", "P" + "9" * 50 + "D", timedelta(seconds=-1), timedelta.max]
)
def test_refuses_what_is_out_of_bounds(value: object) -> None:
    with pytest.raises(ValueError, match="is not between zero and ten years"):
        parse_duration(value)


@given(st.timedeltas(min_value=timedelta(), max_value=LONGEST))
def test_comes_back_the_same(value: timedelta) -> None:
    assert parse_duration(format_duration(value)) == value


@given(st.text(alphabet="0123456789msdhPDTWHMS.", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_duration(text)
    except ValueError:
        return
    assert timedelta() <= found <= LONGEST


def test_models_read_and_write_it() -> None:
    adapter = TypeAdapter(Duration)
    assert adapter.dump_python(adapter.validate_python("90s")) == "PT90S"
    with pytest.raises(ValidationError, match="is not a duration"):
        adapter.validate_python(90)
