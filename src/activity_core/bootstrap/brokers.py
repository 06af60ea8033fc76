"""The brokers of an installation: links made from the settings, when first needed.

`agents` asks for consumers and the publisher, the API's readiness for checks. A broker that no
setting names is only missed by what needs it.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property

from activity_core.adapters.kafka.connection import KafkaConnection, KafkaSettings
from activity_core.adapters.kafka.consumer import KafkaConsumer
from activity_core.adapters.kafka.publisher import KafkaPublisher
from activity_core.adapters.nats.connection import INBOX_STREAM, NatsConnection, NatsSettings
from activity_core.adapters.nats.consumer import DURABLE, NatsConsumer
from activity_core.adapters.nats.publisher import NatsPublisher
from activity_core.adapters.rabbitmq.connection import RabbitmqConnection, RabbitmqSettings
from activity_core.adapters.rabbitmq.consumer import RabbitmqConsumer
from activity_core.adapters.rabbitmq.publisher import RabbitmqPublisher
from activity_core.adapters.secrets import resolve_secret
from activity_core.bootstrap.required import required
from activity_core.core.definition.event_source import EventSource
from activity_core.ports.broker import Consumer, Publisher
from activity_core.settings import Settings

Check = Callable[[], Awaitable[None]]


class Brokers:
    """Links to the brokers; each is shared by everything in the process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def nats(self) -> NatsConnection:
        """NATS.

        Raises:
            ConfigurationError: no setting says where it is.
        """
        settings = self._settings
        return NatsConnection(
            NatsSettings(
                url=required(settings.nats_url, "ACTIVITY_CORE_NATS_URL", "nats://127.0.0.1:4222"),
                credentials=settings.nats_credentials,
                tls_ca=settings.nats_tls_ca,
                tls_cert=settings.nats_tls_cert,
                tls_key=settings.nats_tls_key,
                monitor_url=settings.nats_monitor_url,
            )
        )

    @cached_property
    def kafka(self) -> KafkaConnection:
        """Kafka.

        Raises:
            ConfigurationError: no setting says where it is, or its password is missing.
        """
        settings = self._settings
        password = settings.kafka_password
        return KafkaConnection(
            KafkaSettings(
                servers=required(
                    settings.kafka_servers, "ACTIVITY_CORE_KAFKA_SERVERS", "127.0.0.1:9092"
                ),
                security=settings.kafka_security,
                mechanism=settings.kafka_mechanism,
                username=settings.kafka_username,
                password=resolve_secret(password) if password else None,
                tls_ca=settings.kafka_tls_ca,
                tls_cert=settings.kafka_tls_cert,
                tls_key=settings.kafka_tls_key,
            )
        )

    @cached_property
    def rabbitmq(self) -> RabbitmqConnection:
        """RabbitMQ.

        Raises:
            ConfigurationError: no setting says where it is, or the secret is missing.
        """
        settings = self._settings
        url = required(
            settings.rabbitmq_url, "ACTIVITY_CORE_RABBITMQ_URL", "env:A_VARIABLE_WITH_AMQP_URL"
        )
        return RabbitmqConnection(
            RabbitmqSettings(
                url=resolve_secret(url),
                tls_ca=settings.rabbitmq_tls_ca,
                tls_cert=settings.rabbitmq_tls_cert,
                tls_key=settings.rabbitmq_tls_key,
            )
        )

    @property
    def checks(self) -> Mapping[str, Check]:
        """Whether the brokers that the settings name answer now; UnavailableError if not."""
        settings = self._settings
        checks: dict[str, Check] = {}
        if settings.nats_url:
            checks["nats"] = self.nats.check
        if settings.kafka_servers:
            checks["kafka"] = self.kafka.check
        if settings.rabbitmq_url:
            checks["rabbitmq"] = self.rabbitmq.check
        return checks

    def consumer(self, source: EventSource | None) -> Consumer:
        """What a source sends; None: the inbox stream of NATS."""
        name = f"activity-core-{self._settings.deployment}-{source.id}" if source else DURABLE
        if source is not None and (kafka := source.kafka_):
            return KafkaConsumer(self.kafka, group=name, topics=kafka.topics)
        if source is not None and (rabbitmq := source.rabbitmq_):
            return RabbitmqConsumer(self.rabbitmq, queue=rabbitmq.queue)
        if source is not None and (nats := source.nats_):
            return NatsConsumer(self.nats, durable=name, stream=nats.stream, subjects=nats.subjects)
        return NatsConsumer(self.nats, durable=DURABLE, stream=INBOX_STREAM, subjects=())

    def publisher(self) -> Publisher:
        """Where our own events go."""
        match self._settings.events_to:
            case "kafka":
                return KafkaPublisher(self.kafka)
            case "rabbitmq":
                return RabbitmqPublisher(self.rabbitmq)
            case "nats":
                return NatsPublisher(self.nats)

    async def close(self) -> None:
        """Drop every link that was made."""
        for name in ("nats", "kafka", "rabbitmq"):
            link = self.__dict__.get(name)  # only what was made is there
            if link is not None:
                await link.forget()
