"""Who NATS is and who we are: TLS both ways, users, nkeys, credentials; nothing secret is shown."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nkeys
import pytest
from tests.brokers.nats import Files, NatsServer, certified, nats_server, quoted

from activity_core.adapters.nats.connection import NatsConnection
from activity_core.adapters.nats.settings import NatsSettings
from activity_core.core.errors import UnavailableError

PLAIN = "s3cret /@:,word"
ESCAPED = "s3cret%20%2F%40%3A%2Cword"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return certified(tmp_path)


@asynccontextmanager
async def serving(directory: Path, config: str) -> AsyncIterator[NatsServer]:
    path = directory / "nats.conf"
    store = quoted(directory / "store")
    path.write_text(f"jetstream {{ store_dir: {store}, sync_interval: always }}\n{config}")
    async with nats_server(directory / "data", path, {}) as server:
        yield server


def tls(files: Files, *, verify: bool = False) -> str:
    return (
        f"tls {{ cert_file: {quoted(files.certificate)}, key_file: {quoted(files.key)}, "
        f"ca_file: {quoted(files.authority)}, verify: {json.dumps(verify)} }}\n"
    )


async def welcome(settings: NatsSettings) -> None:
    connection = NatsConnection(settings)
    try:
        await connection.check()
    finally:
        await connection.forget()


async def test_tls_with_an_authority_of_ones_own(tmp_path: Path, files: Files):
    async with serving(tmp_path, tls(files)) as server:
        for scheme in ("tls", "nats"):
            await welcome(NatsSettings(f"{scheme}://{server.address}", tls_ca=str(files.authority)))
        with pytest.raises(UnavailableError, match="certificate verify failed"):
            await welcome(NatsSettings(f"tls://{server.address}"))


async def test_a_certificate_of_ours(tmp_path: Path, files: Files):
    async with serving(tmp_path, tls(files, verify=True)) as server:
        ours = NatsSettings(
            f"tls://{server.address}",
            tls_ca=str(files.authority),
            tls_cert=str(files.certificate),
            tls_key=str(files.key),
        )
        await welcome(ours)
        with pytest.raises(UnavailableError):
            await welcome(NatsSettings(ours.url, tls_ca=ours.tls_ca))


async def test_a_server_without_tls_is_told_nothing_if_tls_is_demanded(
    tmp_path: Path, files: Files
):
    async with serving(tmp_path, "") as server:
        for settings in (
            NatsSettings(f"tls://user:word@{server.address}"),
            NatsSettings(f"nats://user:word@{server.address}", tls_ca=str(files.authority)),
        ):
            with pytest.raises(UnavailableError, match="does not ask for TLS"):
                await welcome(settings)
        await welcome(NatsSettings(f"nats://user:word@{server.address}"))


async def test_user_and_password_of_the_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    async with serving(
        tmp_path, f"authorization {{ user: me, password: {json.dumps(PLAIN)} }}"
    ) as server:
        right = NatsSettings(f"nats://me:{ESCAPED}@{server.address}")
        await welcome(right)
        await welcome(NatsSettings(f"{right.url},{right.url}"))  # as of a cluster
        with pytest.raises(UnavailableError, match=r"(?i)authorization") as caught:
            await welcome(NatsSettings(f"nats://me:wrong-word@{server.address}"))
    shown = f"{caught.value!r} {caught.value.__cause__!r} {right!r} {capsys.readouterr()}"
    assert "wrong-word" not in shown
    assert "s3cret" not in shown


async def test_a_token_of_the_address(tmp_path: Path):
    async with serving(tmp_path, f"authorization {{ token: {json.dumps(PLAIN)} }}") as server:
        await welcome(NatsSettings(f"nats://{ESCAPED}@{server.address}"))
        with pytest.raises(UnavailableError, match=r"(?i)authorization"):
            await welcome(NatsSettings(f"nats://other@{server.address}"))


def pair(kind: int, fill: int) -> tuple[bytes, nkeys.KeyPair]:
    """The seed of a key, and the key."""
    seed = nkeys.encode_seed(bytes([fill]) * 32, kind)
    return seed, nkeys.from_seed(bytearray(seed))


async def test_an_nkey(tmp_path: Path):
    seed, key = pair(nkeys.PREFIX_BYTE_USER, 1)
    other, _ = pair(nkeys.PREFIX_BYTE_USER, 2)
    for name, text in (("ours", seed), ("other", other)):
        (tmp_path / name).write_bytes(text + b"\n")
    config = f"authorization {{ users: [ {{ nkey: {key.public_key.decode()} }} ] }}"
    async with serving(tmp_path, config) as server:
        url = f"nats://{server.address}"
        await welcome(NatsSettings(url, credentials=str(tmp_path / "ours")))
        with pytest.raises(UnavailableError, match=r"(?i)authorization"):
            await welcome(NatsSettings(url, credentials=str(tmp_path / "other")))


def signed(issuer: nkeys.KeyPair, subject: bytes, claims: dict[str, object]) -> str:
    """A JWT as operators and accounts of NATS issue them."""

    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    body: dict[str, object] = {
        "iat": 1_700_000_000,
        "iss": issuer.public_key.decode(),
        "name": "test",
        "sub": subject.decode(),
        "nats": {"version": 2, **claims},
    }
    body["jti"] = base64.b32encode(hashlib.sha256(json.dumps(body).encode()).digest()).decode()
    head = part(b'{"typ":"JWT","alg":"ed25519-nkey"}')
    text = f"{head}.{part(json.dumps(body).encode())}"
    return f"{text}.{part(issuer.sign(text.encode()))}"


async def test_a_credentials_file(tmp_path: Path):
    _, operator = pair(nkeys.PREFIX_BYTE_OPERATOR, 1)
    _, system = pair(nkeys.PREFIX_BYTE_ACCOUNT, 2)
    _, account = pair(nkeys.PREFIX_BYTE_ACCOUNT, 3)
    seed, user = pair(nkeys.PREFIX_BYTE_USER, 4)
    limits = {"subs": -1, "data": -1, "payload": -1, "conn": -1, "imports": -1, "exports": -1}
    room = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
    ids = [each.public_key for each in (system, account)]
    issued = [
        signed(operator, ids[0], {"type": "account", "limits": limits}),
        signed(operator, ids[1], {"type": "account", "limits": {**limits, **room}}),
    ]
    preload = ", ".join(
        f"{key.decode()}: {json.dumps(text)}" for key, text in zip(ids, issued, strict=True)
    )
    claims = {"type": "operator", "system_account": ids[0].decode()}
    config = (
        f"operator: {json.dumps(signed(operator, operator.public_key, claims))}\n"
        f"resolver: MEMORY\nresolver_preload: {{ {preload} }}\n"
    )
    for name, issuer in (("ours", account), ("forged", system)):
        token = signed(
            issuer, user.public_key, {"type": "user", "subs": -1, "data": -1, "payload": -1}
        )
        (tmp_path / f"{name}.creds").write_text(
            f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{seed.decode()}\n------END USER NKEY SEED------\n"
        )
    async with serving(tmp_path, config) as server:
        url = f"nats://{server.address}"
        await welcome(NatsSettings(url, credentials=str(tmp_path / "ours.creds")))
        with pytest.raises(UnavailableError):  # of an account without JetStream
            await welcome(NatsSettings(url, credentials=str(tmp_path / "forged.creds")))
        with pytest.raises(UnavailableError, match=r"(?i)authorization"):
            await welcome(NatsSettings(url))
