"""Where Kafka is, and how we prove to it who we are; what a client of it is told."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from activity_core.core.errors import ConfigurationError

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
ANSWER_WITHIN = 5.0
"""Seconds for a request: whoever waits for it may hold rows locked."""


@dataclass(frozen=True, slots=True)
class Sasl:
    """A user of the cluster; the password itself, not a reference to it."""

    username: str
    password: str = field(repr=False)
    mechanism: Mechanism = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files. Without `ca`, the system's authorities are trusted.

    `certificate` and `key` are ours, for a cluster that asks for one.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """`servers`: `host:port`, several with commas; the first that answers tells of the others."""

    servers: str
    sasl: Sasl | None = None
    tls: Tls | None = None


def client_options(settings: KafkaSettings) -> Mapping[str, Any]:
    """What every client of aiokafka takes.

    Raises:
        ConfigurationError: a file of TLS cannot be used.
    """
    options: dict[str, Any] = {
        "client_id": "activity-core",
        "request_timeout_ms": int(ANSWER_WITHIN * 1000),
        "security_protocol": ("SASL_" if settings.sasl else "")
        + ("SSL" if settings.tls else "PLAINTEXT"),
    }
    if settings.tls:
        options["ssl_context"] = _context(settings.tls)
    if settings.sasl:
        options |= {
            "sasl_mechanism": settings.sasl.mechanism,
            "sasl_plain_username": settings.sasl.username,
            "sasl_plain_password": settings.sasl.password,
        }
    return options


def _context(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.certificate:
            context.load_cert_chain(tls.certificate, tls.key)
    except OSError as error:  # an SSLError is one too
        files = ", ".join(path for path in (tls.ca, tls.certificate, tls.key) if path)
        raise ConfigurationError(
            f"the files of TLS cannot be used: {error}",
            subject=f"Kafka ({files})",
            hint="they must be readable PEM files, and the key must be that of the certificate",
        ) from error
    return context
