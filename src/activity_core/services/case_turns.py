"""The turns of one transaction: events and timers of a case in the order in which they came.

In: a case under lock with its queue. Out: the work to be written, and how far the case is then.
Nothing is written here; `services.case_keeper` does, at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from activity_core.core import ids
from activity_core.core.case.case import Case, CaseStatus
from activity_core.core.case.progress import LONGEST_SHOWN, CaseProgress
from activity_core.core.case.timers import TimerDue, due_timer, next_timer
from activity_core.core.case.turn import Turn, after, turn, version_for
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.errors import ExpressionError
from activity_core.core.expression.condition import rfc3339
from activity_core.core.jsontext import canonical_json
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.run.errors import LimitExceededError
from activity_core.core.run.progress import SourceStep
from activity_core.core.run.record import failure_of
from activity_core.core.run.run import ClaimedRun, RunFailure, RunRecord, RunStatus
from activity_core.ports.cases import CaseWork, OpenCase, QueuedRun
from activity_core.services.catalogue import Catalogue
from activity_core.services.run_decider import RunDecider


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a run fails without being decided: the one with this id, or whichever is the first."""

    failure: RunFailure
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What the turns came to."""

    progress: CaseProgress
    records: Sequence[RunRecord] = ()


class CaseTurns:
    """Turns of one open case at one instant."""

    def __init__(
        self,
        opened: OpenCase,
        catalogue: Catalogue,
        decider: RunDecider,
        now: datetime,
        *,
        tenant: str,
    ) -> None:
        self._catalogue = catalogue
        self._decider = decider
        self._now = now
        self._tenant = tenant
        self._queue = list(opened.queued)
        self._fired: list[QueuedRun] = []
        self._runs: list[ClaimedRun] = []
        self._records: list[RunRecord] = []
        self._case = opened.case

    async def take(self, limit: int, refusal: Refusal | None) -> Taken:
        """Up to `limit` of them."""
        waiting, sources = "", list[SourceStep]()
        while len(self._records) < limit and (queued := self._first()) is not None:
            run = self._by_version(queued.run)
            self._runs.append(run)
            refused = refusal and refusal.run_id in ("", run.run_id)
            outcome = self._refused(run, refusal.failure) if refused and refusal else None
            found = outcome or await self._decided(run)
            if isinstance(found, list):
                waiting, sources = run.run_id, found
                break
            refusal = None if refused else refusal
            self._keep(queued, *found)
        return Taken(self._progress(waiting, sources), self._records)

    @property
    def work(self) -> CaseWork:
        """What is to be written of the turns that were taken."""
        wakes = self._wakes()
        return CaseWork(self._case, self._fired, self._runs, self._records, wakes)

    def _first(self) -> QueuedRun | None:
        """What came first: a run of the queue, or a timer that was due before it came."""
        first = self._queue[0] if self._queue else None
        if first is not None and first.run.occurrence.timer:
            return first
        until = self._now if first is None else min(self._now, first.at)
        due = due_timer(self._definition, self._case, until)
        if due is None:
            return first
        fired = self._fire(due)
        self._fired.append(fired)
        self._queue.insert(0, fired)
        return fired

    def _fire(self, due: TimerDue) -> QueuedRun:
        case = self._case
        key = ids.occurrence_of_timer(case.case_id, due.name, due.at)
        run = ClaimedRun(
            ids.run_id(self._tenant, case.definition_id, key),
            case.definition_id,
            case.version,
            Occurrence(key, TriggerKind.TIMER, timer=due.name),
            attempt=1,
            status=RunStatus.RUNNING,
            recorded=False,
        )
        return QueuedRun(run, due.at)

    def _by_version(self, run: ClaimedRun) -> ClaimedRun:
        """With the version that takes it; the case comes to that version."""
        matched = self._catalogue.get((run.definition_id, run.version))
        version = version_for(self._case, matched, run.version)
        self._case = replace(self._case, version=version)
        return replace(run, version=version)

    async def _decided(self, run: ClaimedRun) -> tuple[RunRecord, Turn | None] | list[SourceStep]:
        definition = self._definition
        try:
            taken = turn(definition, self._case.state, run.occurrence)
        except (ExpressionError, LimitExceededError) as error:
            return self._refused(run, failure_of(error))
        seen = replace(run, occurrence=replace(run.occurrence, state=taken.state))
        calendars = self._catalogue.calendars
        outcome = await self._decider.decide(seen, definition, calendars, self._now)
        if not isinstance(outcome, RunRecord):
            return outcome
        return outcome, None if outcome.status is RunStatus.FAILED else taken

    def _refused(self, run: ClaimedRun, failure: RunFailure) -> tuple[RunRecord, None]:
        return self._decider.refused(run, failure, self._now), None

    def _keep(self, queued: QueuedRun, record: RunRecord, taken: Turn | None) -> None:
        self._queue.pop(0)
        if record.status is RunStatus.RUNNING:  # nobody carries it out yet
            record = replace(record, status=RunStatus.PENDING)
        self._records.append(record)
        self._case = after(self._case, queued.run.occurrence, queued.at, taken)

    def _progress(self, waiting: str, sources: list[SourceStep]) -> CaseProgress:
        is_over = self._case.is_ending and not self._queue
        if is_over:
            self._case = replace(self._case, status=CaseStatus.CLOSED, closed_at=self._now)
        wakes = self._wakes()
        return CaseProgress(
            taken=len(self._records),
            closed=is_over,
            more=bool(self._queue) and not waiting,
            run_id=waiting,
            sources=sources,
            wake_in=max((wakes.at - self._now).total_seconds(), 0.0) if wakes else None,
            waiting_for=f"{wakes.name} {rfc3339(wakes.at)}" if wakes else "",
            state=_shown(self._case),
        )

    def _wakes(self) -> TimerDue | None:
        if self._case.status is CaseStatus.CLOSED:
            return None
        return next_timer(self._definition, self._case)

    @property
    def _definition(self) -> ActivityDefinition:
        return self._catalogue.get((self._case.definition_id, self._case.version))


def _shown(case: Case) -> str:
    text = canonical_json(dict(case.state or {}))
    return text.decode() if len(text) <= LONGEST_SHOWN else ""
