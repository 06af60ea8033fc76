"""Which topics a cluster has, with the id that tells a topic from a later one of the same name.

Kafka gives them ids since 3.0, in a version of the metadata request that aiokafka does not speak.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO

from aiokafka.errors import TopicAuthorizationFailedError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from activity_core.core.errors import UnavailableError

_NO_ID = bytes(16)
_TEXT = CompactString("utf-8")


class _Uuid(AbstractType[bytes]):
    """Sixteen bytes."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


class _Response(Response):
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", _TEXT),
                ("port", Int32),
                ("rack", _TEXT),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Request(RequestStruct):
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", _Uuid), ("topic", _TEXT), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class TopicsRequest(Request[MetadataRequest_v5 | _Request]):
    """Asks for these topics, and makes none that is missing."""

    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def build(
        self, request_struct_class: type[MetadataRequest_v5 | _Request]
    ) -> MetadataRequest_v5 | _Request:
        """In the newest version that the server knows too."""
        if request_struct_class is _Request:
            return _Request([(_NO_ID, name, {}) for name in self._topics], False, False, {})
        return MetadataRequest_v5(list(self._topics), False)


def incarnations(answer: Response) -> Mapping[str, str]:
    """What identifies each topic for ever: its id; of an old cluster, its name there.

    Raises:
        UnavailableError: one of them is missing, or not for us to see.
    """
    found: dict[str, str] = {}
    for topic in answer.to_object()["topics"]:
        name, error = topic["topic"], for_code(topic["error_code"])
        if error is UnknownTopicOrPartitionError:
            raise UnavailableError(
                "there is no such topic", subject=f"Kafka topic {name}", hint="create it"
            )
        if error is TopicAuthorizationFailedError:
            raise UnavailableError(
                "the cluster does not let us see it",
                subject=f"Kafka topic {name}",
                hint="allow our user to Describe and Read it",
            )
        if error.errno:
            raise UnavailableError(error.description, subject=f"Kafka topic {name}")
        topic_id = topic.get("topic_id", _NO_ID)
        found[name] = (
            f"{answer.to_object()['cluster_id']}.{name}"
            if topic_id == _NO_ID
            # As Kafka's own tools write it.
            else urlsafe_b64encode(topic_id).decode().rstrip("=")
        )
    return found
