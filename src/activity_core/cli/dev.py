"""`activity-core dev`: the embedded servers, all agents and the API, in one process tree.

Settings that name a real server win: that part is not started. State is kept in the data
directory; a second start finds it again.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import typer

from activity_core.adapters.postgres.migrate import migrate
from activity_core.adapters.system_clock import SystemClock
from activity_core.bootstrap.agents import AGENTS
from activity_core.bootstrap.system import open_system
from activity_core.cli import definition_files
from activity_core.cli.client import DEFAULT_URL, TIMEOUT, Client
from activity_core.cli.serve import running
from activity_core.core.definition_file.bundle import Bundle
from activity_core.core.errors import UnavailableError
from activity_core.embedded.ports import choose_ports
from activity_core.embedded.stack import Addresses, EmbeddedStack, Ports
from activity_core.settings import Settings

LOOPBACK = ("127.0.0.0/8", "::1/128")
"""On a laptop the services that definitions talk to are on the laptop."""

READY_TRIES, READY_PAUSE = 600, 0.05
API_KEY = "ACTIVITY_CORE_API_KEY"

PREFERRED = Ports(temporal=7233, temporal_ui=8233, nats=4222)


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that is up: where its parts are."""

    api_url: str
    servers: Addresses
    settings: Settings


@asynccontextmanager
async def dev_stack(
    settings: Settings, data_dir: Path, on_progress: Callable[[str], None]
) -> AsyncIterator[Running]:
    """Everything runs while inside.

    Raises:
        ConfigurationError: a port or the directory is in use, or the machine cannot run a server.
        UnavailableError: a server did not come up.
    """
    settings.checked_for_serving()
    stack = EmbeddedStack(
        data_dir,
        postgres=settings.database_url is None,
        temporal=settings.temporal_address is None,
        nats=settings.nats_url is None,
        ui=True,
        prefer=PREFERRED,
        on_progress=on_progress,
    )
    async with stack:
        settings = _with_callbacks(_with_servers(settings, stack.addresses), data_dir)
        on_progress("migrating the database")
        await asyncio.to_thread(migrate, str(settings.database_url))
        async with (
            open_system(settings) as system,
            running(system, list(AGENTS), with_api=True, beside=stack.watch) as server,
        ):
            url = server.url if server else ""
            on_progress("waiting until everything is ready")
            await _until_ready(url)
            yield Running(url, stack.addresses, settings)


async def run_dev(
    settings: Settings, data_dir: Path, port: int | None, definitions: Path | None
) -> None:
    """Run until cancelled, printing where everything is.

    Raises:
        ConfigurationError, UnavailableError: see `dev_stack`.
        InvalidDefinitionError: `definitions` cannot be applied.
    """
    settings = settings.model_copy(update={"port": _choose_port(settings.port, port)})
    bundle = None if definitions is None else read_files(definitions)
    try:
        async with dev_stack(settings, data_dir, _say) as up:
            if bundle is not None:
                await asyncio.to_thread(apply_bundle, up.api_url, bundle)
            _print_addresses(up, data_dir)
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        _say("stopped; the state is kept in " + str(data_dir))
        raise


def read_files(path: Path) -> Bundle:
    """What a file or a directory defines, checked as far as that goes without a server.

    Raises:
        InvalidDefinitionError: what the files say is wrong.
    """
    _, bundle = definition_files.read(path)
    for warning in definition_files.check(bundle, SystemClock().now()):
        _say(f"warning: {warning}")
    return bundle


def apply_bundle(url: str, bundle: Bundle) -> None:
    """Apply a set, all or nothing.

    Raises:
        RefusedError: what the API says is wrong.
    """
    with httpx.Client(trust_env=False, timeout=TIMEOUT) as http:
        client = Client(url, os.environ.get(API_KEY, ""), http=http)
        client.put("definitions", body=definition_files.documents(bundle))


def _with_servers(settings: Settings, servers: Addresses) -> Settings:
    """The settings, with the embedded servers where none was named, and open to all senders.

    A laptop is no place for a list of senders, unless the settings say otherwise.
    """
    said = settings.model_fields_set
    return settings.model_copy(
        update={
            "unlisted_senders": settings.unlisted_senders
            if "unlisted_senders" in said
            else "allow",
            "database_url": settings.database_url or servers.postgres,
            "temporal_address": settings.temporal_address or servers.temporal,
            "nats_url": settings.nats_url or servers.nats,
            "nats_monitor_url": settings.nats_monitor_url or servers.nats_monitor,
            "http_allow": [*settings.http_allow, *LOOPBACK],
        }
    )


def _with_callbacks(settings: Settings, data_dir: Path) -> Settings:
    """The settings, with an address for callbacks and a key that is kept in the data directory."""
    key = data_dir / "callback.key"
    if settings.callback_key is None and not key.exists():
        key.touch(mode=0o600)
        key.write_text(secrets.token_hex(32))
    port = settings.port or choose_ports(["API"], demanded={}, preferred={})["API"]
    scheme = "https" if settings.tls_cert else "http"
    return settings.model_copy(
        update={
            "port": port,
            "public_url": settings.public_url or f"{scheme}://{settings.host}:{port}",
            "callback_key": settings.callback_key or f"file:{key}",
        }
    )


async def _until_ready(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for _ in range(READY_TRIES):
            with suppress(httpx.TransportError):
                if (await client.get("/readyz")).is_success:
                    return
            await asyncio.sleep(READY_PAUSE)
    raise UnavailableError("not ready in time", hint="see the log lines above")


def _choose_port(preferred: int, demanded: int | None) -> int:
    """The demanded port; without one the preferred, or any free one if that is in use.

    Raises:
        ConfigurationError: the demanded port is in use.
    """
    demands = {} if demanded is None else {"API": demanded}
    port = choose_ports(["API"], demanded=demands, preferred={"API": preferred})["API"]
    if demanded is None and port != preferred:
        _say(f"port {preferred} is in use; taking {port}")
    return port


def _print_addresses(up: Running, data_dir: Path) -> None:
    rows = {
        "API": up.api_url,
        "console": f"{up.api_url}/console",
        "Temporal UI": up.servers.temporal_ui or "",
        "Temporal": up.settings.temporal_address,
        "NATS": up.settings.nats_url,
        "PostgreSQL": _without_password(str(up.settings.database_url)),
        "data": str(data_dir),
    }
    typer.echo("activity-core is ready. Ctrl-C stops it.")
    for name, value in rows.items():
        if value:
            typer.echo(f"  {name:<12} {value}")
    if up.api_url != DEFAULT_URL:
        typer.echo(f"In other terminals: export ACTIVITY_CORE_URL={up.api_url}")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":***@") if parts.password else url


def _say(text: str) -> None:
    typer.echo(f"… {text}", err=True)
