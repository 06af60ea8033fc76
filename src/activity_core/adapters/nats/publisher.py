"""Events out to NATS: confirmed, deduplicated by `Nats-Msg-Id`, subject = the event's type."""

from nats.errors import Error as NatsError
from nats.js.api import Header
from nats.js.errors import NoStreamResponseError

from activity_core.adapters.nats.connection import NatsConnection, unavailable
from activity_core.adapters.nats.streams import EMITTED
from activity_core.core.definition.work import OURS

TIMEOUT = 5.0


class NatsPublisher:
    """Publishes to the outbound stream, which has one order for all keys."""

    def __init__(self, connection: NatsConnection) -> None:
        self._connection = connection

    async def publish(self, event_id: str, event_type: str, body: bytes, *, key: str) -> None:
        """Returns once the stream has stored it.

        Raises:
            UnavailableError: not confirmed.
        """
        del key
        stream = await self._connection.jetstream()
        subject = event_type if event_type.startswith(OURS) else EMITTED + event_type
        headers = {
            Header.MSG_ID.value: event_id,
            "content-type": "application/cloudevents+json",
        }
        try:
            await stream.publish(subject, body, timeout=TIMEOUT, headers=headers)
        except NoStreamResponseError as error:
            await self._connection.restore_streams()
            raise unavailable(error) from error
        except (NatsError, TimeoutError, OSError) as error:
            raise unavailable(error) from error
