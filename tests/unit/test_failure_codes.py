"""How failures of steps are called on Temporal, and when they are tried again."""

from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activity_core.core.run.errors import TaskFailedError
from activity_core.workflows.codes import stable_codes


@pytest.mark.parametrize(
    ("asked", "longest", "pause"),
    [(7, 60, 7), (999_999_999, 60, 60), (7, None, 7), (None, 60, None)],
)
def test_a_pause_that_the_other_side_asks_for_is_bounded(
    asked: int | None, longest: int | None, pause: int | None
):
    def attempt() -> None:
        with stable_codes():
            after = None if asked is None else timedelta(seconds=asked)
            raise TaskFailedError("later", type="http_429", retry_after=after)

    policy = RetryPolicy(maximum_interval=None if longest is None else timedelta(seconds=longest))
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, retry_policy=policy)
    with pytest.raises(ApplicationError) as error:
        environment.run(attempt)
    assert (error.value.type, error.value.non_retryable) == ("http_429", False)
    assert error.value.next_retry_delay == (None if pause is None else timedelta(seconds=pause))
