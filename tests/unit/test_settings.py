"""Settings: from the environment alone; what is wrong is named, its value is not told."""

from datetime import timedelta

import pytest

from activity_core.core.errors import ConfigurationError
from activity_core.settings import load_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os  # noqa: PLC0415 - to look, once

    for name in [name for name in os.environ if name.startswith("ACTIVITY_CORE_")]:
        monkeypatch.delenv(name)


def test_without_any():
    settings = load_settings()
    assert (settings.host, settings.port, settings.tenant) == ("127.0.0.1", 8080, "main")
    assert settings.database_url is None
    assert settings.horizon == timedelta(days=30)
    assert settings.retention == timedelta(days=90)


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ACTIVITY_CORE_PORT", "9000")
    monkeypatch.setenv("ACTIVITY_CORE_CONFIG", '{"mail_url": "https://mail.example"}')
    monkeypatch.setenv("ACTIVITY_CORE_HTTP_ALLOW", '["10.0.0.0/8"]')
    monkeypatch.setenv("ACTIVITY_CORE_HORIZON", "P7D")
    settings = load_settings()
    assert settings.port == 9000
    assert settings.config == {"mail_url": "https://mail.example"}
    assert settings.http_allow == ["10.0.0.0/8"]
    assert settings.horizon == timedelta(days=7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "a-secret-by-mistake"),
        ("PORT", "70000"),
        ("TENANT", "No Tenant"),
        ("MAX_JSON_DEPTH", "1000"),
        ("API_KEYS", '{"ann": "a-secret-by-mistake"}'),
    ],
)
def test_what_is_wrong_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
):
    monkeypatch.setenv(f"ACTIVITY_CORE_{name}", value)
    with pytest.raises(ConfigurationError, match=f"ACTIVITY_CORE_{name}") as error:
        load_settings()
    assert "a-secret-by-mistake" not in str(error.value)


@pytest.mark.parametrize(("horizon", "retention"), [("30d", "29d"), ("91d", None)])
def test_an_event_is_kept_as_long_as_its_key(
    monkeypatch: pytest.MonkeyPatch, horizon: str, retention: str | None
):
    monkeypatch.setenv("ACTIVITY_CORE_HORIZON", horizon)
    if retention:
        monkeypatch.setenv("ACTIVITY_CORE_RETENTION", retention)
    with pytest.raises(ConfigurationError, match=r"ACTIVITY_CORE_RETENTION: .* shorter"):
        load_settings()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_key(host: str):
    assert load_settings(host=host).checked_for_serving()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])  # noqa: S104 - refused
def test_anything_else_does(host: str):
    with pytest.raises(ConfigurationError, match="without API keys"):
        load_settings(host=host).checked_for_serving()
    assert load_settings(host=host, api_keys={"ann": "env:KEY"}).checked_for_serving()
