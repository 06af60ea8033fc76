"""The letter reader: a dead letter becomes events again, judged by what is in force now.

In: a dead letter, of a broker or of the router. Out: envelopes as they may be stored, or the error
that says why there are none. Signed times are judged by when its broker got it.
"""

from collections.abc import Iterable, Sequence

from activity_core.core.admission.subjects import takes_subject
from activity_core.core.definition.event_source import EventSource
from activity_core.core.errors import NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.message import Message
from activity_core.core.jsontext import parse_json
from activity_core.ports.dead_letters import DeadLetter
from activity_core.ports.entrances import EntranceEntry
from activity_core.services.gate import Gate
from activity_core.services.message_reader import MessageReader

ROUTER = "router"


class LetterReader:
    """Reads for one tenant. `inbox`: the NATS stream that no source needs to claim."""

    def __init__(self, reader: MessageReader, gate: Gate, *, max_depth: int, inbox: str) -> None:
        self._reader = reader
        self._gate = gate
        self._max_depth = max_depth
        self._inbox = inbox

    async def events(self, letter: DeadLetter) -> Sequence[EventEnvelope]:
        """What it says.

        Raises:
            NotFoundError: the source that it came by is gone.
            ActivityCoreError: it is still no event, or may still not come in.
        """
        if letter.via == ROUTER:  # it was let in before
            return [EventEnvelope.from_json(parse_json(letter.body, max_depth=self._max_depth))]
        source = await self._source(letter)
        if source is None:
            self._gate.let_unlisted(f"{letter.via} {letter.subject}")
        message = Message(
            body=letter.body,
            headers={name.lower(): value for name, value in letter.headers.items()},
            place=f"dead letter {letter.dead_letter_id}",
            default_id=f"{letter.via}:{letter.dead_letter_id}",
        )
        came_at = letter.sent_at or letter.buried_at
        events = await self._reader.read(source, message, letter.via, came_at)
        return [self._gate.admitted(event, source) for event in events]

    async def _source(self, letter: DeadLetter) -> EventSource | None:
        """The source that it came by, or the one that has claimed its subject since."""
        sources = (await self._gate.entrances()).sources
        if not letter.source_id:
            return self._claimant(letter, sources.values())
        entry = sources.get(letter.source_id)
        if entry is None or entry.retired:
            raise NotFoundError(
                "the source that it came by is gone",
                subject=f"source {letter.source_id}",
                hint="apply it again, or discard the letter",
            )
        return entry.part

    def _claimant(
        self, letter: DeadLetter, entries: Iterable[EntranceEntry[EventSource]]
    ) -> EventSource | None:
        for entry in entries:
            way = entry.part.nats_
            if letter.via != "nats" or entry.retired or way is None or way.stream != self._inbox:
                continue
            if takes_subject(way.subjects, letter.subject):
                return entry.part
        return None
