"""Secrets from a vault over HTTP: its newest version, its refusals, and what it must not do."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.integration.vault_server import TOKEN, VaultServer, vault_server

from activity_core.adapters.http.exchange import MAX_BYTES
from activity_core.adapters.http.vault import Vault, open_vault
from activity_core.adapters.system_clock import SystemClock
from activity_core.core.errors import ConfigurationError, UnavailableError

PATH = "secret/data/shop"


@pytest.fixture
def server() -> Iterator[VaultServer]:
    with vault_server() as server:
        server.secrets[PATH] = {"key": "whsec_abc", "other": "x", "number": 7, "empty": ""}
        yield server


@pytest.fixture
async def vault(server: VaultServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Vault]:
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    vault = open_vault({"VAULT_ADDR": server.url + "/"})
    assert vault is not None
    yield vault
    await vault.close()


async def test_a_field_of_a_secret(vault: Vault, server: VaultServer):
    assert await vault.field(PATH, "key") == "whsec_abc"
    server.secrets[PATH] = {"key": "whsec_def"}
    assert await vault.field(PATH, "key") == "whsec_def"
    assert server.tokens == [TOKEN, TOKEN]


@pytest.mark.parametrize("name", ["number", "empty", "missing"])
async def test_what_is_no_text(vault: Vault, name: str):
    with pytest.raises(ConfigurationError, match=f"#{name}"):
        await vault.field(PATH, name)


async def test_its_refusals_are_ours_to_mend(vault: Vault, server: VaultServer):
    server.forbidden.add("secret/data/other")
    for path, why in (("secret/data/other", "may not"), ("secret/data/none", "nothing is there")):
        with pytest.raises(ConfigurationError, match=why) as error:
            await vault.field(path, "key")
        assert TOKEN not in str(error.value)


async def test_the_token_is_read_when_it_is_needed(vault: Vault, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VAULT_TOKEN", "old")
    with pytest.raises(ConfigurationError, match="may not"):
        await vault.field(PATH, "key")
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    assert await vault.field(PATH, "key") == "whsec_abc"
    monkeypatch.delenv("VAULT_TOKEN")
    with pytest.raises(ConfigurationError, match="VAULT_TOKEN"):
        await vault.field(PATH, "key")


async def test_the_token_may_lie_in_a_file(server: VaultServer, tmp_path: Path):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    vault = open_vault({"VAULT_ADDR": server.url, "VAULT_TOKEN_FILE": str(file)})
    assert vault is not None
    assert await vault.field(PATH, "key") == "whsec_abc"
    await vault.close()


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, b'{"errors": ["internal"]}'),
        (503, {}, b'{"errors": ["Vault is sealed"]}'),
        (429, {}, b""),
        (204, {}, b""),
        (200, {}, b"not json"),
        (200, {}, b"[]"),
        (200, {}, b'{"data": {"key": "version 1 of the API"}}'),
        (200, {}, b'{"data": {"data": null}}'),
        (200, {}, b" " * (MAX_BYTES + 1)),
    ],
    ids=lambda answer: f"{answer[0]} {answer[2][:12]!r}",
)
async def test_answers_that_are_none(
    vault: Vault, server: VaultServer, answer: tuple[int, dict[str, str], bytes]
):
    server.answers[PATH] = answer
    with pytest.raises(UnavailableError, match=PATH) as error:
        await vault.field(PATH, "key")
    assert TOKEN not in str(error.value)


async def test_the_token_follows_no_redirect(vault: Vault, server: VaultServer):
    server.answers["secret/data/moved"] = (307, {"location": f"{server.url}/v1/{PATH}"}, b"")
    with pytest.raises(UnavailableError, match="307"):
        await vault.field("secret/data/moved", "key")
    assert len(server.tokens) == 1


async def test_nobody_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    vault = open_vault({"VAULT_ADDR": "http://127.0.0.1:1"})
    assert vault is not None
    with pytest.raises(UnavailableError, match="does not answer"):
        await vault.field(PATH, "key")
    await vault.close()


async def test_a_certificate_must_be_one_that_we_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    certificate = self_signed(tmp_path / "vault.pem")
    with vault_server(certificate) as server:
        server.secrets[PATH] = {"key": "whsec_abc"}
        stranger = open_vault({"VAULT_ADDR": server.url})
        known = open_vault({"VAULT_ADDR": server.url, "VAULT_CACERT": str(certificate)})
        assert stranger is not None
        assert known is not None
        with pytest.raises(UnavailableError, match="ConnectError"):
            await stranger.field(PATH, "key")
        assert server.tokens == []
        assert await known.field(PATH, "key") == "whsec_abc"
        await stranger.close()
        await known.close()


def self_signed(file: Path) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vault")])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
    )
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + key.private_bytes(*form))
    return file
