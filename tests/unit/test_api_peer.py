"""Client certificates: checked by our own TLS, or by a trusted proxy, and by nobody else."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import FastAPI
from tests.unit.memory_system import YAML, MemorySystem, event
from tests.unit.test_api_events import problem

from activity_core.adapters.system_clock import SystemClock
from activity_core.api.peer import Peers, tls_context
from activity_core.api.server import uvicorn_config
from activity_core.core.errors import ConfigurationError, UnverifiedError

SUBJECT = "CN=billing.example,O=Example\\, Inc.,C=DE"
SOURCE = f"""\
kind: source
id: billing
webhook: {{verify: {{mtls: {{subjects: ['{SUBJECT}']}}}}}}
"""
SENT = {"content-type": "application/cloudevents+json"}
KEYS = {"ann": "secret-of-ann"}
LOOPBACK = ("127.0.0.1", 1)


class Authority:
    """A certificate authority, made for one test, with its files."""

    def __init__(self, place: Path, name: str) -> None:
        self._place = place / name
        self._place.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = self._signed(self._name, self._key.public_key(), ca=True)
        self.file = self._place / "ca.pem"
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def issue(self, file: str, *words: tuple[x509.ObjectIdentifier, str]) -> str:
        """A file with a certificate for `localhost` and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(*word) for word in words])
        path = self._place / file
        path.write_bytes(
            self._signed(name, key.public_key(), ca=False).public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return str(path)

    def _signed(self, name: x509.Name, key: Any, *, ca: bool) -> x509.Certificate:
        now = SystemClock().now()  # TLS goes by the real time
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())


BILLING = (
    (NameOID.COUNTRY_NAME, "DE"),
    (NameOID.ORGANIZATION_NAME, "Example, Inc."),
    (NameOID.COMMON_NAME, "billing.example"),
)
OTHER = ((NameOID.COMMON_NAME, "other.example"),)


@pytest.fixture
async def system() -> MemorySystem:
    system = MemorySystem()
    async with system.client() as client:
        applied = await client.put("/v1/definitions", content=SOURCE, headers=YAML)
        assert applied.is_success, applied.text
    return system


@asynccontextmanager
async def served(app: FastAPI, tls: ssl.SSLContext) -> AsyncIterator[int]:
    """The port where an application is served over TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn_config(app, tls))
        serving = asyncio.create_task(server.serve([listening]))
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


async def send(
    port: int, trust: Path, certificate: str | None, claims: Mapping[str, str] | None = None
) -> httpx.Response:
    context = ssl.create_default_context(cafile=str(trust))
    if certificate:
        context.load_cert_chain(certificate)
    async with httpx.AsyncClient(verify=context, trust_env=False, timeout=30) as client:
        url = f"https://localhost:{port}/v1/hooks/billing"
        return await client.post(url, json=event(), headers=SENT | dict(claims or {}))


async def test_our_own_tls_knows_who_sends(system: MemorySystem, tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    cert = ours.issue("server.pem", (NameOID.COMMON_NAME, "localhost"))
    app = system.app(keys=KEYS)
    async with served(app, tls_context(cert, None, str(ours.file))) as port:
        problem(await send(port, ours.file, None), 401, "unverified")
        problem(await send(port, ours.file, ours.issue("o.pem", *OTHER)), 401, "unverified")
        with pytest.raises(httpx.TransportError):  # TLS itself says no
            await send(port, ours.file, theirs.issue("forged.pem", *BILLING))
        assert not system.state.tables.events
        answer = await send(port, ours.file, ours.issue("billing.pem", *BILLING))
        assert answer.status_code == 202, answer.text
    async with served(app, tls_context(cert, None, None)) as port:  # certificates are not asked for
        unasked = await send(port, ours.file, ours.issue("again.pem", *BILLING))
        problem(unasked, 401, "unverified")


async def test_nobody_says_himself_where_he_connects_from(
    system: MemorySystem, tmp_path: Path
) -> None:
    ours = Authority(tmp_path, "ours")
    cert = ours.issue("server.pem", (NameOID.COMMON_NAME, "localhost"))
    app = system.app(keys=KEYS, peers=Peers("X-Client-Subject", ["192.0.2.0/24"]))
    async with served(app, tls_context(cert, None, None)) as port:
        claims = {"X-Client-Subject": SUBJECT, "X-Forwarded-For": "192.0.2.1"}
        problem(await send(port, ours.file, None, claims), 401, "unverified")


def test_what_tls_needs_must_be_there(tmp_path: Path) -> None:
    cert = Authority(tmp_path, "ours").issue("server.pem", *OTHER)
    with pytest.raises(ConfigurationError, match="TLS"):
        tls_context(str(tmp_path / "none.pem"), None, None)
    with pytest.raises(ConfigurationError, match="TLS"):
        tls_context(cert, None, str(tmp_path / "none.pem"))


def certificate(
    peers: Peers,
    client: tuple[str, int] | None,
    headers: Mapping[str, str],
    own: str = "",
) -> str:
    return peers.certificate({"client": client, "state": {"certificate": own}}, headers)


@pytest.mark.parametrize(
    "client", [("10.1.2.3", 1), ("::ffff:10.1.2.3", 1), ("fd00::1", 1), ("127.0.0.1", 1)]
)
def test_a_trusted_proxy_is_believed(client: tuple[str, int]) -> None:
    peers = Peers("X-Client-Subject", ["10.0.0.0/8", "127.0.0.1", "fd00::/8"])
    assert certificate(peers, client, {"x-client-subject": f" {SUBJECT}"}) == SUBJECT
    # Its own certificate says nothing about the client behind it.
    assert certificate(peers, client, {}, own="CN=proxy") == ""


@pytest.mark.parametrize("client", [("192.0.2.1", 1), ("", 0), ("somewhere", 1), None])
def test_anybody_else_who_sends_its_header_is_refused(client: tuple[str, int] | None) -> None:
    peers = Peers("X-Client-Subject", ["10.0.0.0/8"])
    with pytest.raises(UnverifiedError):
        certificate(peers, client, {"x-client-subject": SUBJECT}, own=SUBJECT)
    assert certificate(peers, client, {}, own=SUBJECT) == SUBJECT


def test_without_a_proxy_no_header_counts() -> None:
    assert certificate(Peers(), LOOPBACK, {"x-client-subject": SUBJECT, "": SUBJECT}) == ""


@pytest.mark.parametrize(
    ("header", "proxies"),
    [("X-Client-Subject", []), ("", ["10.0.0.0/8"]), ("X-Client-Subject", ["10.0.0.1/8"])],
)
def test_half_a_setting_is_a_mistake(header: str, proxies: Sequence[str]) -> None:
    with pytest.raises(ConfigurationError):
        Peers(header, proxies)


async def test_a_proxy_over_http(system: MemorySystem) -> None:
    peers = Peers("X-Client-Subject", ["127.0.0.1/32"])
    for other in (peers, Peers("X-Client-Subject", ["192.0.2.0/24"])):
        async with system.client(keys=KEYS, peers=other) as client:
            headers = SENT | {"X-Client-Subject": SUBJECT}
            answer = await client.post("/v1/hooks/billing", json=event(), headers=headers)
            if other is peers:
                assert answer.status_code == 202
            else:
                problem(answer, 401, "unverified")
            twice = [*headers.items(), ("X-Client-Subject", SUBJECT)]
            answer = await client.post("/v1/hooks/billing", json=event(), headers=twice)
            problem(answer, 400, "bad_input")
