"""Event sources: who may send events, by which way, and what is asked of them. `kind: source`.

Comes from `definition_file` or the store; `core.admission` judges by it, `services.reception` and
the intake of each broker carry it out. Versioned like definitions; the newest is in force.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictBool

from activity_core.core.definition.model import Expression, Model, OneOf, Slug, Text, Versioned
from activity_core.core.definition.trigger_pattern import TypePattern
from activity_core.core.definition.verification import Verification

SchemaPolicy = Literal["required", "validate", "ignore"]
"""`required`: only registered types; `validate`: registered ones must fit; `ignore`: no look."""
Preset = Literal["github", "stripe", "slack", "alertmanager"]
BrokerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,249}$", strict=True)]
"""Names of streams, topics and queues."""


class EventMap(Model):
    """CEL that makes an event of a message that is none, over `headers`, `body` and `item`.

    `headers` has lower-case names; `body` is the JSON (or form) as it came; `each` names a list of
    which every `item` becomes an event. Without `id`, it is derived from the bytes of the message
    and the item's place, so that a redelivery is the same event. `data` is the body by default,
    the item with `each`.
    """

    each: Expression | None = None
    id: Expression | None = None
    type: Expression
    source: Expression | None = None
    subject: Expression | None = None
    time: Expression | None = None
    data: Expression | None = None


class WebhookWay(Model):
    """`POST /v1/hooks/{id}`. Without `map` and `preset` the messages must be CloudEvents."""

    verify: Verification
    preset: Preset | None = None
    map: EventMap | None = None


class NatsWay(Model):
    """A JetStream stream, perhaps only some of its subjects."""

    stream: BrokerName
    subjects: Annotated[
        tuple[Annotated[str, Field(max_length=255)], ...], Field(max_length=50)
    ] = ()
    verify: Verification | None = None
    map: EventMap | None = None


class KafkaWay(Model):
    """Topics of the Kafka cluster."""

    topics: Annotated[tuple[BrokerName, ...], Field(min_length=1, max_length=50)]
    verify: Verification | None = None
    map: EventMap | None = None


class RabbitmqWay(Model):
    """A queue of the RabbitMQ broker."""

    queue: BrokerName
    verify: Verification | None = None
    map: EventMap | None = None


class ApiWay(Model):
    """`POST /v1/events` with one of these API keys, by their names."""

    keys: Annotated[tuple[Text, ...], Field(min_length=1, max_length=50)]


class Allowance(Model):
    """What a source may send; a final `*` stands for any rest."""

    types: Annotated[tuple[TypePattern, ...], Field(min_length=1, max_length=200)] = ("*",)
    sources: Annotated[tuple[TypePattern, ...], Field(min_length=1, max_length=50)] = ("*",)


class Rate(Model):
    """How many events a second, over time, and how many at once after a pause."""

    per_second: Annotated[float, Field(gt=0, le=100_000)]
    burst: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 100


BrokerWay = NatsWay | KafkaWay | RabbitmqWay
MappedWay = WebhookWay | BrokerWay


class EventSource(OneOf, Versioned):
    """Somebody who sends events, by exactly one way."""

    kinds: ClassVar[tuple[str, ...]] = ("webhook", "nats", "kafka", "rabbitmq", "api")

    kind: Literal["source"] = "source"
    id: Slug
    title: Text | None = None
    owner: Text | None = None
    enabled: StrictBool = True
    webhook_: WebhookWay | None = Field(default=None, alias="webhook")
    nats_: NatsWay | None = Field(default=None, alias="nats")
    kafka_: KafkaWay | None = Field(default=None, alias="kafka")
    rabbitmq_: RabbitmqWay | None = Field(default=None, alias="rabbitmq")
    api_: ApiWay | None = Field(default=None, alias="api")
    allow: Allowance = Allowance()
    schema_: SchemaPolicy = Field(default="validate", alias="schema")
    rate: Rate | None = None

    @property
    def way(self) -> str:
        """`webhook`, `nats`, `kafka`, `rabbitmq` or `api`."""
        return self.given

    @property
    def mapped(self) -> MappedWay | None:
        """What verifies and maps its messages; None for the API, whose keys do."""
        return self.webhook_ or self.nats_ or self.kafka_ or self.rabbitmq_
