"""The brokers of an installation: links made from the settings, when first needed.

`agents` asks for consumers and the publisher, the API's readiness for checks. A broker that no
setting names is only missed by what needs it.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property

from activity_core.adapters.kafka.connection import KafkaConnection
from activity_core.adapters.kafka.consumer import KafkaConsumer
from activity_core.adapters.kafka.publisher import KafkaPublisher
from activity_core.adapters.kafka.settings import KafkaSettings, Sasl, Tls
from activity_core.adapters.nats.connection import NatsConnection
from activity_core.adapters.nats.consumer import NatsConsumer
from activity_core.adapters.nats.publisher import NatsPublisher
from activity_core.adapters.nats.settings import NatsSettings
from activity_core.adapters.rabbitmq.connection import RabbitmqConnection
from activity_core.adapters.rabbitmq.consumer import RabbitmqConsumer
from activity_core.adapters.rabbitmq.publisher import RabbitmqPublisher
from activity_core.adapters.rabbitmq.settings import RabbitmqSettings
from activity_core.adapters.secrets import resolve_secret
from activity_core.bootstrap.required import required
from activity_core.core import ids
from activity_core.core.definition.event_source import EventSource
from activity_core.ports.broker import Consumer, Publisher
from activity_core.ports.clock import Clock
from activity_core.settings import Settings

Check = Callable[[], Awaitable[None]]


class Brokers:
    """Links to the brokers; each is shared by everything in the process."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

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
                make_streams=settings.nats_make_streams,
                inbox_prefix=settings.nats_inbox_prefix,
            )
        )

    @cached_property
    def kafka(self) -> KafkaConnection:
        """Kafka.

        Raises:
            ConfigurationError: no setting says where it is, or its password is missing.
        """
        servers = required(
            self._settings.kafka_servers, "ACTIVITY_CORE_KAFKA_SERVERS", "127.0.0.1:9092"
        )
        return KafkaConnection(
            KafkaSettings(servers, sasl=_sasl(self._settings), tls=_kafka_tls(self._settings))
        )

    @cached_property
    def rabbitmq(self) -> RabbitmqConnection:
        """RabbitMQ.

        Raises:
            ConfigurationError: no setting says where it is, or the secret is missing.
        """
        return RabbitmqConnection(_rabbitmq(self._settings))

    @cached_property
    def rabbitmq_out(self) -> RabbitmqConnection:
        """A link of the relay's own; raises what `rabbitmq` does.

        A server short of memory reads no more from who publishes, and acknowledgements on the same
        link would wait too.
        """
        return RabbitmqConnection(_rabbitmq(self._settings))

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
        if source is None:
            return NatsConsumer(self.nats)
        name = ids.consumer_name(self._settings.deployment, source.id)
        if kafka := source.kafka_:
            return KafkaConsumer(self.kafka, group=name, topics=kafka.topics)
        if rabbitmq := source.rabbitmq_:
            return RabbitmqConsumer(self.rabbitmq, self._clock, queue=rabbitmq.queue)
        nats = source.nats_
        assert nats is not None  # noqa: S101 - `Intakes` asks for sources of brokers only
        return NatsConsumer(
            self.nats,
            durable=name,
            stream=nats.stream,
            subjects=nats.subjects,
        )

    @cached_property
    def publisher(self) -> Publisher:
        """Where our own events go."""
        match self._settings.events_to:
            case "kafka":
                return KafkaPublisher(self.kafka)
            case "rabbitmq":
                return RabbitmqPublisher(self.rabbitmq_out)
            case "nats":
                return NatsPublisher(self.nats)

    async def close(self) -> None:
        """Drop every link that was made."""
        made = self.__dict__  # a cached property is there once it was asked for
        if isinstance(publisher := made.get("publisher"), KafkaPublisher):
            await publisher.close()
        for name in ("nats", "kafka", "rabbitmq", "rabbitmq_out"):
            if name in made:
                await made[name].forget()


def _sasl(settings: Settings) -> Sasl | None:
    if settings.kafka_username is None or settings.kafka_password is None:
        return None
    return Sasl(
        settings.kafka_username,
        resolve_secret(settings.kafka_password),
        settings.kafka_mechanism,
    )


def _kafka_tls(settings: Settings) -> Tls | None:
    if not settings.kafka_tls:
        return None
    return Tls(settings.kafka_tls_ca, settings.kafka_tls_cert, settings.kafka_tls_key)


def _rabbitmq(settings: Settings) -> RabbitmqSettings:
    url = required(
        settings.rabbitmq_url, "ACTIVITY_CORE_RABBITMQ_URL", "env:A_VARIABLE_WITH_AMQP_URL"
    )
    return RabbitmqSettings(
        url=resolve_secret(url),
        tls_ca=settings.rabbitmq_tls_ca,
        tls_cert=settings.rabbitmq_tls_cert,
        tls_key=settings.rabbitmq_tls_key,
    )
