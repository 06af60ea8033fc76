"""Secrets and public keys of others, found when they are needed.

`services.verifier` asks; `adapters.secrets` and `adapters.http.key_sets` answer. No error and no
log line ever holds a secret.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Secrets(Protocol):
    """Secrets by reference: `env:NAME`, `file:/path`, `vault:path#field`."""

    async def secret(self, reference: str) -> str:
        """The secret behind a reference; it may be remembered for a short while.

        Raises:
            ConfigurationError: nothing is there, or it may not be read.
            UnavailableError: what keeps it does not answer.
        """
        ...


class KeySets(Protocol):
    """The public keys of token issuers (JWKS, RFC 7517)."""

    async def key_set(self, address: str, *, fresh: bool = False) -> Sequence[Mapping[str, Any]]:
        """The keys at an address; remembered for a while, unless `fresh` ones are asked for.

        However often `fresh` is asked, the address is not asked more than once in ten seconds.

        Raises:
            UnavailableError: the address does not answer with a key set.
        """
        ...
