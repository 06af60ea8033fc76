"""Secrets and key sets that were laid out beforehand."""

from collections.abc import Mapping, Sequence
from typing import Any

from activity_core.adapters.memory.failures import Failures
from activity_core.core.errors import ConfigurationError, UnavailableError


class MemorySecrets:
    """`ports.secrets.Secrets`: `secrets` by reference, whatever its kind."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self.failures = Failures()
        self.secrets = dict(secrets or {})

    async def secret(self, reference: str) -> str:
        """See `ports.secrets`."""
        self.failures.raise_before()
        if not (secret := self.secrets.get(reference)):
            raise ConfigurationError(f"the secret {reference} is missing or empty")
        return secret


class MemoryKeySets:
    """`ports.secrets.KeySets`: `fresh_keys` by address; who does not ask for them may get older.

    `asked` are the addresses that were asked for fresh keys, or for the first time.
    """

    def __init__(self, fresh_keys: Mapping[str, Sequence[Mapping[str, Any]]] | None = None) -> None:
        self.failures = Failures()
        self.fresh_keys = dict(fresh_keys or {})
        self.asked: list[str] = []
        self._known: dict[str, Sequence[Mapping[str, Any]]] = {}

    async def key_set(self, address: str, *, fresh: bool = False) -> Sequence[Mapping[str, Any]]:
        """See `ports.secrets`."""
        self.failures.raise_before()
        if fresh or address not in self._known:
            self.asked.append(address)
            if address not in self.fresh_keys:
                raise UnavailableError("nobody answers", subject=f"key set {address}")
            self._known[address] = self.fresh_keys[address]
        return self._known[address]
