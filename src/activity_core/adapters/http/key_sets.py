"""The public keys of token issuers: JWKS documents (RFC 7517), remembered for a while.

In: addresses that sources name. Out: keys as JSON. Asked through the guarded client, by https
unless the settings allow the host by name; an address is asked once at a time.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import httpx

from activity_core.adapters.http.exchange import Ask, exchange
from activity_core.adapters.http.guard import AllowList
from activity_core.core.errors import BadInputError, UnavailableError
from activity_core.ports.clock import Clock

KEPT = timedelta(minutes=10)
"""How long a key that its issuer withdrew is still taken."""
PAUSE = timedelta(seconds=10)
"""An address is asked no more often, however many unknown keys are shown to us."""
TIMEOUT_S = 5.0
MOST_KEYS = 100
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Known:
    """What is known of one address."""

    keys: Sequence[Mapping[str, Any]] = ()
    read_at: datetime = _LONG_AGO
    asked_at: datetime = _LONG_AGO
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class HttpKeySets:
    """`ports.secrets.KeySets`. `allowed`: hosts and networks that may be asked without TLS."""

    def __init__(
        self, client: httpx.AsyncClient, clock: Clock, allowed: Sequence[str] = ()
    ) -> None:
        self._client = client
        self._clock = clock
        self._allowed = AllowList.of(allowed)
        self._known: defaultdict[str, _Known] = defaultdict(_Known)

    async def key_set(self, address: str, *, fresh: bool = False) -> Sequence[Mapping[str, Any]]:
        """See `ports.secrets`."""
        known = self._known[address]
        async with known.asking:
            now = self._clock.now()
            if fresh or now - known.read_at >= KEPT:
                await self._renew(address, known, now)
            return known.keys

    async def _renew(self, address: str, known: _Known, now: datetime) -> None:
        if now - known.asked_at < PAUSE:
            if known.read_at == known.asked_at:
                return
            raise UnavailableError("it was asked in vain just now", subject=f"key set {address}")
        known.asked_at = now
        known.keys = await self._read(address)
        known.read_at = now

    async def _read(self, address: str) -> Sequence[Mapping[str, Any]]:
        try:
            self._check(httpx.URL(address))
            ask = Ask("GET", address, {"accept": "application/json"}, None)
            async with asyncio.timeout(TIMEOUT_S):
                answer = await exchange(self._client, ask, None, TIMEOUT_S)
            body = answer.json() if answer.ok else None
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, BadInputError) as error:
            text = str(error) or type(error).__name__
            raise UnavailableError(text, subject=f"key set {address}") from error
        keys = body.get("keys") if isinstance(body, dict) else None
        if not isinstance(keys, list) or len(keys) > MOST_KEYS:
            raise UnavailableError(
                f"it answers {answer.status}, and no key set", subject=f"key set {address}"
            )
        return [key for key in keys if isinstance(key, dict)]

    def _check(self, url: httpx.URL) -> None:
        """Keys that came in clear may be anybody's."""
        if url.scheme == "https" or url.host in {"localhost", *self._allowed.hosts}:
            return
        try:
            address = ip_address(url.host)
        except ValueError:
            address = None
        networks = self._allowed.networks
        if address is None or not (address.is_loopback or any(address in net for net in networks)):
            raise BadInputError("keys are read by https")
