"""The two streams that are ours: events in (a work queue) and events out (a log).

Made by `connection` where they are missing; one that exists is left as its owner made it. Streams
that sources name are their owners' to make.
"""

from datetime import timedelta

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

INBOX_STREAM = "ACTIVITY_CORE_INBOX"
INBOX_SUBJECTS = "events.>"
EVENTS_STREAM = "ACTIVITY_CORE_EVENTS"
EMITTED = "emitted."
"""Subject prefix for the events that definitions emit; our own keep their type as subject."""

DUPLICATE_WINDOW = timedelta(minutes=10)
"""How long the server drops a repeated `Nats-Msg-Id`; later repeats carry the same event id."""
MAX_BYTES = 1 << 30
KEEP_OUTBOUND = timedelta(days=7)


async def ensure_streams(stream: JetStreamContext) -> None:
    """Make those of the two that are missing."""
    for config in (_inbox(), _events()):
        try:
            await stream.stream_info(str(config.name))
        except NotFoundError:
            await stream.add_stream(config)


def _inbox() -> StreamConfig:
    """A message stays until it is in our inbox; when full, senders are refused, nothing is lost."""
    return StreamConfig(
        name=INBOX_STREAM,
        subjects=[INBOX_SUBJECTS],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=MAX_BYTES,
    )


def _events() -> StreamConfig:
    return StreamConfig(
        name=EVENTS_STREAM,
        subjects=["activity-core.>", f"{EMITTED}>"],
        storage=StorageType.FILE,
        max_bytes=MAX_BYTES,
        max_age=KEEP_OUTBOUND.total_seconds(),
        duplicate_window=DUPLICATE_WINDOW.total_seconds(),
    )
