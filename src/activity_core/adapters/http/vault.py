"""A vault that speaks HashiCorp's KV version 2 API (Vault, OpenBao).

In: the path and the field of a secret. Out: its newest version. The token is read anew for every
question, because an agent beside us may renew it. No error holds a token or a secret.
"""

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from activity_core.adapters.http.exchange import Answer, Ask, exchange
from activity_core.adapters.secrets import resolve_secret
from activity_core.core.errors import BadInputError, ConfigurationError, UnavailableError

TIMEOUT_S = 3.0
_REFUSALS = {400: "it is no such path", 403: "our token may not read it", 404: "nothing is there"}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Vault:
    """Reads secrets. `token`: where ours is, `env:NAME` or `file:/path`."""

    def __init__(self, client: httpx.AsyncClient, address: str, token: str) -> None:
        self._client = client
        self._address = address.rstrip("/")
        self._token = token

    async def field(self, path: str, name: str) -> str:
        """One field of the secret at a path of the API, like `secret/data/shop`.

        Raises:
            ConfigurationError: no token, no such secret or field, or we may not read it.
            UnavailableError: the vault does not answer, or not as documented.
        """
        answer = await self._ask(path)
        if answer.status in _REFUSALS:
            raise ConfigurationError(
                f"the vault refuses: {_REFUSALS[answer.status]}",
                subject=f"vault:{path}",
                hint="the path is that of the API, with `data` in it: secret/data/shop",
            )
        fields = self._fields(answer, path)
        value = fields.get(name)
        if not isinstance(value, str) or not value:
            raise ConfigurationError(
                "the secret has no such field, or no text in it", subject=f"vault:{path}#{name}"
            )
        return value

    async def close(self) -> None:
        """Close what is open."""
        await self._client.aclose()

    async def _ask(self, path: str) -> Answer:
        ask = Ask(
            "GET",
            f"{self._address}/v1/{path}",
            {"X-Vault-Token": resolve_secret(self._token)},
            None,
        )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await exchange(self._client, ask, None, TIMEOUT_S)
        except (httpx.HTTPError, TimeoutError, BadInputError) as error:
            raise UnavailableError(
                f"the vault does not answer: {type(error).__name__}", subject=f"vault:{path}"
            ) from None

    @staticmethod
    def _fields(answer: Answer, path: str) -> Mapping[str, object]:
        try:
            body = answer.json() if answer.ok else None
        except BadInputError:
            body = None
        outer = body.get("data") if isinstance(body, dict) else None
        fields = outer.get("data") if isinstance(outer, dict) else None
        if not isinstance(fields, dict):
            raise UnavailableError(
                f"the vault answers {answer.status}, and no secret of KV version 2",
                subject=f"vault:{path}",
            )
        return fields


def open_vault(environment: Mapping[str, str]) -> Vault | None:
    """The vault that the usual variables name; None if they name none.

    `VAULT_ADDR`, `VAULT_TOKEN_FILE` or else `VAULT_TOKEN`, and `VAULT_CACERT` for a certificate
    authority of one's own.

    Raises:
        ConfigurationError: an address that is not https, or no such certificate file.
    """
    address = environment.get("VAULT_ADDR")
    if not address:
        return None
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ConfigurationError("a vault is reached by https", subject="VAULT_ADDR")
    file = environment.get("VAULT_TOKEN_FILE")
    try:
        context = ssl.create_default_context(cafile=environment.get("VAULT_CACERT"))
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(f"{error.strerror or error}", subject="VAULT_CACERT") from None
    client = httpx.AsyncClient(verify=context, follow_redirects=False, trust_env=False)
    return Vault(client, address, f"file:{file}" if file else "env:VAULT_TOKEN")
