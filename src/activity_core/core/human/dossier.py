"""What is known of a human task when somebody wants to do something with it, and who may.

In: the task under lock, its template, the tasks beside it, and what a person asks for. Out:
nothing, or the error that says who has it, what state it is in and what to do next. Who is in a
group is not known here: a task for groups is anybody's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from activity_core.core.definition.human_task import HumanTask
from activity_core.core.errors import ConflictError
from activity_core.core.human.errors import FourEyesError, StaleError
from activity_core.core.human.log import Action, LogEntry
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.task import FINAL, TaskInstance, TaskStatus


@dataclass(frozen=True, slots=True)
class Request:
    """What every request of a person says.

    Attributes:
        by: the person; `via`: the API key that speaks for the person.
        revision: of the task that the person saw; None: whatever it is now.
    """

    by: str
    via: str = ""
    comment: str = ""
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A new state, and the line that tells of it."""

    task: TaskInstance
    entry: LogEntry


@dataclass(frozen=True, slots=True)
class Dossier:
    """A task as it is stored.

    Attributes:
        human: what its template says; None if no template made it (help with a compensation).
        group: the tasks of the same rule and item.
    """

    task: TaskInstance
    human: HumanTask | None
    group: Sequence[TaskInstance] = ()

    @property
    def subject(self) -> str:
        """Of errors."""
        return f"task {self.task.task_id}"

    @property
    def holder(self) -> str | None:
        """Who has it now."""
        return self.task.claimed_by if self.task.status is TaskStatus.CLAIMED else None

    def check_person(self) -> None:
        """It is for people.

        Raises:
            ConflictError: a machine does it.
        """
        if self.task.kind is not TaskKind.HUMAN:
            raise ConflictError(
                f"it is an automated task ({self.task.kind})",
                subject=self.subject,
                hint="only tasks of kind human are for people",
            )

    def check_open(self, request: Request) -> None:
        """People can do something with it, and the caller has seen it as it is.

        Raises:
            ConflictError: it is over, or waits for other tasks.
            StaleError: it changed since the caller looked.
        """
        if self.task.status in FINAL:
            raise self._over()
        if self.task.status is TaskStatus.PENDING:
            raise ConflictError(
                "it still waits for other tasks", subject=self.subject, hint="see its `needs`"
            )
        self.check_revision(request)

    def check_revision(self, request: Request) -> None:
        """The caller has seen it as it is, or did not say.

        Raises:
            StaleError: it changed since the caller looked.
        """
        if request.revision is not None and request.revision != self.task.revision:
            raise StaleError(
                f"it is at revision {self.task.revision}, not {request.revision}",
                subject=self.subject,
                hint="look at it again",
            )

    def check_holder(self, by: str) -> None:
        """Nobody else has it.

        Raises:
            ConflictError: somebody else has; the error names them.
        """
        if self.holder not in {None, by}:
            raise ConflictError(
                f"{self.holder} has claimed it",
                subject=self.subject,
                hint=f"{self.holder} can unclaim, return or delegate it",
            )

    def check_may_do(self, by: str) -> None:
        """A person may claim it and end it.

        Raises:
            ConflictError: somebody else has it, or it is for one other person.
            FourEyesError: the person did one of the tasks that `not_same_as` names.
        """
        self.check_holder(by)
        if self.task.assignee not in {None, by}:
            raise ConflictError(
                f"it is assigned to {self.task.assignee}",
                subject=self.subject,
                hint=f"delegate it to {by} first",
            )
        barred = self.human.not_same_as if self.human else ()
        for other in self.group:
            if other.spec_id in barred and other.result and other.result.by == by:
                raise FourEyesError(
                    f"{by} did {other.spec_id!r}, so somebody else has to do this one",
                    subject=self.subject,
                    hint="return it, or delegate it to somebody else",
                )

    def changed(
        self,
        task: TaskInstance,
        action: Action,
        request: Request,
        at: datetime,
        data: dict[str, JsonValue] | None = None,
    ) -> Change:
        """The next revision, and its line."""
        entry = LogEntry(action, at, request.by, request.via, request.comment, data or {})
        return Change(replace(task, revision=self.task.revision + 1), entry)

    def _over(self) -> ConflictError:
        result = self.task.result
        by = f" by {result.by}" if result and result.by else ""
        how = f" with outcome {result.outcome!r}" if result else ""
        return ConflictError(
            f"it ended before: {self.task.status}{how}{by}",
            subject=self.subject,
            hint="see its log",
        )
