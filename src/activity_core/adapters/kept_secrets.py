"""Secrets for the verifier, which needs them for every message: found once, kept for a short while.

In: references, `env:NAME`, `file:/path` or `vault:path#field`. Out: secrets. No error ever holds
the value.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from activity_core.adapters.http.vault import Vault
from activity_core.adapters.secrets import resolve_secret
from activity_core.core.errors import ActivityCoreError, ConfigurationError, UnavailableError
from activity_core.ports.clock import Clock

KEPT = timedelta(seconds=30)
"""How long a secret that was changed or withdrawn is still taken."""
FAILURE_KEPT = timedelta(seconds=1)
"""How often a vault that does not answer is asked, however many messages wait for it."""


@dataclass(frozen=True, slots=True)
class _Found:
    until: datetime
    secret: str = ""
    error: ActivityCoreError | None = None


class KeptSecrets:
    """`ports.secrets.Secrets`; what it found it remembers for `KEPT`, and asks once at a time."""

    def __init__(self, clock: Clock, vault: Vault | None = None) -> None:
        self._clock = clock
        self._vault = vault
        self._found: dict[str, _Found] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def secret(self, reference: str) -> str:
        """See `ports.secrets`."""
        async with self._asking[reference]:
            now = self._clock.now()
            self._found = {ref: found for ref, found in self._found.items() if now < found.until}
            found = self._found.get(reference)
            if found is None:
                found = self._found[reference] = await self._find(reference, now)
        if found.error is not None:
            raise found.error.with_traceback(None)
        return found.secret

    async def _find(self, reference: str, now: datetime) -> _Found:
        try:
            if not reference.startswith("vault:"):
                return _Found(now + KEPT, resolve_secret(reference))
            if self._vault is None:
                raise ConfigurationError(
                    "no vault is known", subject=reference, hint="set VAULT_ADDR and VAULT_TOKEN"
                )
            path, _, field = reference.removeprefix("vault:").partition("#")
            return _Found(now + KEPT, await self._vault.field(path, field))
        except (ConfigurationError, UnavailableError) as error:
            return _Found(now + FAILURE_KEPT, error=error)
