"""Derived ids: the same for the same, different for everything else."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core import ids
from activity_core.core.errors import BadInputError

TEXTS = st.lists(st.text(), min_size=1, max_size=4)


@given(TEXTS, TEXTS)
def test_parts_are_kept_apart(some: list[str], others: list[str]):
    assert (ids.digest(*some) == ids.digest(*others)) == (some == others)


def test_where_one_part_ends_matters():
    assert ids.digest("invoice", "paid-7") != ids.digest("invoice-paid", "7")
    assert ids.event_key("main", "/a", "b") != ids.event_key("main", "/", "ab")
    assert ids.run_id("main", "a", "b") != ids.run_id("other", "a", "b")


def test_nouns_do_not_meet():
    """An event is no dedupe key, even with the same words."""
    assert ids.occurrence_of_event("", "x") != ids.occurrence_of_dedupe_key("x")
    assert ids.task_id("r", "a", "b", 0) != ids.task_id("r", "a", "b", 1)


def test_they_stay_as_they_are():
    """Rows and workflows that exist are found by them: another release must not change them."""
    assert ids.occurrence_of_event("/shop", "1") == "e.50cbcd409c19dcede0bf53b11c977cf4"
    assert ids.run_id("main", "d", "m.1") == "run-b789c4872aacedf02a838853495ef0d8"


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 1, 1)))  # noqa: DTZ001 - hypothesis wants them so
def test_a_slot_is_found_again_in_its_key(moment: datetime):
    slot = moment.replace(microsecond=0, tzinfo=UTC)
    assert ids.slot_of_occurrence(ids.occurrence_of_slot(slot)) == slot


def test_a_slot_is_named_in_utc():
    berlin = timezone(timedelta(hours=1))
    assert ids.occurrence_of_slot(datetime(2026, 11, 21, 10, tzinfo=berlin)) == (
        "2026-11-21T09:00:00Z"
    )


def test_workflows_name_their_attempt():
    slot = datetime(2026, 11, 21, 9, tzinfo=UTC)
    workflow = ids.workflow_id("tidy-up", ids.occurrence_of_slot(slot))
    assert workflow == "activity-tidy-up-2026-11-21T09:00:00Z"
    assert ids.attempt_of_workflow(workflow) == 1
    assert ids.workflow_id("tidy-up", "m.1", attempt=3) == "activity-tidy-up-m.1-r2"
    assert ids.attempt_of_workflow("activity-tidy-up-m.1-r2") == 3


@pytest.mark.parametrize("schedule", [ids.schedule_id("tidy-up"), ids.shared_schedule_id("0" * 32)])
def test_ticks_name_their_slot(schedule: str):
    assert schedule.startswith(ids.SCHEDULE_PREFIX)
    workflow = f"{ids.tick_workflow_id(schedule)}-2026-11-21T09:00:00Z"
    assert workflow.startswith("activity-tick-")
    assert ids.slot_of_tick(workflow) == datetime(2026, 11, 21, 9, tzinfo=UTC)


def test_ticks_that_no_schedule_started_name_none():
    assert ids.slot_of_tick("activity-tick-overdue") is None


@pytest.mark.parametrize("request_id", ["a", "A-1_b.c", "x" * 64, "r2", "a-r"])
def test_request_ids(request_id: str):
    assert ids.occurrence_of_request(request_id) == f"m.{request_id}"


@pytest.mark.parametrize("request_id", ["", "x" * 65, "a b", "ä", "-a", "again-r2", "a\n"])
def test_what_is_no_request_id(request_id: str):
    with pytest.raises(BadInputError):
        ids.occurrence_of_request(request_id)
