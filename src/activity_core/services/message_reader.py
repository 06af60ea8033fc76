"""The message reader: a message of a source becomes events, once it has proved where it is from.

In: messages of webhooks (from the API) and of brokers (from `intake`, and from the dead letters
again). Out: envelopes, or the error that says why there are none. Nothing is stored here.
"""

from collections.abc import Sequence
from datetime import datetime

from activity_core.core.admission.mapping import events_of
from activity_core.core.admission.message_body import proof_headers
from activity_core.core.admission.presets import event_map_of
from activity_core.core.definition.event_source import EventSource
from activity_core.core.errors import ActivityCoreError
from activity_core.core.event.binding import decode_http, decode_message
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.message import Message
from activity_core.services.verifier import Verifier


class MessageReader:
    """`max_depth`: levels of JSON; `max_events`: of one message."""

    def __init__(self, verifier: Verifier, *, max_depth: int, max_events: int) -> None:
        self._verifier = verifier
        self._max_depth = max_depth
        self._max_events = max_events

    async def read(
        self, source: EventSource | None, message: Message, protocol: str, at: datetime
    ) -> Sequence[EventEnvelope]:
        """The events of a message that came by `protocol` (`http`, `nats`, `kafka`, `rabbitmq`).

        `at`: when it came; signed times are judged by it. Of a message that no source lists
        nothing is asked but that it be a CloudEvent.

        Raises:
            UnverifiedError: it does not prove that it is from the source.
            BadInputError: it is no event, and cannot be mapped to one.
            UnavailableError: the secrets, or the issuer's keys, cannot be reached.
        """
        way = source.mapped if source else None
        if way is not None and way.verify is not None:
            await self._verifier.verify(way.verify, message, at)
        if source is not None and way is not None and (event_map := event_map_of(way)):
            return events_of(
                event_map,
                message,
                source_id=source.id,
                max_depth=self._max_depth,
                max_events=self._max_events,
                hidden=proof_headers(way.verify),
            )
        if protocol == "http":
            return self._cloud_events(message)
        return [decode_message(message, protocol=protocol, max_depth=self._max_depth)]

    def _cloud_events(self, message: Message) -> Sequence[EventEnvelope]:
        decoded = decode_http(
            message.headers, message.body, max_depth=self._max_depth, max_events=self._max_events
        )
        events = []
        for item in decoded.items:
            if isinstance(item, ActivityCoreError):
                raise item
            events.append(item)
        return events
