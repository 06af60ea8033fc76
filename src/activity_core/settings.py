"""Settings, from the environment alone (`ACTIVITY_CORE_…`), checked once at the start.

Read by `bootstrap` and the CLI; nothing below them looks at the environment, but for secrets,
which are named here by reference and read where they are used.
"""

from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from activity_core.core.definition.connection import SecretRef
from activity_core.core.definition.duration import Duration
from activity_core.core.errors import ConfigurationError

RUNS_QUEUE = "activity-core-runs"


class Settings(BaseSettings):
    """Everything that differs between installations. Lists and maps are written as JSON."""

    model_config = SettingsConfigDict(env_prefix="ACTIVITY_CORE_", extra="ignore", frozen=True)

    deployment: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}$")] = "main"
    """Name of this installation: part of the source of every event that goes out."""
    tenant: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}$")] = "main"

    database_url: str | None = None
    database_pool: Annotated[int, Field(ge=2, le=200)] = 10
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    temporal_tls: bool = False
    temporal_tls_ca: str | None = None
    temporal_tls_cert: str | None = None
    temporal_tls_key: str | None = None
    temporal_api_key: SecretRef | None = None
    nats_url: str | None = None
    nats_credentials: str | None = None
    nats_tls_ca: str | None = None
    nats_tls_cert: str | None = None
    nats_tls_key: str | None = None
    nats_make_streams: bool = True
    """Whether our two streams are made where they are missing."""
    nats_inbox_prefix: str = "_INBOX"
    """Subjects of the server's answers to us; narrow it where accounts are shared."""
    nats_monitor_url: str | None = None
    """The server's monitoring address: readiness asks there how it syncs to disk."""
    kafka_servers: str | None = None
    """`host:port`, several with commas."""
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_username: str | None = None
    kafka_password: SecretRef | None = None
    kafka_tls: bool = False
    kafka_tls_ca: str | None = None
    kafka_tls_cert: str | None = None
    kafka_tls_key: str | None = None
    rabbitmq_url: SecretRef | None = None
    """Reference of the `amqp://` or `amqps://` address, which holds a password."""
    rabbitmq_tls_ca: str | None = None
    rabbitmq_tls_cert: str | None = None
    rabbitmq_tls_key: str | None = None
    events_to: Literal["nats", "kafka", "rabbitmq"] = "nats"
    """The broker that our own events go to."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    api_keys: dict[str, SecretRef] = Field(default_factory=dict)
    """Name → reference of each key; the name is the actor in logs and in the registry's log."""
    max_body_bytes: Annotated[int, Field(ge=1_024, le=16 << 20)] = 1 << 20
    max_json_depth: Annotated[int, Field(ge=1, le=64)] = 64
    max_batch_events: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    max_waiting_events: Annotated[int, Field(ge=1)] = 100_000
    """Events that may wait for the router before senders over HTTP are asked to come back later."""
    unlisted_senders: Literal["refuse", "allow"] = "refuse"
    """What becomes of events from API keys and NATS subjects that no source lists."""
    webhook_origins: list[str] = Field(default_factory=list)
    """Origins whose CloudEvents webhook handshake is answered; `*` is any."""
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_client_ca: str | None = None
    """With it, clients may show a certificate of this authority (sources with `mtls`)."""
    trusted_proxies: list[str] = Field(default_factory=list)
    """Networks whose `client_certificate_header` is believed."""
    client_certificate_header: str | None = None

    public_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] | None = None
    """Where the API is for others: what http tasks with a callback tell the other side."""
    callback_key: SecretRef | None = None
    """Reference of the secret that callbacks are signed with."""

    config: dict[str, Any] = Field(default_factory=dict)
    """Non-secret values that definitions read as `${config.name}`."""
    http_allow: list[str] = Field(default_factory=list)
    """Private networks and host names that definitions may reach by HTTP."""
    task_queues: list[str] = Field(default_factory=list)
    """Task queues beyond `activity-core-runs` that this worker serves."""
    external_task_queues: list[str] = Field(default_factory=list)
    """Task queues that templates may name, and that workers of the teams serve."""
    task_queue_rates: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Attempts per second by task queue, over all workers of it."""
    search_attributes: Literal["auto", "off"] = "auto"
    """Whether workflows of runs are found by definition, version, … in Temporal's own pages."""
    worker_deployment: Annotated[str, Field(pattern=r"^[^.:]{0,200}$")] = ""
    """The Temporal worker deployment that workers belong to; empty: they are not versioned."""
    worker_build_id: Annotated[str, Field(validate_default=True)] = ""
    """Their version of it; wanted if `worker_deployment` is set."""
    max_runs_per_execution: Annotated[int, Field(ge=1, le=200)] = 100
    recovery_rate: Annotated[float, Field(gt=0, le=1_000)] = 20.0
    """Runs a second that may make up for missed slots, over all definitions."""
    schedule_drift: Literal["repair", "report"] = "repair"
    """What becomes of Temporal Schedules that somebody else changed or deleted."""
    horizon: Duration = timedelta(days=30)
    """How long duplicates are recognised."""
    retention: Duration = timedelta(days=90)
    """How long events, decisions and routings are kept."""

    @field_validator("retention")
    @classmethod
    def _outlasts_the_horizon(cls, retention: timedelta, info: ValidationInfo) -> timedelta:
        if retention < info.data.get("horizon", timedelta()):
            raise ValueError("is shorter than the horizon: an event goes after its key")
        return retention

    @field_validator("worker_build_id")
    @classmethod
    def _belongs_to_a_deployment(cls, build: str, info: ValidationInfo) -> str:
        if bool(build) != bool(info.data.get("worker_deployment")):
            raise ValueError("belongs to worker_deployment: set both, or none")
        return build

    def checked_for_serving(self) -> "Settings":
        """The settings, if the API may listen with them.

        Raises:
            ConfigurationError: not loopback, and no API keys.
        """
        if not self.api_keys and not _is_loopback(self.host):
            raise ConfigurationError(
                f"refusing to listen on {self.host} without API keys",
                hint='set ACTIVITY_CORE_API_KEYS={"name": "env:SOME_SECRET"}, or listen on '
                "127.0.0.1",
            )
        return self


def load_settings(**overrides: object) -> Settings:
    """The settings of the environment, some of them overridden by the caller.

    Raises:
        ConfigurationError: naming each variable that is wrong, never its value.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = "; ".join(
            f"ACTIVITY_CORE_{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}"
            for item in error.errors(include_input=False)
        )
        raise ConfigurationError(wrong, hint="see docs/reference/settings.md") from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
