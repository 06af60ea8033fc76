"""Settings of NATS: addresses, files, and that nothing secret is shown."""

from pathlib import Path

import pytest

from activity_core.adapters.nats.settings import NatsSettings, access_of
from activity_core.core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "servers", "identity"),
    [
        ("nats://host", ["nats://host:4222"], {}),
        ("host:5222", ["nats://host:5222"], {}),
        ("nats://a, tls://b:1", ["nats://a:4222", "tls://b:1"], {}),
        ("nats://[::1]:7", ["nats://[::1]:7"], {}),
        ("nats://t%40k@host", ["nats://host:4222"], {"token": "t@k"}),
        ("nats://u:p%2Fw@host:1", ["nats://host:1"], {"user": "u", "password": "p/w"}),
        ("nats://a,nats://u:@b", ["nats://a:4222", "nats://b:4222"], {"user": "u", "password": ""}),
    ],
)
def test_addresses(url: str, servers: list[str], identity: dict[str, str]) -> None:
    options = access_of(NatsSettings(url)).options
    assert options["servers"] == servers
    shown = {name: options[name] for name in ("user", "password", "token") if name in options}
    assert shown == identity


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nats://",
        "nats://user:secret",
        "nats://user:sec/ret@host",
        "nats://user:secret@host:port",
        "nats://user:secret@host:99999",
        "http://user:secret@host",
        "nats://host,,nats://user:secret@host",
        "nats://user:secret@[host",
    ],
)
def test_addresses_that_are_refused_are_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        access_of(NatsSettings(url))
    assert "sec" not in f"{caught.value!r} {caught.value.subject}"
    assert caught.value.__suppress_context__


def test_nothing_secret_is_shown() -> None:
    settings = NatsSettings("nats://user:secret@host")
    assert "secret" not in f"{settings!r} {access_of(settings)!r}"


def test_tls_is_demanded_by_the_scheme_or_any_file(tmp_path: Path) -> None:
    assert access_of(NatsSettings("nats://host")).tls is None
    assert access_of(NatsSettings("tls://host")).tls is not None
    assert access_of(NatsSettings("nats://a,tls://b")).tls is not None
    missing = str(tmp_path / "missing.pem")
    for settings in (
        NatsSettings("nats://host", tls_ca=missing),
        NatsSettings("nats://host", tls_cert=missing, tls_key=missing),
    ):
        with pytest.raises(ConfigurationError, match="TLS for NATS"):
            access_of(settings)


def test_a_key_without_its_certificate_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="TLS for NATS"):
        access_of(NatsSettings("nats://host", tls_key=str(tmp_path / "key.pem")))


def test_credentials_are_a_file_of_either_kind(tmp_path: Path) -> None:
    for name, text in (
        ("user_credentials", "-----BEGIN NATS USER JWT-----\n"),
        ("nkeys_seed", "SUAB\n"),
    ):
        path = tmp_path / name
        path.write_text(text)
        assert access_of(NatsSettings("host", credentials=str(path))).options[name] == str(path)
    with pytest.raises(ConfigurationError, match="credentials cannot be read"):
        access_of(NatsSettings("host", credentials=str(tmp_path / "missing")))
