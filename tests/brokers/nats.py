"""A real NATS server with a configuration of the test's own, and what it needs to be trusted.

`nats_url` of the conftest is the server without any.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.api import eventually

from activity_core.adapters.nats.connection import NatsConnection
from activity_core.adapters.nats.durability import durability_warning
from activity_core.core.errors import UnavailableError
from activity_core.embedded.directory import locked
from activity_core.embedded.ports import LOOPBACK, choose_ports
from activity_core.embedded.process import ChildProcess, installed_program

READY_WITHIN = 30.0


async def make_streams_anew(connection: NatsConnection) -> None:
    """No streams but ours, which are new.

    The server answers a deletion before the files are gone, and refuses a store of that name until
    they are.
    """
    stream = await connection.jetstream()
    for info in await stream.streams_info():
        await stream.delete_stream(str(info.config.name))

    async def made() -> bool:
        try:
            await connection.restore_streams()
        except UnavailableError:
            return False
        return True

    await eventually(made, "the streams are new")


@dataclass(frozen=True)
class NatsServer:
    """`address` is `127.0.0.1:port`."""

    address: str
    monitor_url: str


@asynccontextmanager
async def nats_server(
    directory: Path, config: Path, environment: Mapping[str, str]
) -> AsyncIterator[NatsServer]:
    """A server with this configuration, but for its addresses."""
    async with locked(directory) as data:
        ports = choose_ports(["nats", "monitor"], demanded={}, preferred={})
        server = NatsServer(f"{LOOPBACK}:{ports['nats']}", f"http://{LOOPBACK}:{ports['monitor']}")
        process = ChildProcess("NATS", data)
        program = installed_program("nats-server")
        where = ["-a", LOOPBACK, "-p", str(ports["nats"]), "-m", str(ports["monitor"])]
        await process.start([program, "-c", str(config), *where], environment=environment)

        async def has_jetstream() -> bool:
            return await durability_warning(server.monitor_url, None) is None

        try:
            await process.ready(has_jetstream, within=READY_WITHIN)
            yield server
        finally:
            await process.stop()


@dataclass(frozen=True)
class Files:
    """Paths of an authority and of a certificate by it, for servers and clients alike."""

    authority: Path
    certificate: Path
    key: Path


def certified(directory: Path) -> Files:
    """A certificate for 127.0.0.1."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate("authority", root_key, "authority", root_key, is_authority=True)
    leaf = _certificate("127.0.0.1", key, "authority", root_key, is_authority=False)
    files = Files(*(directory / name for name in ("ca.pem", "cert.pem", "key.pem")))
    files.authority.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    files.certificate.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    subject, by = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer)
    )
    return (
        x509.CertificateBuilder(by, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))]), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )


def quoted(path: Path) -> str:
    """As a string of the server's configuration."""
    return json.dumps(str(path))
