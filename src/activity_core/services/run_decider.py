"""The decider: from a claimed run to what is recorded about it, or to what must be asked first.

Called by `services.run_recorder` and `case_turns` inside their transactions. Whatever goes wrong
with one run becomes the failure of that run; only an outage is everybody's.
"""

from collections.abc import Mapping
from datetime import datetime

import structlog

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.source import ContextSourceConfig
from activity_core.core.errors import UnavailableError
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.announcing import RunVoice
from activity_core.core.run.progress import Patience, SourceStep
from activity_core.core.run.record import EXPECTED, decided, failed, failure_of
from activity_core.core.run.run import ClaimedRun, RunFailure, RunRecord
from activity_core.services.run_context import ContextReader

_log = structlog.get_logger(__name__)


class RunDecider:
    """Decides the runs of one deployment; `config` is its map that definitions may read."""

    def __init__(
        self, reader: ContextReader, *, config: Mapping[str, JsonValue], deployment: str
    ) -> None:
        self._reader = reader
        self._config = config
        self._deployment = deployment

    async def decide(
        self,
        run: ClaimedRun,
        definition: ActivityDefinition,
        calendars: Mapping[str, Calendar],
        at: datetime,
    ) -> RunRecord | list[SourceStep]:
        """The record to be written, or the sources that must be asked one by one before.

        Raises:
            UnavailableError: a part of ours cannot be reached.
        """
        voice = RunVoice.of(run, self._deployment, at)
        try:
            gathered = await self._reader.read_local(run, definition)
            if gathered.missing:
                return [_step(name, definition.context[name]) for name in gathered.missing]
            return decided(voice, definition, gathered.context, self._config, calendars)
        except UnavailableError:
            raise
        except EXPECTED as error:
            return failed(voice, failure_of(error))
        except Exception as error:  # noqa: BLE001 - one bad run never harms its neighbours
            _log.exception("run_not_decided", run_id=run.run_id)
            return failed(voice, failure_of(error))

    def refused(self, run: ClaimedRun, failure: RunFailure, at: datetime) -> RunRecord:
        """The record of a run that cannot be carried out."""
        return failed(RunVoice.of(run, self._deployment, at), failure)


def _step(name: str, source: ContextSourceConfig) -> SourceStep:
    backoff = source.retry.backoff
    return SourceStep(
        name,
        Patience(
            source.retry.max_attempts,
            backoff.first.total_seconds(),
            backoff.longest.total_seconds(),
            source.timeout.total_seconds(),
        ),
    )
