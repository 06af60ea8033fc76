"""What others answer for a task, and what can be sent to them."""

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from activity_core.core.run.errors import TaskFailedError
from activity_core.workflows.answers import MOST_ARGUMENTS, check_arguments, outputs_of


def answer(encoding: bytes, data: bytes) -> RawValue:
    return RawValue(Payload(metadata={"encoding": encoding}, data=data))


@pytest.mark.parametrize(
    ("encoding", "data", "outputs"),
    [
        (b"json/plain", b'{"a": [1, null]}', {"a": [1, None]}),
        (b"json/protobuf", b'{"a": "b"}', {"a": "b"}),
        (b"binary/null", b"", None),
    ],
)
def test_json_is_read_whoever_wrote_it(encoding: bytes, data: bytes, outputs: object) -> None:
    assert outputs_of(answer(encoding, data)) == outputs


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        (b"binary/plain", b"\x00"),
        (b"binary/encrypted", b"{}"),
        (b"", b"{}"),
        (b"\xff", b"{}"),
        (b"json/plain", b"{"),
        (b"json/plain", b"NaN"),
        (b"json/plain", b"[" * 5_000 + b"]" * 5_000),
        (b"json/plain", b'"\\ud800"'),
    ],
)
def test_anything_else_fails_the_task_for_good(encoding: bytes, data: bytes) -> None:
    with pytest.raises(TaskFailedError) as failure:
        outputs_of(answer(encoding, data))
    assert failure.value.type == "unserialisable"
    assert not failure.value.retryable


def test_arguments_have_a_bound() -> None:
    check_arguments(["x" * (MOST_ARGUMENTS - 4)])
    with pytest.raises(TaskFailedError) as failure:
        check_arguments(["x" * (MOST_ARGUMENTS - 3)])
    assert failure.value.type == "too_large"
