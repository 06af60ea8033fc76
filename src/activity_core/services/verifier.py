"""The verifier: finds the secrets and keys that a source names, and has its messages judged.

In: a source's `verify:`, a message, and when it came. Out: nothing, or UnverifiedError. What
cannot be found is nobody's forgery: then the message is to be sent again.
"""

from datetime import datetime

import structlog

from activity_core.core.admission.proof.token import UnknownKeyError
from activity_core.core.admission.verify import secret_refs, verified
from activity_core.core.definition.verification import Verification
from activity_core.core.errors import ConfigurationError, UnavailableError
from activity_core.core.event.message import Message
from activity_core.ports.secrets import KeySets, Secrets

log = structlog.get_logger(__name__)


class Verifier:
    """Judges for every source."""

    def __init__(self, secrets: Secrets, key_sets: KeySets) -> None:
        self._secrets = secrets
        self._key_sets = key_sets

    async def verify(self, verification: Verification, message: Message, at: datetime) -> None:
        """Look whether a message is from the source; signed times are judged by `at`.

        Raises:
            UnverifiedError: it does not prove it.
            UnavailableError: a secret, or the issuer's keys, cannot be had now.
        """
        try:
            await self._judge(verification, message, at)
        except (ConfigurationError, UnavailableError) as error:
            # The sender is not told where our secrets are, and shall not give up.
            log.warning("verification_unavailable", error=str(error))
            raise UnavailableError(
                "what proves this source cannot be read now", hint="send it again later"
            ) from error

    async def _judge(self, verification: Verification, message: Message, at: datetime) -> None:
        secrets = [await self._secrets.secret(ref) for ref in secret_refs(verification)]
        address = verification.jwt_.jwks if verification.jwt_ else None
        keys = await self._key_sets.key_set(address) if address else ()
        try:
            verified(verification, message, secrets, keys, at)
        except UnknownKeyError:
            if not address:
                raise
            keys = await self._key_sets.key_set(address, fresh=True)
            verified(verification, message, secrets, keys, at)
