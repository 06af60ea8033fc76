"""What people may do with a human task, and what is said when they may not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from activity_core.core.definition.human_task import HumanTask
from activity_core.core.errors import BadInputError, ConflictError, SchemaMismatchError
from activity_core.core.human import answering, handling
from activity_core.core.human.answering import Answer
from activity_core.core.human.dossier import Change, Dossier, Request
from activity_core.core.human.errors import FourEyesError, StaleError
from activity_core.core.human.handling import Recipient
from activity_core.core.human.log import Action, LogEntry
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.task import FINAL, TaskClock, TaskInstance, TaskResult, TaskStatus

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
FORM = {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}}
HUMAN = HumanTask.model_validate(
    {"title": "T", "outcomes": ["yes", "no"], "form": FORM, "not_same_as": "first"}
)
FREE = HumanTask.model_validate({"title": "T"})
READY = TaskInstance(
    task_id="task-1",
    run_id="run-1",
    definition_id="d",
    version=1,
    rule="r",
    spec_id="second",
    item=0,
    kind=TaskKind.HUMAN,
    title="T",
    status=TaskStatus.READY,
    inputs={},
    groups=("g",),
    clock=TaskClock(wake_at=AT),
    revision=4,
)
CLAIMED = replace(READY, status=TaskStatus.CLAIMED, claimed_by="ann")
PENDING = replace(READY, status=TaskStatus.PENDING)
ANN, BOB = Request("ann", "key"), Request("bob", "key")
WHY = replace(ANN, comment="why")
YES = Answer("yes", {"ok": True})
DONE = TaskResult(TaskStatus.COMPLETED, "yes", {"ok": True}, by="ann")
ENDED = replace(CLAIMED, status=TaskStatus.COMPLETED, result=DONE, clock=TaskClock())


def of(task: TaskInstance, human: HumanTask | None = FREE, *group: TaskInstance) -> Dossier:
    return Dossier(task, human, [task, *group])


def everything(dossier: Dossier, request: Request) -> dict[str, Change | ConflictError | None]:
    """Each thing that people do, except for comments, and what comes of it."""
    doings: dict[str, Callable[[], Change | None]] = {
        "claim": lambda: handling.claim(dossier, request, AT),
        "unclaim": lambda: handling.unclaim(dossier, request, AT),
        "delegate": lambda: handling.delegate(dossier, request, Recipient("cem"), AT),
        "return": lambda: handling.give_back(dossier, request, AT),
        "complete": lambda: answering.complete(dossier, request, YES, AT),
        "reject": lambda: answering.reject(dossier, request, AT),
    }
    found: dict[str, Change | ConflictError | None] = {}
    for name, doing in doings.items():
        try:
            found[name] = doing()
        except ConflictError as error:
            found[name] = error
    return found


def test_a_claim_has_an_owner_and_a_line():
    change = handling.claim(of(READY), replace(ANN, comment="mine"), AT)
    assert change == Change(
        replace(CLAIMED, revision=5), LogEntry(Action.CLAIMED, AT, "ann", "key", "mine")
    )
    assert handling.claim(of(CLAIMED), ANN, AT) is None


def test_who_has_it_is_named_to_everybody_else():
    for name, found in everything(of(CLAIMED), replace(BOB, comment="c")).items():
        assert isinstance(found, ConflictError), name
        assert str(found).startswith("task task-1: ann has claimed it (ann can unclaim")


def test_what_is_for_one_person_is_nobody_elses():
    hers = replace(READY, assignee="ann")
    for doing in ("claim", "complete", "reject"):
        found = everything(of(hers), replace(BOB, comment="c"))[doing]
        assert "assigned to ann" in str(found)
        assert "delegate it to bob" in str(found)
        assert isinstance(everything(of(hers), WHY)[doing], Change)


def test_nothing_is_done_to_what_waits_or_is_over():
    for task, said in ((PENDING, "still waits"), (ENDED, "completed with outcome 'yes' by ann")):
        for name, found in everything(of(task), replace(BOB, comment="c")).items():
            assert said in str(found), name


def test_machines_do_their_own_tasks():
    for name, found in everything(of(replace(READY, kind=TaskKind.HTTP)), WHY).items():
        assert "automated task (http)" in str(found), name
    with pytest.raises(ConflictError, match="automated"):
        handling.comment(of(replace(READY, kind=TaskKind.HTTP)), WHY, AT)


def test_another_revision_is_another_task():
    for revision, task in ((3, READY), (5, READY)):
        for name, found in everything(of(task), replace(WHY, revision=revision)).items():
            if name not in {"unclaim", "return"}:  # nobody has it
                assert isinstance(found, StaleError), name
                assert f"at revision 4, not {revision}" in str(found)
    with pytest.raises(StaleError):
        handling.comment(of(READY), replace(WHY, revision=3), AT)
    for found in everything(of(CLAIMED), replace(WHY, revision=4)).values():
        assert not isinstance(found, ConflictError)


def test_unclaimed_it_is_for_whom_it_was():
    change = handling.unclaim(of(CLAIMED), ANN, AT)
    assert change is not None
    assert change.task == replace(READY, revision=5)
    assert handling.unclaim(of(READY), ANN, AT) is None


def test_delegated_to_a_person_it_stays_a_task_of_its_groups():
    change = handling.delegate(of(CLAIMED), WHY, Recipient("bob"), AT)
    assert change.task == replace(READY, assignee="bob", revision=5)
    assert change.entry.data == {"assignee": "bob", "groups": ["g"]}
    back = handling.give_back(of(change.task), replace(BOB, comment="no time"), AT)
    assert back.task == replace(READY, revision=6)
    assert back.entry.data == {"assignee": None, "groups": ["g"]}


def test_delegated_to_groups_it_is_theirs_alone():
    change = handling.delegate(of(replace(READY, assignee="ann")), BOB, Recipient(groups=["x"]), AT)
    assert (change.task.assignee, change.task.groups) == (None, ("x",))


@pytest.mark.parametrize("to", [Recipient(), Recipient("a", ["g"])])
def test_it_is_delegated_to_somebody(to: Recipient):
    with pytest.raises(BadInputError, match="exactly one"):
        handling.delegate(of(READY), ANN, to, AT)


def test_it_is_returned_by_whoever_has_it_and_with_a_reason():
    assert handling.give_back(of(CLAIMED), WHY, AT).task == replace(READY, revision=5)
    only_hers = replace(READY, assignee="ann", groups=())
    assert handling.give_back(of(only_hers), WHY, AT).task.assignee == "ann"
    for comment in ("", " \n"):
        with pytest.raises(BadInputError):
            handling.give_back(of(CLAIMED), replace(ANN, comment=comment), AT)
    with pytest.raises(ConflictError, match="nobody has it"):
        handling.give_back(of(READY), WHY, AT)
    with pytest.raises(ConflictError, match="not yours"):
        handling.give_back(of(only_hers), replace(BOB, comment="c"), AT)


@pytest.mark.parametrize("task", [READY, CLAIMED, PENDING, ENDED])
def test_anybody_may_say_something_at_any_time(task: TaskInstance):
    change = handling.comment(of(task), replace(BOB, comment="well"), AT)
    assert change.task == replace(task, revision=5)
    assert (change.entry.action, change.entry.comment) == (Action.COMMENTED, "well")
    with pytest.raises(BadInputError):
        handling.comment(of(task), BOB, AT)


@pytest.mark.parametrize("task", [READY, CLAIMED])
def test_it_is_completed_with_what_its_form_asks_for(task: TaskInstance):
    change = answering.complete(of(task, HUMAN), replace(ANN, comment="so"), YES, AT)
    assert change is not None
    assert change.task == replace(
        task,
        status=TaskStatus.COMPLETED,
        result=replace(DONE, comment="so"),
        clock=TaskClock(),
        finished_at=AT,
        revision=5,
    )
    assert change.entry.data == {"outcome": "yes", "outputs": {"ok": True}}


@pytest.mark.parametrize(
    ("data", "pointers"),
    [(None, [""]), ({}, [""]), ({"ok": 1}, ["/ok"]), ([True], [""])],
)
def test_what_does_not_fit_the_form_is_told_by_pointers(data, pointers):
    with pytest.raises(SchemaMismatchError, match="does not fit the task's form") as told:
        answering.complete(of(READY, HUMAN), ANN, Answer("yes", data), AT)
    assert list(told.value.pointers) == pointers


def test_pointers_are_escaped_and_reasons_short():
    form = {"properties": {"a/b~c": {"items": {"const": "x" * 999}}}}
    human = HumanTask.model_validate({"title": "T", "form": form})
    with pytest.raises(SchemaMismatchError) as told:
        answering.complete(of(READY, human), ANN, Answer("yes", {"a/b~c": [1]}), AT)
    assert list(told.value.pointers) == ["/a~1b~0c/0"]
    assert len(str(told.value)) < 400


def test_only_its_outcomes_are_taken():
    with pytest.raises(BadInputError, match="yes, no"):
        answering.complete(of(READY, HUMAN), ANN, Answer("maybe", {"ok": True}), AT)
    for human in (FREE, None):
        assert answering.complete(of(READY, human), ANN, Answer("maybe"), AT)


def test_the_same_answer_is_the_stored_one_and_another_a_conflict():
    stale = replace(ANN, revision=0, comment="other words")
    for stored in (ENDED, replace(ENDED, status=TaskStatus.COMPENSATED)):
        assert answering.complete(of(stored, HUMAN), stale, YES, AT) is None
    for request, answer in (
        (BOB, YES),
        (ANN, Answer("no", {"ok": True})),
        (ANN, Answer("yes", {"ok": False})),
        (ANN, Answer("yes", {"ok": 1})),  # equal to true, but for Python alone
    ):
        with pytest.raises(ConflictError, match="ended before: completed with outcome 'yes' by"):
            answering.complete(of(ENDED, HUMAN), request, answer, AT)
    with pytest.raises(ConflictError, match="ended before"):
        answering.reject(of(ENDED, HUMAN), WHY, AT)


def test_what_is_rejected_has_failed_for_a_reason():
    change = answering.reject(of(CLAIMED, HUMAN), WHY, AT)
    assert change is not None
    result = change.task.result
    assert result is not None
    assert change.task.status is result.status is TaskStatus.FAILED
    assert (result.outcome, result.error, result.error_type) == ("rejected", "why", "rejected")
    assert change.task.clock.wake_at is None
    assert answering.reject(of(change.task, HUMAN), WHY, AT) is None
    with pytest.raises(BadInputError):
        answering.reject(of(CLAIMED, HUMAN), ANN, AT)


def test_whoever_did_the_one_does_not_do_the_other():
    first = replace(ENDED, task_id="task-0", spec_id="first")
    for found in (of(READY, HUMAN, first), of(replace(READY, assignee="ann"), HUMAN, first)):
        for doing in ("claim", "complete", "reject"):
            told = everything(found, WHY)[doing]
            assert isinstance(told, FourEyesError)
            assert "ann did 'first'" in str(told)
    assert isinstance(everything(of(CLAIMED, HUMAN, first), WHY)["complete"], FourEyesError)
    for group in ([first], [replace(first, spec_id="third")], []):
        assert handling.claim(of(READY, HUMAN, *group), BOB, AT)
    assert handling.claim(of(READY, HUMAN, replace(first, spec_id="third")), ANN, AT)


def test_a_claim_of_before_does_not_count_for_what_was_opened_again():
    again = replace(READY, claimed_by="bob")
    assert handling.claim(of(again), ANN, AT)


def test_every_end_stops_the_clock():
    for change in (
        answering.complete(of(READY), ANN, YES, AT),
        answering.reject(of(READY), WHY, AT),
    ):
        assert change is not None
        assert change.task.status in FINAL
        assert change.task.clock == TaskClock()
