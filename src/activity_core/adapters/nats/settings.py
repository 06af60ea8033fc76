"""Where NATS is and who we are there, as the client library takes it.

In: `NatsSettings`, from whoever wires. Out: the options of `connection`. The password of the
address leaves it here, so that no error and no log line can show it.
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from activity_core.core.errors import ConfigurationError

_DEFAULT_PORT = 4222


@dataclass(frozen=True, slots=True)
class NatsSettings:
    """One installation of NATS.

    Attributes:
        url: `nats://` or `tls://`, perhaps with `user:password@` or `token@` (percent-encoded);
            the servers of a cluster with commas. `tls://`, or any `tls_…`, demands TLS.
        credentials: path of a .creds file, or of the seed of an nkey.
        tls_ca: path of the authorities to trust; those of the system by default.
        tls_cert: path of our certificate, and `tls_key` of its key.
        monitor_url: the server's monitoring address, to ask how it writes to disk.
        make_streams: whether to make our two streams where they are missing.
        inbox_prefix: subject of the answers to us; narrow it where accounts are shared.
    """

    url: str = field(repr=False)
    credentials: str | None = None
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    monitor_url: str | None = None
    make_streams: bool = True
    inbox_prefix: str = "_INBOX"


@dataclass(frozen=True, slots=True)
class Access:
    """What `nats.aio.client.Client.connect` is told.

    Attributes:
        options: its keyword arguments.
        tls: the context of TLS; None where it is not demanded.
    """

    options: dict[str, Any] = field(repr=False)
    tls: ssl.SSLContext | None


def access_of(settings: NatsSettings) -> Access:
    """The settings as options.

    Raises:
        ConfigurationError: the address or a file cannot be read; never shows what is secret.
    """
    servers = [_server(text.strip()) for text in settings.url.split(",")]
    tls = _tls(settings, demanded=any(server.scheme == "tls" for server in servers))
    options: dict[str, Any] = {
        "servers": [
            f"{server.scheme}://{_host(server)}:{server.port or _DEFAULT_PORT}"
            for server in servers
        ],
        "inbox_prefix": settings.inbox_prefix,
        **_identity(servers),
        **_credentials(settings.credentials),
    }
    if tls is not None:
        options["tls"] = tls
    return Access(options, tls)


def _server(text: str) -> SplitResult:
    try:
        server = urlsplit(text if "://" in text else f"nats://{text}")
        server.port  # noqa: B018 - reading it checks it
    except ValueError:
        server = None
    if server is None or server.scheme not in ("nats", "tls") or not server.hostname:
        raise ConfigurationError(
            "the address of NATS cannot be read",
            hint="write nats://host:4222 or tls://host:4222; percent-encode a password in it",
        ) from None
    return server


def _host(server: SplitResult) -> str:
    host = server.hostname or ""
    return f"[{host}]" if ":" in host else host


def _identity(servers: list[SplitResult]) -> dict[str, str]:
    """The user, or token, that an address names; the same for every server."""
    for server in servers:
        if server.username is not None and server.password is not None:
            return {"user": unquote(server.username), "password": unquote(server.password)}
        if server.username is not None:
            return {"token": unquote(server.username)}
    return {}


def _credentials(path: str | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        holds_token = "BEGIN NATS USER JWT" in Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"NATS credentials cannot be read: {path}") from error
    return {"user_credentials" if holds_token else "nkeys_seed": path}


def _tls(settings: NatsSettings, *, demanded: bool) -> ssl.SSLContext | None:
    files = (settings.tls_ca, settings.tls_cert, settings.tls_key)
    if not demanded and not any(files):
        return None
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca)
        if settings.tls_key and not settings.tls_cert:
            raise ValueError("a key, and no certificate")
        if settings.tls_cert:
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ValueError) as error:
        names = ", ".join(path for path in files if path)
        raise ConfigurationError(f"TLS for NATS: {error}", subject=names) from error
    return context
