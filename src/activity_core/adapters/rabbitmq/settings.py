"""Where RabbitMQ is, and what proves who is who. Handed in by `bootstrap`, read by `connection`."""

import ssl
from dataclasses import dataclass, field

from yarl import URL

from activity_core.core.errors import ConfigurationError

HEARTBEAT = "10"
"""Seconds without a word after which either side asks; three times that, and it is gone."""


@dataclass(frozen=True, slots=True)
class RabbitmqSettings:
    """An address with its password in it, and paths of PEM files.

    Attributes:
        url: `amqps://user:password@host/vhost`, or `amqp://` without encryption.
        tls_ca: whoever signed the server's certificate; the system's authorities if None.
        tls_cert: ours, for servers that ask for one; `tls_key` is its private key.
    """

    url: str = field(repr=False)
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None


def address(settings: RabbitmqSettings) -> URL:
    """The address, with our heartbeat and name unless it says others.

    Raises:
        ConfigurationError: it is none, or does not encrypt though there are files for TLS. The
            text does not repeat it: a password may be in it.
    """
    try:
        url = URL(settings.url)
    except ValueError:
        url = URL()
    if url.scheme not in ("amqp", "amqps") or not url.host:
        raise ConfigurationError(
            "the address is not of the form amqps://user:password@host/vhost",
            subject="RabbitMQ",
            hint="write special characters of the password as %XX",
        )
    if url.scheme == "amqp" and (settings.tls_ca or settings.tls_cert):
        raise ConfigurationError(
            "there are files for TLS, but amqp:// does not encrypt",
            subject="RabbitMQ",
            hint="use amqps://",
        )
    return url.with_query({"heartbeat": HEARTBEAT, "name": "activity-core", **url.query})


def tls(settings: RabbitmqSettings) -> ssl.SSLContext:
    """Checks the server's certificate and its name; shows ours if there is one.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca)
        if settings.tls_cert:
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:
        files = [settings.tls_ca, settings.tls_cert, settings.tls_key]
        raise ConfigurationError(
            f"a file for TLS cannot be used ({', '.join(filter(None, files))}): {error}",
            subject="RabbitMQ",
        ) from error
    return context
