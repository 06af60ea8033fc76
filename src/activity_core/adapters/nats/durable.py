"""The durable consumer of a source: bound if it is there, made if not, and given room.

Called by `consumer` whenever it begins. A work queue takes no two consumers whose subjects overlap.
So one of ours that nobody asks any more, and that takes what this one is to take, is removed: that
of all and sundry once a source claims their stream, and those of its sources once none does. What
they had not acknowledged stays in the queue.
"""

from collections.abc import Sequence

import structlog
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, RetentionPolicy, StreamInfo
from nats.js.errors import BadRequestError, NotFoundError

from activity_core.core.admission.subjects import subjects_overlap
from activity_core.core.errors import UnavailableError

log = structlog.get_logger(__name__)

DURABLE = "activity-core"
"""Of the inbox stream, as long as no source claims it."""
ACK_WAIT = 30.0
"""Seconds until an unsettled message is delivered again."""
MAX_ACK_PENDING = 1_000
OVERLAPS = (10_099, 10_100)
"""Codes of the server: another consumer of the work queue takes everything, or these subjects."""


async def bind(
    stream: JetStreamContext, info: StreamInfo, durable: str, subjects: Sequence[str]
) -> None:
    """Have the durable there, for these subjects (none: all that the stream has).

    One that exists is left as it is, but for its subjects.

    Raises:
        UnavailableError: somebody else takes these subjects of a work queue.
        nats.errors.Error: whatever else NATS refuses.
    """
    name = str(info.config.name)
    config = _config(durable, subjects)
    try:
        existing = await stream.consumer_info(name, durable)
    except NotFoundError:
        await _make(stream, info, config)
        return
    if set(_subjects(existing.config, info)) == set(_subjects(config, info)):
        return
    if _is_queue(info):
        # Changed, it would go on behind messages that it has not looked at under the old subjects.
        await stream.delete_consumer(name, durable)
        await _make(stream, info, config)
        return
    await stream.add_consumer(
        name,
        existing.config.evolve(
            filter_subject=config.filter_subject, filter_subjects=config.filter_subjects
        ),
    )


def _config(durable: str, subjects: Sequence[str]) -> ConsumerConfig:
    """Delivered without bound: we bury what cannot be processed ourselves (NATS only advises)."""
    return ConsumerConfig(
        name=durable,
        durable_name=durable,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT,
        max_deliver=-1,
        max_ack_pending=MAX_ACK_PENDING,
        # A single one is part of the subject of the request, where permissions can be given for it.
        filter_subject=subjects[0] if len(subjects) == 1 else None,
        filter_subjects=list(subjects) if len(subjects) > 1 else None,
    )


async def _make(stream: JetStreamContext, info: StreamInfo, config: ConsumerConfig) -> None:
    name = str(info.config.name)
    try:
        await stream.add_consumer(name, config)
    except BadRequestError as error:
        if error.err_code not in OVERLAPS:
            raise
        await _make_room(stream, info, config)
        await stream.add_consumer(name, config)


async def _make_room(stream: JetStreamContext, info: StreamInfo, config: ConsumerConfig) -> None:
    name = str(info.config.name)
    in_the_way = [
        other
        for other in await stream.consumers_info(name)
        if _overlap(_subjects(other.config, info), _subjects(config, info))
    ]
    for other in in_the_way:
        if not _is_ours(other) or other.num_waiting:
            raise UnavailableError(
                f"NATS: consumer {other.name} takes the same subjects of the work queue {name}",
                hint="let only one consume them; it is tried again by itself",
            )
    for other in in_the_way:
        log.info("nats_consumer_removed", stream=name, removed=other.name, by=config.name)
        await stream.delete_consumer(name, other.name)


def _subjects(config: ConsumerConfig, info: StreamInfo) -> Sequence[str]:
    if config.filter_subjects:
        return config.filter_subjects
    return [config.filter_subject] if config.filter_subject else info.config.subjects or [">"]


def _overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    return any(subjects_overlap(mine, theirs) for mine in one for theirs in other)


def _is_ours(info: ConsumerInfo) -> bool:
    return info.name == DURABLE or info.name.startswith(f"{DURABLE}-")


def _is_queue(info: StreamInfo) -> bool:
    return info.config.retention == RetentionPolicy.WORK_QUEUE
